"""Some of the moments of `make faults`: a kill or a full disk, after which a job goes on, equal to the last bit."""

import errno
import random

import pytest

from locomotion.errors import UsageError, refusals_told
from tests.locomotion.faults import FULL, PHASES, Faults, killed


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Faults:
    return Faults(tmp_path_factory.mktemp("faults"))


@pytest.mark.parametrize("phase", ["start", "update", "checkpoint", "evaluation", "shipping"])
def test_a_job_that_is_killed_goes_on_as_if_nothing_had_been(faults, phase):
    killed(faults, phase, random.Random(phase))


@pytest.mark.parametrize("number", [2])
def test_a_job_whose_disk_is_full_says_so_and_goes_on_once_there_is_room(faults, number):
    said = faults.fill(FULL[number])
    assert PHASES[FULL[number].phase].job == "training"
    assert "--resume" in said


@pytest.mark.parametrize("code", [errno.EACCES, errno.EDQUOT, errno.EFBIG, errno.ENAMETOOLONG, errno.ENOTDIR])
def test_every_refusal_is_told_with_its_place(tmp_path, code):
    told = pytest.raises(UsageError, match=f"^cannot write to {tmp_path}: words; advice$")
    with told, refusals_told(tmp_path, lambda: "; advice"):
        raise OSError(code, "words")
