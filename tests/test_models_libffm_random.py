"""libFFM's random numbers: known values of both generators, and how a run uses them."""

import numpy as np
import pytest

from hogwild.models import libffm_random
from hogwild.models.libffm_random import (
    GlibcRandom,
    file_blocks,
    minimal_standard,
    start_weights,
)
from hogwild.reference import ffm


def test_the_minimal_standard_generator_gives_its_known_values() -> None:
    known = [16807, 282475249, 1622650073, 984943658, 1144108930, 470211272]
    assert minimal_standard(6).tolist() == known
    assert minimal_standard(10_000)[-1] == 1043618065  # the C++ standard's own check


def test_draws_can_begin_anywhere_and_go_on_over_the_borders_of_runs() -> None:
    whole = minimal_standard(200_000)
    for first, n in ((0, 0), (0, 1), (65_535, 3), (65_536, 70_000), (199_999, 1)):
        assert minimal_standard(n, first).tolist() == whole[first : first + n].tolist()
    x = 1
    for draw in whole[:1000].tolist():
        x = 16807 * x % (2**31 - 1)
        assert draw == x


def test_the_start_weights_are_libffms() -> None:
    known = [3.912952e-06, 0.0657689, 0.37780267, 0.22932507, 0.26638362, 0.10947959]
    np.testing.assert_allclose(start_weights(2, 4).ravel()[:6], known, rtol=1e-6)
    w, _ = ffm.start(5, 3, 7)
    assert start_weights(15, 7).tobytes() == w.tobytes()
    assert start_weights(4, 7, 11).tobytes() == w.reshape(15, 7)[11:].tobytes()


def test_a_draw_that_rounds_to_1_is_the_number_before_it_as_in_libstdcxx() -> None:
    last = (2**31 - 2) // 2 - 1  # half way round, 16807^n is -1: the largest draw
    assert minimal_standard(1, last).tolist() == [2**31 - 2]
    assert start_weights(1, 1, last).tolist() == [[float(np.nextafter(np.float32(1), 0))]]


@pytest.mark.parametrize("compiled", [False, True])
def test_shuffles_are_those_of_glibc_and_libstdcxx(
    compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if compiled:
        pytest.importorskip("numba")
    monkeypatch.setattr(libffm_random, "have_numba", lambda: compiled)
    random, rand = GlibcRandom(), ffm.glibc_rand()
    assert random.shuffled(10).tolist() == [4, 3, 7, 8, 0, 5, 2, 1, 6, 9] == ffm.shuffle(10, rand)
    for n in (0, 1, 2, 1500):
        assert random.shuffled(n).tolist() == ffm.shuffle(n, rand)
    random.skip(3)
    for _ in range(3):
        next(rand)
    assert random.visits([20, 0]).tolist() == ffm.visits(20, rand)
    assert sorted(random.visits([3, 0, 4])) == list(range(7))


def test_a_block_of_a_file_ends_with_the_row_that_makes_it_too_full() -> None:
    assert file_blocks(np.array([0, 3, 6, 9, 10]), most=5) == [2, 2, 0]
    assert file_blocks(np.array([0, 3, 6, 9, 10]), most=6) == [3, 1, 0]
    assert file_blocks(np.array([0, 9]), most=5) == [1, 0, 0]
    assert file_blocks(np.array([0, 9]), most=9) == [1, 0]
    assert file_blocks(np.array([0])) == [0, 0]
