"""Pickles of strangers: read for their numbers, refused by the name of what they ask for, and never run."""

import collections
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3.common.running_mean_std import RunningMeanStd

from locomotion.errors import UsageError
from locomotion.importing.inert import Inert, array_of, read_inert


class Hostile:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    ("hostile", "name"),
    [
        (Hostile(os.system, "touch {}"), r"posix\.system"),
        (Hostile(eval, "open('{}', 'w')"), r"builtins\.eval"),
        (Hostile(Path.touch, "{}"), r"builtins\.getattr|pathlib\.Path"),
        (Hostile(np.load, "{}"), None),  # of an allowed module: inert all the same
        (Hostile(collections.namedtuple, "a", "b"), None),
    ],
)
def test_nothing_in_a_pickle_runs(hostile, name, tmp_path):
    witness = tmp_path / "witness"
    function, arguments = hostile.call
    hostile.call = function, tuple(argument.format(witness) for argument in arguments)
    content = pickle.dumps({"obs_rms": hostile})
    if name is None:
        assert isinstance(read_inert(content, "it")["obs_rms"], Inert)
    else:
        with pytest.raises(UsageError, match=f"it is refused, and nothing in it was run: it asks for ({name})"):
            read_inert(content, "it")
    assert not witness.exists()


@pytest.mark.parametrize("content", [b"", b"cos\nsystem\n", b"\x80\x05.", b"(" * 100])
def test_damaged_pickles_are_named(content):
    with pytest.raises(UsageError, match="it is refused, and nothing in it was run"):
        read_inert(content, "it")


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize(
    "numbers",
    [
        np.array([1.5, -2.0, 1e300]),
        np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
        np.array(4, np.int64),
        np.float64(2.5),
        np.float32(0.1),
        7,
    ],
)
def test_numbers_come_through(numbers, protocol):
    found = array_of(read_inert(pickle.dumps(numbers, protocol), "it"), "it")
    np.testing.assert_array_equal(found, np.asarray(numbers, float))


def test_statistics_and_spaces_are_read_without_their_classes():
    moments = RunningMeanStd(shape=(3,))
    moments.update(np.random.default_rng(0).normal(size=(50, 3)))
    record = read_inert(pickle.dumps({"rms": moments, "space": spaces.Box(-1, 1, (3,))}), "it")
    np.testing.assert_array_equal(array_of(record["rms"].state["mean"], "mean"), moments.mean)
    assert record["space"].name == "gymnasium.spaces.box.Box"


@pytest.mark.parametrize("value", [np.array(["a"]), np.array([None]), "text", None, [1.0], spaces.Discrete(2)])
def test_what_is_no_array_of_numbers_is_refused(value):
    with pytest.raises(UsageError, match="it is not an array of numbers"):
        array_of(read_inert(pickle.dumps(value), "file"), "it")
