import numpy as np
import pytest
import torch

from agents.memory import LinearisedMemory, Memory
from agents.trust_region import flat, unflattened

SHARDS, STEPS, SEQUENCES, INPUTS, SIZE = 2, 5, 3, 4, 6
KINDS = ["gru", "lstm"]


@pytest.fixture(params=KINDS)
def memory(request):
    torch.manual_seed(0)
    memory = Memory(request.param, INPUTS, SIZE).double()
    for parameter in memory.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return memory


def sequences():
    """Inputs, starts at the first and the last step and twice in a row, and states."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(SHARDS, STEPS, SEQUENCES, INPUTS))
    starts = np.zeros((SHARDS, STEPS, SEQUENCES), bool)
    starts[0, 0, 0] = starts[0, -1, 1] = starts[1, 2, 2] = starts[1, 3, 2] = True
    return inputs, starts


def linearised(memory, inputs, starts, states):
    return LinearisedMemory(memory.as_numpy(), inputs, ~starts, states)


def outputs_of(memory, inputs, starts, states):
    """Torch's outputs of all shards (SHARDS, STEPS, SEQUENCES, ...)."""
    shards = zip(*(torch.as_tensor(array) for array in (inputs, starts, states)), strict=True)
    return torch.stack([memory.over(*shard)[0] for shard in shards])


def test_numpys_outputs_and_products_are_autograds(memory):
    inputs, starts = sequences()
    states = np.random.default_rng(1).normal(size=(SHARDS, SEQUENCES, memory.state_size))
    mine, parameters = linearised(memory, inputs, starts, states), list(memory.parameters())
    leaf = torch.as_tensor(inputs).requires_grad_()
    outputs = outputs_of(memory, leaf, starts, states)
    np.testing.assert_allclose(mine.outputs, outputs.detach(), atol=1e-12)

    slopes = torch.randn(outputs.shape, dtype=torch.float64)
    gradient, by_inputs = mine.pull(slopes.numpy())
    for shard in range(SHARDS):
        expected = torch.autograd.grad((outputs[shard] * slopes[shard]).sum(), parameters, retain_graph=True)
        np.testing.assert_allclose(gradient[shard], flat(expected), atol=1e-12)
    (expected,) = torch.autograd.grad((outputs * slopes).sum(), leaf)
    np.testing.assert_allclose(by_inputs, expected, atol=1e-12)

    vector, change = torch.randn(len(flat(parameters)), dtype=torch.float64), torch.randn_like(leaf)
    pieces = tuple(piece for _, piece in unflattened(parameters, vector))
    names = [name for name, _ in memory.named_parameters()]

    def function(*arguments):
        changed = dict(zip([f"memory.{name}" for name in names], arguments[:-1], strict=True))
        return torch.func.functional_call(Over(memory, starts, states), changed, arguments[-1])

    _, expected = torch.func.jvp(function, (*parameters, leaf), (*pieces, change))
    np.testing.assert_allclose(mine.push(vector.numpy(), change.numpy()), expected.detach(), atol=1e-12)
    only = np.zeros_like(inputs)
    np.testing.assert_allclose(mine.push(vector.numpy(), None), mine.push(vector.numpy(), only), atol=1e-12)


class Over(torch.nn.Module):
    def __init__(self, memory, starts, states):
        super().__init__()
        self.memory, self.starts, self.states = memory, starts, states

    def forward(self, inputs):
        return outputs_of(self.memory, inputs, self.starts, self.states)


def test_a_sequence_is_its_steps_and_a_start_forgets(memory):
    inputs, starts = sequences()
    states = np.random.default_rng(1).normal(size=(SHARDS, SEQUENCES, memory.state_size))
    whole = linearised(memory, inputs, starts, states)
    for t in range(STEPS):
        step = linearised(memory, inputs[:, t : t + 1], starts[:, t : t + 1], states)
        np.testing.assert_allclose(whole.outputs[:, t : t + 1], step.outputs, atol=1e-13)
        states = step.states[:, 0]
        fresh = linearised(memory, inputs[:, t : t + 1], starts[:, t : t + 1], np.zeros_like(states))
        forgot = starts[:, t]
        np.testing.assert_array_equal(step.outputs[:, 0][forgot], fresh.outputs[:, 0][forgot])


def test_no_robot_reaches_anothers_gradient(memory):
    inputs, starts = sequences()
    states = np.zeros((SHARDS, SEQUENCES, memory.state_size))
    other = inputs.copy()
    other[0, :, 1] += 1.0
    one, two = (linearised(memory, seen, starts, states) for seen in (inputs, other))
    alone = [0, 2]
    np.testing.assert_array_equal(one.outputs[0][:, alone], two.outputs[0][:, alone])
    slopes = np.random.default_rng(2).normal(size=one.outputs.shape)
    slopes[0, :, 1] = 0.0
    for before, after in zip(one.pull(slopes), two.pull(slopes), strict=True):
        np.testing.assert_allclose(before, after, atol=1e-13)


def test_at_first_the_memory_is_kept(memory):
    fresh = Memory(memory.kind, INPUTS, SIZE)
    state = torch.ones(1, fresh.state_size)
    _, after = fresh.step(torch.zeros(1, INPUTS), state)
    assert after[0, -SIZE:].mean() > 0.6
