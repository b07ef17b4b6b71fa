from pathlib import Path

import numpy as np
import pytest

from locomotion.errors import UsageError
from locomotion.recording.film import Film


def test_numpys_numbers_and_a_files_name_are_taken():
    film = Film(out="a/b.gif", seconds=np.float32(0.5), width=np.int64(32), height=np.array(48))
    assert film == Film(out=Path("a/b.gif"), seconds=0.5, width=32, height=48)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seconds": "long"}, "--seconds must be of type float, got 'long'"),
        ({"width": 32.5}, r"--width must be of type int \| None, got 32.5"),
        ({"out": 3}, r"--out must be of type pathlib.Path \| None, got 3"),
    ],
)
def test_an_option_of_another_type_is_named(options, message):
    with pytest.raises(UsageError, match=message):
        Film(**options)
