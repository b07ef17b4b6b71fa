import numpy as np
import torch
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from agents import ActorCritic, Network
from agents.symmetry import Reflection


@st.composite
def mirrors(draw, size):
    """Order and sign of a mirror image: some numbers change places with one other, some change their signs."""
    places, pairs = draw(st.permutations(range(size))), draw(st.integers(0, size // 2))
    order, sign = np.arange(size), draw(arrays(float, size, elements=st.sampled_from([-1.0, 1.0])))
    left, right = places[:pairs], places[pairs : 2 * pairs]
    order[left], order[right] = right, left
    sign[left] = sign[right]
    return order, sign


@st.composite
def mirrored_bounds(draw, mirror):
    """Bounds of actions that are those of their mirror images."""
    order, sign = mirror
    middle, reach = (
        draw(arrays(np.float32, len(order), elements=st.floats(*ends, width=32))) for ends in ((-2, 2), (0.5, 4))
    )
    middle, reach = (middle + sign * middle[order]) / 2, (reach + reach[order]) / 2
    return spaces.Box((middle - reach).astype(np.float32), (middle + reach).astype(np.float32))


@given(st.data())
def test_the_mirror_image_of_the_mirror_image_is_the_vector(data):
    reflection = Reflection(*data.draw(mirrors(6)))
    vectors = torch.from_numpy(data.draw(arrays(np.float32, (3, 6), elements=st.floats(-1e3, 1e3, width=32))))
    assert torch.equal(reflection.reflect(reflection.reflect(vectors)), vectors)


@given(st.data(), st.integers(0, 1000), st.sampled_from([None, 1.5]))
def test_a_symmetric_actor_does_in_the_mirror_what_the_mirror_shows(data, seed, mean_bound):
    seen, acted = data.draw(mirrors(5)), data.draw(mirrors(3))
    action_space = data.draw(mirrored_bounds(acted))
    torch.manual_seed(seed)
    policy = ActorCritic(
        spaces.Box(-np.inf, np.inf, (5,)),
        action_space,
        lambda _: 1e-3,
        network=Network(actor=(8,), value=(), mean_bound=mean_bound),
        mirror=(seen, acted),
        ortho_init=False,
    )
    rows = np.random.default_rng(seed).normal(1.0, 3.0, (20, 5)).astype(np.float32)
    policy.update_normalizer(rows)
    (order, sign), (action_order, action_sign) = seen, acted
    expected = policy.deterministic(rows)[:, action_order] * action_sign
    np.testing.assert_allclose(policy.deterministic((rows[:, order] * sign).astype(np.float32)), expected, atol=1e-5)
