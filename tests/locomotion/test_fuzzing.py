"""Fifty damages to each kind of file; `make fuzz` tries a thousand."""

import pytest

from tests.locomotion.fuzzing import KINDS, fuzz, sound_folder


@pytest.fixture(scope="module")
def folder():
    with sound_folder() as folder:
        yield folder


@pytest.mark.parametrize("forged", [False, True], ids=["checksums kept", "checksums forged"])
@pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
def test_damage_is_told_in_one_sentence_or_does_no_harm(folder, kind, forged):
    outcomes = fuzz(kind, folder, 50, forged)
    assert set(outcomes) <= {"told", "harmless"}
