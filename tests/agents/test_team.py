import threading

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from agents.places import shard_count
from agents.team import Shards, Team, one_shard, strided


class Meeting:
    """Exchanges between threads."""

    def __init__(self, size):
        self.size = size
        self.handed = [None] * size
        self.barrier = threading.Barrier(size, timeout=20)

    def seat(self, rank):
        return Seat(self, rank)


class Seat:
    def __init__(self, meeting, rank):
        self.meeting, self.rank, self.size = meeting, rank, meeting.size

    def gather(self, mine):
        self.meeting.handed[self.rank] = mine.clone()
        self.meeting.barrier.wait()
        everyone = list(self.meeting.handed)
        self.meeting.barrier.wait()
        return everyone


def by_processes(robots, size, work):
    """Return what `work(team)` returns in each of so many processes (here: threads)."""
    meeting, results = Meeting(size), [None] * size

    def run(rank):
        results[rank] = work(Team(robots, meeting.seat(rank)))

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.parametrize(
    ("robots", "shards"), [(1, 1), (2, 1), (3, 1), (4, 2), (7, 1), (12, 6), (16, 8), (24, 12), (64, 16), (100, 10)]
)
def test_robots_are_cut_into_equal_shards_of_two_or_more(robots, shards):
    assert shard_count(robots) == shards


@given(st.integers(1, 40), st.integers(1, 16))
def test_every_shard_belongs_to_one_process(robots, size):
    class Of:
        def __init__(self, rank):
            self.rank, self.size = rank, size

    if size > shard_count(robots):
        with pytest.raises(ValueError, match="can be shared by at most"):
            Team(robots, Of(0))
        return
    teams = [Team(robots, Of(rank)) for rank in range(size)]
    assert [shard for team in teams for shard in team.own] == list(range(shard_count(robots)))
    assert [i for team in teams for i in range(robots)[team.own_robots]] == list(range(robots))


@pytest.mark.parametrize("robots", [16, 24, 12])
def test_sums_are_equal_to_the_last_bit_for_any_number_of_processes(robots):
    torch.manual_seed(0)
    parts = torch.randn(shard_count(robots), 50) * 10.0 ** torch.randint(-6, 6, (shard_count(robots), 50))
    alone = Team(robots).total(parts)
    torch.testing.assert_close(alone, parts.sum(0), rtol=1e-4, atol=1e-4)
    for size in range(2, shard_count(robots) + 1):
        for total in by_processes(robots, size, lambda team: team.total(parts[team.own.start : team.own.stop])):
            assert torch.equal(total, alone)


def test_means_and_moments_are_those_of_all_rows():
    rows = torch.randn(40, 3) * 7 + 2
    sizes = [3, 9, 5, 8, 4, 1, 6, 4]

    def work(team):
        begin = sum(sizes[: team.own.start])
        own = sizes[team.own.start : team.own.stop]
        mine = rows[begin : begin + sum(own)]
        shards = Shards(team, own)
        return shards.count, shards.mean(mine), *shards.moments(mine)[1:]

    expected = work(Team(16))
    assert expected[0] == 40
    torch.testing.assert_close(expected[1], rows.mean(0))
    torch.testing.assert_close(expected[2], rows.double().mean(0))
    torch.testing.assert_close(expected[3], rows.double().var(0, unbiased=False))
    for size in (2, 3, 5):
        for result in by_processes(16, size, work):
            assert result[0] == 40
            assert all(torch.equal(one, other) for one, other in zip(result[1:], expected[1:], strict=True))


def test_batches_take_an_equal_share_of_every_shard_and_each_sample_once(monkeypatch):
    # Processes draw alike; these threads would share one generator.
    monkeypatch.setattr(torch, "randint", lambda *_: torch.tensor(3))
    sizes = [10, 7, 10, 3]

    def work(team):
        begin, own = sum(sizes[: team.own.start]), sizes[team.own.start : team.own.stop]
        shards = Shards(team, own)
        return [(batch + begin, part.sizes, part.count) for batch, part in shards.batches(4)]

    (whole,) = by_processes(8, 1, work)
    assert sorted(int(place) for batch, _, _ in whole for place in batch) == list(range(30))
    for i, (batch, share, count) in enumerate(whole):
        assert count == len(batch) == sum(share)
        assert share == [len(torch.arange(size).tensor_split(4)[i]) for size in sizes]
    halves = by_processes(8, 2, work)
    for (all_places, _, count), *parts in zip(whole, *halves, strict=True):
        assert torch.equal(torch.cat([places for places, _, _ in parts]), all_places)
        assert all(one[2] == count for one in parts)


def test_a_stride_begins_at_another_row_in_every_shard():
    rows, shards = strided(Shards(Team(4), [4, 5]), 3)
    assert rows.tolist() == [0, 3, 5, 8]  # of 0 to 3, and of 4 to 8
    assert shards.sizes == [2, 2]
    assert shards.count == 4
    assert one_shard(4).mean(rows.double()) == rows.double().mean()


@pytest.mark.parametrize(("sizes", "together", "asked"), [([6, 6], 3, 9), ([5, 2, 7], 1, 14), ([4, 4, 4, 4], 2, 3)])
def test_no_batch_is_empty_however_many_are_asked_for(sizes, together, asked):
    shards = Shards(Team(2 * len(sizes)), sizes)
    batches = list(shards.batches(asked, together))
    assert len(batches) == min(asked, sum(sizes) // together)
    assert min(len(places) for places, _ in batches) >= together
    assert sorted(torch.cat([places for places, _ in batches]).tolist()) == list(range(sum(sizes)))
    for places, part in batches:
        assert part.count == len(places) == sum(part.sizes)


def test_robots_stay_whole_where_their_steps_stay_together():
    steps, shards = 3, Shards(Team(8), [6, 6, 6, 6])  # of two robots each, moment by moment
    robots, moments = np.tile([0, 1], 12) + np.repeat([0, 2, 4, 6], 6), np.tile(np.repeat([0, 1, 2], 2), 4)
    seen = []
    for places, part in shards.batches(4, together=steps):
        assert part.count == len(places) == sum(part.sizes) == 2 * steps  # an equal share for every batch
        begin = 0
        for size in part.sizes:  # of each shard moment by moment, the robots in one order
            own = places[begin : begin + size].numpy()
            begin += size
            assert moments[own].tolist() == np.repeat([0, 1, 2], size // steps).tolist()
            assert robots[own].reshape(steps, -1).tolist() == [robots[own][: size // steps].tolist()] * steps
        seen += places.tolist()
    assert sorted(seen) == list(range(24))
    places, part = strided(shards, 2, together=steps)
    assert robots[places].tolist() == [0] * 3 + [3] * 3 + [4] * 3 + [7] * 3
    assert part.sizes == [3] * 4


def test_the_greatest_number_is_that_of_all():
    assert by_processes(8, 4, lambda team: team.most(10 * team.own.start)) == [30] * 4
