import pytest
from hypothesis import given
from hypothesis import strategies as st

from locomotion.runs.schedules import constant_then_linear, linear, linear_then_constant

NUMBERS = st.floats(1e-6, 10.0)
SHARES = st.floats(-0.1, 1.0)  # of training that remains: the last iteration may go beyond its end


@given(NUMBERS, SHARES, SHARES)
def test_linear_falls_to_a_hundredth(first, one, other):
    earlier, later = linear(max(one, other), first), linear(min(one, other), first)
    assert first / 100 * (1 - 1e-12) <= later <= earlier <= first
    assert linear(1.0, first) == first
    assert linear(0.0, first) == linear(-0.1, first) == pytest.approx(first / 100)
    assert linear(0.5, first) == first / 2


@pytest.mark.parametrize(
    ("schedule", "last_of_first", "first_of_final"),
    [(constant_then_linear, 0.2, 0.0), (linear_then_constant, 1.0, 0.2)],
)
@given(NUMBERS, NUMBERS, SHARES, SHARES)
def test_others_go_from_first_to_final_in_a_straight_line(
    schedule, last_of_first, first_of_final, first, final, one, other
):
    rounding = 1e-15 * (first + final)

    def at(remaining):
        return schedule(remaining, first=first, final=final)

    earlier, later = at(max(one, other)), at(min(one, other))
    assert min(first, final) - rounding <= later <= max(first, final) + rounding
    assert (earlier - later) * (first - final) >= -rounding
    for remaining in (last_of_first, (1 + last_of_first) / 2, 1.0):
        assert at(remaining) == pytest.approx(first, abs=rounding)
    for remaining in (first_of_final, first_of_final / 2, -0.1):
        assert at(remaining) == pytest.approx(final, abs=rounding)
    halfway = (last_of_first + first_of_final) / 2
    assert at(halfway) == pytest.approx((first + final) / 2)
