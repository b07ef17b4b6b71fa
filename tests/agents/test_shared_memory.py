import threading

import pytest
import torch

from agents import shared_memory
from agents.shared_memory import SharedMemory, board


def meeting(size):
    """Return the exchanges of so many processes (here: threads)."""
    from multiprocessing import Pipe

    shared, pipes = board(size), [Pipe() for _ in range(1, size)]
    ends = [[ours for ours, _ in pipes], *([theirs] for _, theirs in pipes)]
    return [SharedMemory(rank, shared, ends[rank], lambda: None) for rank in range(size)]


def everyone(exchanges, work):
    results = [None] * len(exchanges)

    def run(rank):
        results[rank] = work(exchanges[rank])

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(len(exchanges))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64])
def test_all_see_what_each_hands_in_again_and_again(monkeypatch, dtype):
    monkeypatch.setattr(shared_memory, "CAPACITY", 256)  # bytes: the larger ones go in parts

    def work(exchange):
        return [exchange.gather(torch.full((size, 3), 10 * exchange.rank + size, dtype=dtype)) for size in range(1, 40)]

    for told in everyone(meeting(3), work):
        for size, parts in zip(range(1, 40), told, strict=True):
            assert [part.shape for part in parts] == [(size, 3)] * 3
            assert [part.dtype for part in parts] == [dtype] * 3
            assert [part.unique().tolist() for part in parts] == [[10 * rank + size] for rank in range(3)]


def test_objects_go_to_process_0_and_come_from_it_as_copies():
    def work(exchange):
        collected = exchange.collect({"rank": exchange.rank, "tensor": torch.full((2,), float(exchange.rank))})
        announced = exchange.announce(torch.zeros(2) if exchange.rank == 0 else None)
        announced += exchange.rank  # everyone's own
        exchange.gather(torch.zeros(1))
        return collected, announced.tolist()

    first, second, third = everyone(meeting(3), work)
    assert [one["rank"] for one in first[0]] == [0, 1, 2]
    assert [one["tensor"].tolist() for one in first[0]] == [[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]
    assert second[0] is third[0] is None
    assert [first[1], second[1], third[1]] == [[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]


def test_a_process_that_waits_in_vain_looks_whether_the_others_live(monkeypatch):
    class DiedError(Exception):
        pass

    def check():
        raise DiedError

    exchange = SharedMemory(0, board(2), [], check)
    with pytest.raises(DiedError):
        exchange.gather(torch.zeros(3))
