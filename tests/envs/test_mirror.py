import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from envs.mirror import SignedPermutation


@st.composite
def permutations(draw):
    size = draw(st.integers(1, 5))
    signs = draw(st.lists(st.sampled_from([-1.0, 1.0]), min_size=size, max_size=size))
    return SignedPermutation(np.array(draw(st.permutations(range(size)))), np.array(signs))


@given(st.lists(permutations(), min_size=1, max_size=5))
def test_a_vector_of_several_parts_is_mirrored_part_by_part(parts):
    order, sign = joined = SignedPermutation.joined(parts)
    vector = 1.0 + np.arange(len(order))
    start = 0
    for part in parts:
        stop = start + len(part.order)
        np.testing.assert_array_equal((sign * vector[order])[start:stop], part.sign * vector[start:stop][part.order])
        for own, found in zip(part, joined.part(start, stop), strict=True):
            np.testing.assert_array_equal(found, own)
        start = stop
    assert start == len(order)
