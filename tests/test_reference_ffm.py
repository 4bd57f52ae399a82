"""libFFM's page: its printed losses to all digits, its random numbers, by hand, by differences."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hogwild.data import FieldRows
from hogwild.models import fit_ffm
from hogwild.reference import ffm

# libffm 1.23, one thread, ffm-train -p bigdata.te.txt bigdata.tr.txt: tr_logloss and va_logloss
PRINTED = [
    ("1.12420", "0.88889"),
    ("0.71238", "0.68856"),
    ("0.61740", "0.61925"),
    ("0.58520", "0.59228"),
    ("0.56697", "0.58012"),
]


def bigdata(shared_data, part):
    lines = (shared_data / "ffm" / f"bigdata.{part}.txt").read_text().splitlines()
    return [ffm.parse(line) for line in lines]


def digits(losses):
    return [(f"{before:.5f}", f"{after:.5f}") for before, after in losses]


def random_rows(seed, n_rows=20, n_features=12, n_fields=4):
    """Rows of 0 to 5 entries, where fields and features may come twice."""
    random = np.random.default_rng(seed)
    return [
        ffm.Row(
            int(random.choice([-1, 1])),
            random.integers(n_fields, size=d).tolist(),
            random.integers(n_features, size=d).tolist(),
            random.uniform(0.5, 1.5, size=d).tolist(),
        )
        for d in random.integers(6, size=n_rows)
    ]


# ---- libFFM's run ------------------------------------------------------------------------------


def test_the_sample_data_are_as_libffm_reads_them(shared_data):
    rows, unseen = bigdata(shared_data, "tr"), bigdata(shared_data, "te")
    assert (len(rows), len(unseen)) == (200, 200)
    assert sum(len(row.values) for row in rows) == 3508
    seen = {j for row in rows for j in row.features}
    assert max(seen) + 1 == 9991
    assert max(f for row in rows for f in row.fields) + 1 == 18
    w = np.broadcast_to(np.float32(0), (9991, 18, 4))  # pairs asks for its shape only
    touched = {place for row in rows for pair in ffm.pairs(row, w, True) for place in pair[:2]}
    assert len(touched) == 8469  # vectors, of 179 838
    theirs = {j for row in unseen for j in row.features}
    assert (len(theirs), len(theirs - seen)) == (573, 352)


def test_the_first_two_epochs_print_libffms_losses(shared_data):
    run = ffm.train(bigdata(shared_data, "tr"), bigdata(shared_data, "te"), epochs=2)
    assert digits(run.losses) == PRINTED[:2]
    assert run.w.shape == run.G.shape == (9991, 18, 4)
    assert run.w.dtype == run.G.dtype == np.float32


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_five_epochs_print_libffms_losses(shared_data, dtype):
    run = ffm.train(bigdata(shared_data, "tr"), bigdata(shared_data, "te"), epochs=5, dtype=dtype)
    assert digits(run.losses) == PRINTED
    assert run.w.dtype == dtype


def test_without_validation_rows_the_second_epoch_has_another_order(shared_data):
    rows = bigdata(shared_data, "tr")[:60]
    alone, beside = (ffm.train(rows, also, epochs=2).losses for also in ((), rows))
    assert alone[0][0] == beside[0][0]
    assert alone[1][0] != beside[1][0]
    assert np.isnan(alone).tolist() == [[False, True]] * 2


# ---- random numbers ----------------------------------------------------------------------------


def test_start_weights_are_the_minimal_standard_generators():
    x = list(islice(ffm.minimal_standard(), 10000))
    assert x[:6] == [16807, 282475249, 1622650073, 984943658, 1144108930, 470211272]
    assert x[-1] == 1043618065
    w, G = ffm.start(2, 3, 4)
    first = [3.912952e-06, 0.0657689, 0.37780267, 0.22932507, 0.26638362, 0.10947959]
    assert w.ravel()[:6] == pytest.approx(first, rel=1e-6)
    assert (w.shape, w.dtype, G.tolist()) == ((2, 3, 4), np.float32, np.ones((2, 3, 4)).tolist())
    wide, _ = ffm.start(2, 3, 4, np.float64)
    assert wide.dtype == np.float64
    assert (wide == w).all()


def test_shuffling_is_glibcs_rand_and_libstdcxxs_order():
    first = [1804289383, 846930886, 1681692777, 1714636915, 1957747793, 424238335]
    assert list(islice(ffm.glibc_rand(), 6)) == first
    assert ffm.shuffle(10, ffm.glibc_rand()) == [4, 3, 7, 8, 0, 5, 2, 1, 6, 9]


@pytest.mark.parametrize(("n", "drawn"), [(0, 0), (1, 1), (2, 2), (200, 200)])
def test_a_pass_takes_one_number_for_the_blocks_and_all_but_one_for_its_rows(n, drawn):
    rand, left = ffm.glibc_rand(), ffm.glibc_rand()
    assert sorted(ffm.visits(n, rand)) == list(range(n))
    assert next(rand) == list(islice(left, drawn + 1))[-1]


# ---- the model by hand -------------------------------------------------------------------------


def test_lines_are_read_with_libffms_labels():
    labels = {"1": 1, "0": -1, "-1": -1, "2": 1, "0.7": -1, "1.5": 1, "-0.5": -1}
    assert {text: ffm.parse(f"{text} 0:0:1").y for text in labels} == labels
    assert ffm.parse("0\t2:5:.25 2:5:1e-1\n") == ffm.Row(-1, (2, 2), (5, 5), (0.25, 0.1))
    assert ffm.parse("1") == ffm.Row(1, (), (), ())


def test_the_score_by_hand_with_and_without_normalisation():
    # three entries, k = 2, of fields 0, 1, 1: the two of field 1 are a pair too
    row = ffm.Row(1, [0, 1, 1], [0, 1, 2], [1.0, 2.0, 3.0])
    w = np.arange(12.0).reshape(3, 2, 2)  # w[j, f] = [4 j + 2 f, 4 j + 2 f + 1]
    # w[0,1].w[1,0] = 2 4 + 3 5 = 23 by 2; w[0,1].w[2,0] = 2 8 + 3 9 = 43 by 3;
    # w[1,1].w[2,1] = 6 10 + 7 11 = 137 by 6
    total = 23 * 2 + 43 * 3 + 137 * 6
    assert ffm.score(row, w, normalise=False) == total
    assert ffm.score(row, w) == pytest.approx(total / 14, rel=1e-15)
    assert ffm.probability(row, w / 30) == pytest.approx(1 / (1 + np.exp(-total / 14 / 900)))


def test_what_the_model_has_not_seen_counts_in_the_normalisation_only():
    w = np.ones((2, 2, 1))
    assert ffm.score(ffm.Row(1, [0, 1], [0, 1], [1.0, 1.0]), w) == 0.5
    for f, j in ((0, 2), (2, 0)):  # a feature, then a field, too many
        row = ffm.Row(1, [0, f, 1], [0, j, 1], [1.0, 1.0, 1.0])
        assert ffm.score(row, w) == pytest.approx(1 / 3)
        assert ffm.score(row, w, normalise=False) == 1.0
        kept = w.copy()
        ffm.update(row, kept, np.ones_like(w), 0.1, 0.0)
        assert np.argwhere(kept != w).tolist() == [[0, 1, 0], [1, 0, 0]]


@pytest.mark.parametrize("row", ["1", "1 0:0:1"])
def test_a_row_without_a_pair_has_a_score_of_zero_and_moves_nothing(row):
    w, G = np.ones((1, 1, 2), np.float32), np.ones((1, 1, 2), np.float32)
    assert ffm.score(ffm.parse(row), w) == 0.0
    assert ffm.update(ffm.parse(row), w, G, 0.2, 0.1) == pytest.approx(np.log(2))
    assert (w == 1).all()
    assert (G == 1).all()


def test_the_update_of_one_pair_by_hand():
    row = ffm.Row(-1, [0, 1], [0, 1], [1.0, 2.0])
    w, G = np.zeros((2, 2, 1)), np.ones((2, 2, 1))
    w[0, 1], w[1, 0] = 0.5, 2.0
    v = 2 / 5
    slope = 1 / (1 + np.exp(-v))  # the label is -1, the score 2/5
    g1, g2 = 0.1 * 0.5 + slope * v * 2.0, 0.1 * 2.0 + slope * v * 0.5
    loss = ffm.update(row, w, G, step=0.2, reg=0.1)
    assert loss == pytest.approx(np.log(1 + np.exp(v)), rel=1e-15)
    assert w[0, 1] == pytest.approx(0.5 - 0.2 * g1 / np.sqrt(1 + g1**2), rel=1e-15)
    assert w[1, 0] == pytest.approx(2.0 - 0.2 * g2 / np.sqrt(1 + g2**2), rel=1e-15)
    assert (G[0, 1], G[1, 0]) == pytest.approx((1 + g1**2, 1 + g2**2), rel=1e-15)
    assert w[0, 0] == w[1, 1] == 0.0


def test_the_penalty_acts_once_a_pair_and_later_pairs_see_what_has_moved():
    # two entries of field 1 meet w[0, 1] twice; all else is 0, so that is penalty alone
    row = ffm.Row(1, [0, 1, 1], [0, 1, 2], [1.0, 1.0, 1.0])
    w, G = np.zeros((3, 2, 1)), np.ones((3, 2, 1))
    w[0, 1] = 1.0
    # the slope comes with w[0, 1] into w[1, 0] and w[2, 0]: the latter gets the moved value
    ffm.update(row, w, G, step=0.2, reg=0.3)
    v = -0.5 / 3
    once = 1 - 0.2 * 0.3 / np.sqrt(1 + 0.3**2)
    g = 0.3 * once
    twice = once - 0.2 * g / np.sqrt(1 + 0.3**2 + g**2)
    assert w[0, 1] == pytest.approx(twice, rel=1e-15)
    assert w[1, 0] == pytest.approx(-0.2 * v / np.sqrt(1 + v**2), rel=1e-15)
    assert w[2, 0] == pytest.approx(-0.2 * v * once / np.sqrt(1 + (v * once) ** 2), rel=1e-15)


def test_a_pair_of_the_same_feature_and_field_moves_its_vector_twice():
    row = ffm.Row(1, [0, 0], [0, 0], [1.0, 1.0])
    w, G = np.ones((1, 1, 1)), np.ones((1, 1, 1))
    ffm.update(row, w, G, step=0.2, reg=0.0)
    g = -0.5 / (1 + np.exp(0.5))  # R = 1/2
    assert G.item() == pytest.approx(1 + 2 * g**2, rel=1e-15)
    assert w.item() == pytest.approx(1 - 2 * 0.2 * g / np.sqrt(1 + 2 * g**2), rel=1e-15)


@given(
    seed=st.integers(0, 10**6), step=st.floats(0.01, 2.0), scale=st.floats(0.1, 1e6),
    normalise=st.booleans(),
)  # fmt: skip
@settings(max_examples=30)
def test_no_step_of_one_pair_is_longer_than_step(seed, step, scale, normalise):
    random = np.random.default_rng(seed)
    w = random.uniform(-1, 1, (2, 2, 3))
    before, G = w.copy(), np.ones_like(w)
    row = ffm.Row(1, [0, 1], [0, 1], [scale**0.5 * 0.01, 1.0])
    ffm.update(row, w, G, step, 0.01, normalise)
    assert np.abs(w - before).max() < step


def test_an_update_goes_down_the_loss_by_differences():
    row = ffm.Row(-1, [0, 1, 2, 1], [0, 1, 2, 3], [1.0, 0.5, 2.0, 0.7])
    random = np.random.default_rng(0)
    w, h, big = random.uniform(-1, 1, (4, 3, 2)), 1e-6, 1e12
    moved, G = w.copy(), np.full(w.shape, big)  # so large that sqrt(G) is 1e6 throughout
    ffm.update(row, moved, G, step=1e3, reg=0.0)
    for place in np.ndindex(*w.shape):
        kept, sides = w[place], []
        for shift in (h, -h):
            w[place] = kept + shift
            sides.append(ffm.loss_and_slope(row, w)[0])
        w[place] = kept
        slope = (sides[0] - sides[1]) / (2 * h)
        # 1e3 / 1e6 of the slope; a weight of two pairs meets partners moved by a thousandth
        assert moved[place] - kept == pytest.approx(-1e-3 * slope, rel=2e-3, abs=1e-9)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=20)
def test_untouched_vectors_keep_their_start(seed):
    rows = random_rows(seed)
    run = ffm.train([*rows, ffm.Row(1, [0], [12], [1.0])], k=2, epochs=2, reg=0.1)
    w, _ = ffm.start(*run.w.shape)
    touched = np.zeros(w.shape[:2], bool)
    for row in rows:
        for one, two, _v in ffm.pairs(row, w, True):
            touched[one] = touched[two] = True
    assert ((run.w != w).any(axis=2) == touched).all()
    assert ((run.G != 1).any(axis=2) == touched).all()


# ---- the run -----------------------------------------------------------------------------------


def test_the_losses_of_an_epoch_are_those_before_each_update():
    rows = random_rows(1)
    run = ffm.train(rows, rows[:3], k=2, epochs=1, dtype=np.float64)
    w, G = ffm.start(*run.w.shape[:2], 2, np.float64)
    before = []
    for i in ffm.visits(len(rows), ffm.glibc_rand()):
        before.append(ffm.loss_and_slope(rows[i], w)[0])
        assert ffm.update(rows[i], w, G, 0.2, 2e-5) == before[-1]
    assert run.w.tobytes() == w.tobytes()
    assert run.G.tobytes() == G.tobytes()
    after = [ffm.loss_and_slope(row, w)[0] for row in rows[:3]]
    assert run.losses == [pytest.approx((np.mean(before), np.mean(after)), rel=1e-14)]


def test_auto_stop_goes_back_to_the_epoch_before_the_first_rise():
    rows, unseen = random_rows(2, 40), random_rows(3, 40)
    whole = ffm.train(rows, unseen, k=2, step=0.5, epochs=15)
    after = [loss for _, loss in whole.losses]
    rise = next(t for t in range(1, 15) if after[t] > min(after[:t]))
    assert 1 < rise < 14
    stopped = ffm.train(rows, unseen, k=2, step=0.5, epochs=15, auto_stop=True)
    kept = ffm.train(rows, unseen, k=2, step=0.5, epochs=rise)
    assert stopped.epoch == rise == kept.epoch
    assert stopped.losses == whole.losses[: rise + 1]  # the epoch that rose is printed
    assert stopped.w.tobytes() == kept.w.tobytes()
    assert stopped.G.tobytes() == kept.G.tobytes()
    assert whole.epoch == 15


def test_auto_stop_goes_on_where_the_loss_stays_equal():
    apart = [ffm.Row(1, [0], [0], [1.0])] * 3  # rows without pairs: log 2 for ever
    run = ffm.train(random_rows(4), apart, k=2, epochs=4, auto_stop=True)
    assert [after for _, after in run.losses] == [pytest.approx(np.log(2))] * 4
    assert run.epoch == 4


def test_a_score_that_overflows_in_libffm_moves_the_weights_as_it_should():
    row = ffm.Row(-1, [0, 1], [0, 1], [1.0, 1.0])
    w, G = np.full((2, 2, 1), 30.0), np.ones((2, 2, 1))
    assert ffm.update(row, w, G, 0.1, 0.0, normalise=False) == 900.0
    assert w[0, 1] == pytest.approx(30 - 0.1 * 30 / np.sqrt(901))


# ---- the package -------------------------------------------------------------------------------


def as_field_rows(rows):
    """The same rows as the package holds them, in double."""
    indptr = np.cumsum([0, *(len(row.values) for row in rows)])
    fields, features, values = (np.concatenate([row[part] for row in rows]) for part in (1, 2, 3))
    y = np.array([row.y for row in rows], float)
    return FieldRows(indptr, fields.astype(int), features.astype(int), values, y, dtype=np.float64)


@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize("seed", [5, 6, 7])
def test_the_package_s_scalar_loop_trains_to_the_same_bits(seed, normalise):
    rows, unseen = random_rows(seed, 40), random_rows(seed + 10, 20, n_features=20, n_fields=6)
    run = ffm.train(rows, unseen, 3, 0.3, 0.01, epochs=3, normalise=normalise, dtype=np.float64)
    fit = fit_ffm(
        as_field_rows(rows), n_factors=3, step=0.3, reg=0.01, epochs=3, normalise=normalise,
        schedule="serial", kernel="python", dtype="float64", random="libffm",
        validation=as_field_rows(unseen),
    )  # fmt: skip
    assert fit.model.w.tobytes() == run.w.tobytes()
    assert fit.model.squares.tobytes() == run.G.tobytes()
    losses = [(epoch.train_loss, epoch.validation_loss) for epoch in fit.history]
    assert losses == [pytest.approx(pair, rel=1e-14) for pair in run.losses]
