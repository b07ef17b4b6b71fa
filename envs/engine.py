"""MuJoCo's engine: the cores it may use, and how models are compiled and run without work that has no effect."""

from __future__ import annotations

import ctypes
import os
import threading
import warnings

import mujoco

CONTACT = mujoco.mjtDisableBit.mjDSBL_CONTACT.value
ISLAND = mujoco.mjtDisableBit.mjDSBL_ISLAND.value
SLEEP = mujoco.mjtEnableBit.mjENBL_SLEEP.value


def available_cores() -> int:
    """Return the number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def compile_model(spec: mujoco.MjSpec) -> mujoco.MjModel:
    """Compile a model, keeping MuJoCo's warnings out of the working folder (it would write MUJOCO_LOG.TXT)."""
    mujoco.set_mju_user_warning(_ignore)
    with warnings.catch_warnings():  # the engine's remarks on a model
        warnings.simplefilter("ignore", UserWarning)
        model = spec.compile()
    model.opt.disableflags |= idle_stages(model)
    return model


def _ignore(message: str) -> None:
    """Drop a warning of the engine: blow-ups are read from `Batch.warning`, robot by robot, and counted."""


def idle_stages(model: mujoco.MjModel) -> int:
    """Return the bits (mjtDisableBit) of those stages that change no bit of this model's results, but take time.

    Where no two geoms can touch, the search for contacts finds none (a fifth of a step's time for a cart with a pole).
    `Task.physics` can then not make them touch, robot by robot. A single tree of bodies is a single island: its
    constraints make one system either way (3 to 9 % for legs).
    """
    apart = model.geom_bodyid[:, None] != model.geom_bodyid
    touching = (apart & ((model.geom_contype[:, None] & model.geom_conaffinity) != 0)).any()
    contact = 0 if touching or model.npair or model.nflex else CONTACT
    island = ISLAND if model.ntree == 1 and not model.opt.enableflags & SLEEP else 0
    return contact | island


def _clock() -> ctypes.c_void_p:
    """Return the engine's `mjcb_time`: the C function that tells it the time, or NULL for none."""
    try:
        return ctypes.c_void_p.in_dll(ctypes.CDLL(mujoco._functions.__file__), "mjcb_time")
    except (AttributeError, OSError, ValueError):  # a platform or version on which the symbol is found elsewhere
        return ctypes.c_void_p()


class Untimed:
    """Within this context, the engine does not time itself (`MjData.timer`).

    Reading the clock takes 4 % of a physics step's time for the slowest robots, 34 % for the fastest. MuJoCo's Python
    package turns this on and has no way to turn it off; in C it is off by default.
    """

    def __init__(self) -> None:
        self._clock = _clock()
        self._lock = threading.Lock()
        self._users = 0
        self._kept: int | None = None

    def __enter__(self) -> None:
        with self._lock:
            if not self._users:
                self._kept, self._clock.value = self._clock.value, None
            self._users += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                self._clock.value = self._kept


untimed = Untimed()
