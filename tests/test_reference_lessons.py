"""The functions that the workers of the lessons run."""

import multiprocessing
from multiprocessing.sharedctypes import RawArray

import numpy as np
import pytest

from hogwild.engine import Pool
from hogwild.reference import hogwild as blog
from hogwild.reference import lessons


@pytest.fixture
def alone(monkeypatch):
    """Open ten weights in this process, for one worker; return their view."""
    monkeypatch.setattr(lessons, "_opened", None)
    monkeypatch.setattr(blog, "w", blog.w)
    raw = RawArray("d", 10)
    lessons.open_memory(raw, multiprocessing.Barrier(1), multiprocessing.Lock())
    return np.frombuffer(raw)


@pytest.mark.parametrize("write", lessons.WRITES)
def test_one_worker_finds_all_that_it_added(alone, write):
    count = lessons.add_ones(lessons.Task(write, n_features=7, nnz=3, seconds=0.01, seed=0))
    assert count.added.sum() > 0
    assert count.added.sum() % (3 * lessons.ROUND) == 0
    np.testing.assert_array_equal(alone, np.append(count.added, [0, 0, 0]))
    assert count.end >= count.begin + 0.01


def test_open_memory_gives_the_blog_its_weights(alone):
    blog.update(([2.0] + [0.0] * 9, 1.0))  # -2 (1 - 0) 2 = -4
    assert alone[0] == 0.001 * 4.0


def test_an_unknown_way_to_write_is_named(alone):
    with pytest.raises(ValueError, match="got 'quickly'"):
        lessons.add_ones(lessons.Task("quickly", 4, 2, 0.01, 0))


def test_a_worker_without_memory_says_what_is_missing(monkeypatch):
    monkeypatch.setattr(lessons, "_opened", None)
    with pytest.raises(RuntimeError, match="open_memory"):
        lessons.add_ones(lessons.Task("plain", 4, 2, 0.01, 0))


def test_workers_that_never_meet_overlap_by_nothing():
    nothing = np.zeros(1, np.int64)
    apart = [lessons.Count(nothing, 0.0, 1.0), lessons.Count(nothing, 2.0, 3.0)]
    assert lessons.overlap(apart) == 0.0


@pytest.mark.timeout(60)
def test_two_workers_lose_nothing_under_the_lock_and_gain_nothing_without(start_method):
    context = multiprocessing.get_context(start_method)
    raw = RawArray("d", 4)
    handed_over = (raw, context.Barrier(2), context.Lock())
    w = np.frombuffer(raw)
    with Pool(2, lessons.open_memory, handed_over, start_method=start_method) as pool:
        for write in lessons.WRITES:
            w[:] = 0.0
            tasks = [lessons.Task(write, 4, 4, 0.02, seed) for seed in range(2)]
            counts = pool.run_on_each(lessons.add_ones, tasks)
            wanted = counts[0].added + counts[1].added
            assert (w <= wanted).all()
            if write == "locked":
                np.testing.assert_array_equal(w, wanted)
