"""Experiments: worlds (`envs`) and learners (`agents`), from a command line to a policy that is scored and filmed.

Each room imports from the floors below its own, and from `envs` and `agents`; the top floor first:

- commands, __main__
- benchmarks, sweeps, replay, export
- training, viewer, importing
- recording
- evaluation
- policies
- runs, laboratory
- errors, tables, loading, command_line, launch, interrupts, progress, field_notes, files, checksums, locks, streams,
  threads, torchrun, environments, task_options, unfinished
"""
