"""FPSGD's figures on MovieLens: the curve of the article's program, by every schedule.

Bands: five seeds of a plain float32 program of the article's update, and LIBMF 1.0 itself, end
within them; LIBMF 2's table by its row accumulators.
"""

import multiprocessing

import numpy as np
import pytest

from hogwild.data import read_ratings
from hogwild.models import RowAdaGrad, fit_factors

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ARTICLE = {"n_factors": 40, "reg": 0.05, "step": 0.003}


@pytest.fixture(autouse=True)
def no_child_left():
    yield
    assert multiprocessing.active_children() == []


@pytest.fixture(scope="module")
def million(shared_data):
    """MovieLens 1M and its fixed split."""
    whole = read_ratings(shared_data / "ml-1m" / "ratings.dat")
    test = np.load(shared_data / "ml-1m" / "split_test_rows.npy")
    train = np.ones(len(whole), bool)
    train[test] = False
    assert (train.sum(), (~train).sum()) == (900_189, 100_020)
    return whole.rows(train), whole.rows(~train)


@pytest.mark.parametrize(
    ("schedule", "n_workers"),
    [("serial", 1)] + [(name, n) for name in ("dsgd", "fpsgd", "hogwild") for n in (1, 2)],
)
def test_every_schedule_ends_where_the_articles_program_ends(million, schedule, n_workers):
    if schedule != "serial":
        pytest.importorskip("numba")  # numpy alone takes half a minute a run: once is enough
    train, test = million
    fit = fit_factors(
        train, **ARTICLE, epochs=100, schedule=schedule, n_workers=n_workers, validation=test,
        seed=n_workers,
    )  # fmt: skip
    rmse = [row.validation["rmse"] for row in fit.history]
    assert abs(rmse[49] - 0.8595) <= 0.003
    assert abs(rmse[99] - 0.843) <= 0.002


@pytest.mark.parametrize("seed", [0, 1])
def test_the_small_set_ends_where_plain_sgd_ends(shared_data, seed):
    train = read_ratings(shared_data / "ml-100k" / "u1.base")
    test = read_ratings(shared_data / "ml-100k" / "u1.test")
    fit = fit_factors(train, **ARTICLE, epochs=110, seed=seed, n_workers=2, validation=test)
    assert min(row.validation["rmse"] for row in fit.history) <= 0.925


@pytest.mark.parametrize(
    ("reg", "published"),
    [
        (0.1, {1: 0.9353, 2: 0.9242, 3: 0.9038, 5: 0.8882, 10: 0.8739, 15: 0.8682, 20: 0.8659}),
        (0.05, {1: 0.9307, 2: 0.9077, 3: 0.8815, 5: 0.8589, 10: 0.8462, 15: 0.8461, 20: 0.8480}),
    ],
)
def test_row_accumulators_follow_libmf_2(million, reg, published):
    """Its grid of 20 x 20 and its start; seeds move these figures by about .002."""
    train, test = million
    fit = fit_factors(
        train, n_factors=40, reg=reg, step=RowAdaGrad(0.1), start="libmf2", grid=20, epochs=20,
        schedule="serial", seed=0, validation=test,
    )  # fmt: skip
    for epoch, figure in published.items():
        assert abs(fit.history[epoch - 1].validation["rmse"] - figure) <= 0.0025
