"""Sweeps over gamma and lambda: the plan, the trainings, and the report."""
