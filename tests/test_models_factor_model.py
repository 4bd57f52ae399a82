"""A fitted factor model: what it predicts and recommends, and that its file holds all of it."""

import json
import re
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hogwild.data import Ratings
from hogwild.errors import DataError
from hogwild.kernels.losses import (
    Huber,
    KullbackLeibler,
    Logistic,
    Squared,
    SquaredHinge,
    find_loss,
)
from hogwild.models.factor_fold import minimise
from hogwild.models.factor_model import FactorModel
from hogwild.models.factors import fit_factors
from hogwild.reference.factors import objective

PLAIN = FactorModel(
    np.array([[1.0, 2.0], [0.0, 1.0], [5.0, 5.0]]),
    np.array([[3.0, 0.5], [1.0, 1.0], [9.0, 9.0], [0.0, 2.0]]),
    mean=3.5,
    user_ids=np.array([7, 3, 5]),
    item_ids=np.array(["c", "a", "x", "b"]),
    seen_users=np.array([True, True, False]),
    seen_items=np.array([True, True, False, True]),
)
BIASED = FactorModel(
    PLAIN.P, PLAIN.Q, user_bias=np.array([0.5, -0.25, 8.0]),
    item_bias=np.array([1.0, 0.0, 8.0, -1.0]), mean=3.5, user_ids=PLAIN.user_ids,
    item_ids=PLAIN.item_ids, seen_users=PLAIN.seen_users, seen_items=PLAIN.seen_items,
)  # fmt: skip


def ratings_of(users, items, user_ids, item_ids):
    return Ratings.of_indices(
        users, items, np.ones(len(users)), user_ids=user_ids, item_ids=item_ids
    )


# predictions


def test_a_plain_prediction_is_p_q_and_the_mean_where_either_side_is_nothing():
    users, items = [7, 7, 3, 5, 7, 99, 7], ["c", "b", "a", "c", "x", "c", "?"]
    assert PLAIN.predict(users, items).tolist() == [4.0, 4.0, 1.0, 3.5, 3.5, 3.5, 3.5]


def test_a_biased_prediction_adds_what_is_known():
    users, items = [7, 3, 5, 7, 99, 7, 5], ["c", "b", "c", "x", "b", "?", "?"]
    assert BIASED.predict(users, items).tolist() == [
        3.5 + 0.5 + 1.0 + 4.0, 3.5 - 0.25 - 1.0 + 2.0, 4.5, 4.0, 2.5, 4.0, 3.5,
    ]  # fmt: skip


def test_one_user_is_paired_with_many_items_and_one_pair_is_a_number():
    assert PLAIN.predict(7, ["c", "a"]).tolist() == [4.0, 3.0]
    assert PLAIN.predict([7, 3], "a").tolist() == [3.0, 1.0]
    assert PLAIN.predict(7, "a") == 3.0
    assert PLAIN.predict([], []).shape == (0,)


def test_ratings_are_predicted_by_their_ids_not_by_their_numbers():
    ratings = ratings_of([0, 0, 1], [1, 0, 2], [3, 7], ["b", "c", "new"])
    assert PLAIN.predict(ratings).tolist() == PLAIN.predict([3, 3, 7], ["c", "b", "new"]).tolist()


def test_an_unknown_or_unseen_id_is_named_with_its_position_where_asked_for():
    with pytest.raises(ValueError, match="user 99 at position 1 is unknown"):
        PLAIN.predict([7, 99, 98], ["a", "a", "a"], unknown="error")
    with pytest.raises(ValueError, match="user 5 at position 0 had no training ratings"):
        PLAIN.predict([5], ["a"], unknown="error")
    with pytest.raises(ValueError, match="item 'x' at position 1 had no training ratings"):
        PLAIN.predict([7, 7], ["a", "x"], unknown="error")
    with pytest.raises(ValueError, match="item '!' at position 0 is unknown"):
        PLAIN.predict(7, "!", unknown="error")
    ratings = ratings_of([1, 0, 1], [0, 0, 1], [3, 8], ["b", "x"])
    with pytest.raises(ValueError, match="user 8 at position 0 is unknown"):
        PLAIN.predict(ratings, unknown="error")
    with pytest.raises(ValueError, match="item 'x' at position 1 had no training ratings"):
        PLAIN.predict(ratings_of([0, 0], [0, 1], [3], ["b", "x"]), unknown="error")
    assert PLAIN.predict([7, 3], ["a", "b"], unknown="error").tolist() == [3.0, 2.0]


@pytest.mark.parametrize(
    "users, items, options, reason",
    [
        ([7, 3], ["a"], {}, "2 users and 1 items do not make pairs"),
        ([7], ["a"], {"unknown": "zero"}, "unknown must be one of mean, error, got 'zero'"),
        (["7"], ["a"], {}, "user ids are integers here, got strings, such as '7'"),
        ([7], [1], {}, "item ids are strings here, got integers"),
        ([7.5], ["a"], {}, "user ids must be integers or strings; found 7.5"),
        ([7], None, {}, "the items are missing"),
        ([[7]], ["a"], {}, "user ids must be integers or strings"),
        (ratings_of([], [], [1], ["a"]), ["a"], {}, "Ratings bring their own items"),
        ([True], ["a"], {}, "user ids must be integers or strings; found True"),
    ],
)
def test_what_makes_no_pairs_of_ids_is_refused(users, items, options, reason):
    with pytest.raises(ValueError, match=reason):
        PLAIN.predict(users, items, **options)


def test_row_numbers_are_checked_and_minus_1_is_unknown():
    assert PLAIN.predict_indices([0, -1, 2], [1, 1, 1]).tolist() == [3.0, 3.5, 3.5]
    with pytest.raises(ValueError, match="user index 3 at position 1; the model has 3 users"):
        PLAIN.predict_indices([0, 3], [0, 0])
    with pytest.raises(ValueError, match="item index -2 at position 0; the model has 4 items"):
        PLAIN.predict_indices([0], [-2])
    with pytest.raises(ValueError, match="user indices must be integers in one dimension"):
        PLAIN.predict_indices([0.0], [0])
    with pytest.raises(ValueError, match="2 users and 1 items do not make pairs"):
        PLAIN.predict_indices([0, 0], [0])


@st.composite
def models(draw):
    m, n, k = draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.integers(0, 3))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    numbers = st.floats(-8, 8, width=16)
    rows = lambda *shape: draw(hnp.arrays(dtype, shape, elements=numbers))  # noqa: E731
    masks = lambda size: draw(hnp.arrays(bool, size))  # noqa: E731
    kinds = st.integers(-(2**63), 2**63 - 1) | st.just(0), st.text("aé\n中", max_size=3)
    ids = lambda size: np.array(  # noqa: E731
        draw(st.lists(draw(st.sampled_from(kinds)), min_size=size, max_size=size, unique=True))
    )
    biased = draw(st.booleans())
    return FactorModel(
        rows(m, k), rows(n, k), user_bias=rows(m) if biased else None,
        item_bias=rows(n) if biased else None, mean=draw(numbers), user_ids=ids(m),
        item_ids=ids(n), seen_users=masks(m), seen_items=masks(n),
        loss=draw(st.sampled_from([Squared(), Huber(delta=0.3), Logistic(), KullbackLeibler()])),
    )  # fmt: skip


@given(model=models(), data=st.data())
@settings(max_examples=150, deadline=None)
def test_every_prediction_is_the_sum_written_out(model, data):
    size = data.draw(st.integers(0, 6))
    u = data.draw(hnp.arrays(np.int32, size, elements=st.integers(-1, model.n_users - 1)))
    i = data.draw(hnp.arrays(np.int32, size, elements=st.integers(-1, model.n_items - 1)))
    wanted = []
    for a, c in zip(u, i, strict=True):
        has_user, has_item = a >= 0 and model.seen_users[a], c >= 0 and model.seen_items[c]
        both = has_user and has_item
        z = 0.0 if both and not model.biased else model.mean
        if model.biased:
            z += float(model.user_bias[a]) if has_user else 0.0
            z += float(model.item_bias[c]) if has_item else 0.0
        for p, q in zip(model.P[a], model.Q[c], strict=True):
            z += float(p) * float(q) if both else 0.0
        wanted.append(z)
    found = model.predict_indices(u, i)
    assert found.dtype == np.float64
    assert found == pytest.approx(np.array(wanted), rel=1e-5, abs=1e-4)
    known = (u >= 0) & (i >= 0)
    by_id = model.predict(model.user_ids[u[known]], model.item_ids[i[known]])
    assert by_id.tolist() == found[known].tolist()


def test_pairs_are_predicted_alike_whatever_the_chunk(monkeypatch):
    from hogwild.models import factor_predict

    random = np.random.default_rng(0)
    model = FactorModel(random.normal(size=(9, 3)), random.normal(size=(7, 3)), mean=1.0)
    u, i = random.integers(-1, 9, 100), random.integers(-1, 7, 100)
    whole = model.predict_indices(u, i)
    for numbers in (1, 3, 21):
        monkeypatch.setattr(factor_predict, "CHUNK_NUMBERS", numbers)
        assert model.predict_indices(u, i).tolist() == whole.tolist()


def test_a_million_pairs_take_no_million_gathered_rows():
    model = FactorModel(np.ones((10, 64), np.float32), np.ones((10, 64), np.float32))
    u = i = np.zeros(10**6, np.int32)
    model.predict_indices(u[:10], i[:10])
    tracemalloc.start()
    try:
        model.predict_indices(u, i)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8e6 + 8e6  # the result, and some chunks; gathered at once: 512 MB


# recommendations and neighbours


def test_the_best_items_come_first_ties_by_id_never_one_without_ratings():
    ids, scores = PLAIN.recommend(7)
    assert ids.tolist() == ["b", "c", "a"]  # 4, 4, 3; "x" would score 27
    assert scores.tolist() == [4.0, 4.0, 3.0]
    assert PLAIN.recommend(7, 1)[0].tolist() == ["b"]
    assert BIASED.recommend(3, 2)[0].tolist() == ["c", "a"]  # 4.75, 4.25 before b's 4.25


def test_items_are_left_out_by_id_or_as_the_user_s_own_in_ratings():
    assert PLAIN.recommend(7, exclude=["b", "unheard of"])[0].tolist() == ["c", "a"]
    train = ratings_of([0, 1, 1], [0, 1, 0], [3, 7], ["a", "b"])
    assert PLAIN.recommend(7, exclude=train)[0].tolist() == ["c"]
    assert PLAIN.recommend(3, exclude=train)[0].tolist() == ["b", "c"]
    without = ratings_of([0], [0], [1], ["a"])
    assert PLAIN.recommend(7, exclude=without)[0].tolist() == ["b", "c", "a"]


@given(model=models(), n=st.integers(1, 5), data=st.data())
@settings(max_examples=80, deadline=None)
def test_recommendations_are_the_sorted_predictions(model, n, data):
    rows = np.flatnonzero(model.seen_users)
    if not len(rows):
        return
    user = model.user_ids[data.draw(st.sampled_from(rows.tolist()))]
    ids = model.item_ids[model.seen_items]
    wanted = sorted(zip(-model.predict(user, ids), ids.tolist(), strict=True))[:n]
    found, scores = model.recommend(user, n)
    assert [*zip((-scores).tolist(), found.tolist(), strict=True)] == wanted


@pytest.mark.parametrize(
    "user, reason",
    [
        (99, "user 99 is unknown; fold_in takes a new user's ratings"),
        (5, "user 5 had no training ratings; fold_in"),
        ([7], "one user is asked for, got"),
    ],
)
def test_who_has_no_factors_gets_no_recommendations(user, reason):
    with pytest.raises(ValueError, match=reason):
        PLAIN.recommend(user)


@pytest.mark.parametrize("n", [0, -1, 2.0, True])
def test_the_number_of_items_is_a_count(n):
    for ask in (PLAIN.recommend, BIASED.fold_in(["a"], [4.0]).recommend, PLAIN.similar):
        with pytest.raises(ValueError, match="n must be a whole number of 1 or more"):
            ask(*([7] if ask == PLAIN.recommend else ["a"] if ask == PLAIN.similar else []), n=n)


def test_similar_items_point_the_same_way_and_the_item_itself_is_not_among_them():
    ids, cosines = PLAIN.similar("a")
    assert ids.tolist() == ["c", "b"]  # (3, .5) and (0, 2) against (1, 1)
    assert cosines == pytest.approx([3.5 / np.sqrt(2 * 9.25), 2 / np.sqrt(8)], rel=1e-15)
    assert PLAIN.similar("a", 1)[0].tolist() == ["c"]
    with pytest.raises(ValueError, match="item 'x' had no training ratings"):
        PLAIN.similar("x")


def test_a_row_of_zeros_is_similar_to_nothing_and_lengths_do_not_matter():
    Q = np.array([[1e-200, 0.0], [3e200, 3e200], [0.0, 0.0], [2.0, 0.0]])
    ids, cosines = FactorModel(np.zeros((0, 2)), Q).similar(0)
    assert ids.tolist() == [3, 1, 2]
    assert cosines == pytest.approx([1.0, np.sqrt(0.5), 0.0], rel=1e-15)


# a new user


def own_objective(loss, rows, offsets, values, ridge, x):
    share = 0.5 if isinstance(loss, Squared | SquaredHinge) else 1.0
    return share * loss.values(offsets + rows @ x, values).sum() + ridge / 2 * x @ x


def test_a_new_user_s_factors_are_the_ridge_solution():
    items, values = ["c", "b", "c"], np.array([5.0, 1.0, 4.0])
    A = PLAIN.Q[[0, 3, 0]]
    wanted = np.linalg.solve(A.T @ A + 3 * 0.1 * np.eye(2), A.T @ values)
    user = PLAIN.fold_in(items, values, reg=0.1)
    assert user.p == pytest.approx(wanted, rel=1e-12)
    assert user.bias == 0.0
    assert user.predict(["c", "?", "x"]) == pytest.approx([A[0] @ wanted, 3.5, 3.5])
    assert user.predict("b") == pytest.approx(2 * wanted[1])


def test_with_biases_the_user_s_bias_is_found_too():
    A = np.column_stack([BIASED.Q[[0, 3, 1]], np.ones(3)])
    due = np.array([5.0, 1.0, 4.0]) - 3.5 - BIASED.item_bias[[0, 3, 1]]
    wanted = np.linalg.solve(A.T @ A + 3 * 0.05 * np.eye(3), A.T @ due)
    user = BIASED.fold_in(["c", "b", "a"], [5.0, 1.0, 4.0])
    assert [*user.p, user.bias] == pytest.approx(wanted, rel=1e-10)
    assert user.predict("c") == pytest.approx(3.5 + 1.0 + wanted[2] + BIASED.Q[0] @ wanted[:2])
    assert user.predict("?") == pytest.approx(3.5 + wanted[2])


def test_a_user_of_the_fit_gets_no_worse_factors_by_folding_in_his_ratings():
    random = np.random.default_rng(0)
    u, i = np.divmod(random.choice(200, 120, replace=False), 20)
    ratings = Ratings.of_indices(u, i, 1 + 4 * random.random(120), dtype=np.float64)
    fit = fit_factors(
        ratings, n_factors=3, schedule="serial", reg=0.1, step=0.02, epochs=200, dtype="float64",
        kernel="python", seed=0,
    )  # fmt: skip
    for one in range(10):
        own = ratings.rows(ratings.u == one)
        folded = fit.model.fold_in(own.i, own.r, reg=0.1)
        ours, theirs = (
            objective(np.zeros_like(own.u), own.i, own.r, p.reshape(1, -1), fit.model.Q, 0.1)
            for p in (folded.p, fit.model.P[one])
        )
        assert ours <= theirs <= 1.05 * ours  # the fit has not quite come to rest


def test_a_user_s_own_items_are_left_out_unless_others_are_named():
    user = PLAIN.fold_in(["c"], [4.0])
    ids, scores = PLAIN.recommend(user)
    assert sorted(ids.tolist()) == ["a", "b"]
    assert scores.tolist() == user.predict(ids).tolist()
    assert sorted(PLAIN.recommend(user, exclude=["a"])[0].tolist()) == ["b", "c"]
    assert len(PLAIN.recommend(user, 2, exclude=[])[0]) == 2
    with pytest.raises(ValueError, match="a folded-in user has no id in Ratings"):
        PLAIN.recommend(user, exclude=ratings_of([0], [0], [1], ["a"]))


def test_without_ridge_weight_and_with_few_ratings_the_shortest_factors_are_taken():
    user = PLAIN.fold_in(["a"], [4.0], reg=0.0)
    assert user.p == pytest.approx([2.0, 2.0], rel=1e-12)


@pytest.mark.parametrize("name", ["squared", "huber", "logistic", "squared_hinge"])
def test_no_step_in_any_direction_lowers_a_new_user_s_objective(name):
    random, loss = np.random.default_rng(1), find_loss(name)
    rows, offsets = random.normal(size=(30, 4)), random.normal(size=30)
    values = np.sign(random.normal(size=30)) if loss.classifies else 3 * random.normal(size=30)
    x = minimise(loss, rows, offsets, values, 1.5)
    least = own_objective(loss, rows, offsets, values, 1.5, x)
    for direction in np.vstack([np.eye(4), random.normal(size=(6, 4))]):
        for h in (1e-4, -1e-4):
            assert own_objective(loss, rows, offsets, values, 1.5, x + h * direction) > least


@pytest.mark.parametrize("name", ["absolute", "hinge", "epsilon_insensitive"])
def test_a_loss_without_bounded_curvature_is_refused(name):
    model = FactorModel(PLAIN.P, PLAIN.Q, loss=find_loss(name))
    with pytest.raises(ValueError, match=r"a user can be folded in under a loss whose .*squared"):
        model.fold_in([0], [1.0])


def test_labels_that_can_be_told_apart_have_no_best_factors_without_a_ridge_weight(monkeypatch):
    from hogwild.models import factor_fold

    monkeypatch.setattr(factor_fold, "MAX_STEPS", 50)
    model = FactorModel(PLAIN.P, PLAIN.Q, loss=Logistic())
    with pytest.raises(ValueError, match=r"no rest after 50 steps under Logistic.*try reg above 0"):
        model.fold_in([0], [1.0], reg=0.0)


@pytest.mark.parametrize(
    "items, values, reg, reason",
    [
        (["a"], [1.0, 2.0], 0.1, "one value an item.*got 1 items and 2 values"),
        ([], [], 0.1, "at least one item"),
        ("a", 1.0, 0.1, "values must have one dimension"),
        (["a", "b"], [1.0, np.nan], 0.1, "values must be finite; found nan at row 1"),
        (["a", "?"], [1.0, 2.0], 0.1, r"item '\?' at position 1 is unknown"),
        (["x"], [1.0], 0.1, "item 'x' at position 0 had no training ratings"),
        (["a"], [1.0], -0.1, "reg must be 0 or more, got -0.1"),
        (["a"], [1.0], "much", "reg must be a number, got 'much'"),
    ],
)
def test_ratings_that_cannot_be_folded_in_are_refused(items, values, reg, reason):
    with pytest.raises(ValueError, match=reason):
        PLAIN.fold_in(items, values, reg=reg)


# the record


@pytest.mark.parametrize(
    "P, Q, others, reason",
    [
        ([[1.0]], PLAIN.Q, {}, "P must be a float array of two dimensions, got"),
        (PLAIN.P, np.ones((2, 2), int), {}, "Q must be a float array of two dimensions"),
        (PLAIN.P[:, :1], PLAIN.Q, {}, "equally many factors, got 1 and 2"),
        (PLAIN.P, PLAIN.Q, {"user_bias": np.zeros(3)}, "for users and items, or for neither"),
        (PLAIN.P, PLAIN.Q, {"user_bias": np.zeros(3), "item_bias": np.zeros(3)},
         r"item_bias must have one entry for each of 4 items, got shape \(3,\)"),
        (PLAIN.P, PLAIN.Q, {"user_ids": [1, 2]}, "2 user ids, but n_users=3"),
        (PLAIN.P, PLAIN.Q, {"user_ids": [1, 2, 1]}, "user id 1 is given to several numbers"),
        (PLAIN.P, PLAIN.Q, {"seen_users": [True]}, "seen_users must have one entry for each of 3"),
        (PLAIN.P, PLAIN.Q, {"seen_items": [1, 0, 1, 1]}, "seen_items must be True or False"),
    ],
)  # fmt: skip
def test_arrays_that_do_not_fit_one_another_are_refused(P, Q, others, reason):
    with pytest.raises(ValueError, match=reason):
        FactorModel(P, Q, **others)


def test_what_is_left_out_is_the_plain_case():
    model = FactorModel(PLAIN.P, PLAIN.Q)
    assert (model.user_ids.tolist(), model.item_ids.tolist()) == ([0, 1, 2], [0, 1, 2, 3])
    assert model.seen_users.all()
    assert model.seen_items.all()
    assert (model.n_users, model.n_items, model.n_factors, model.biased) == (3, 4, 2, False)
    assert model.loss == Squared()


# in a file

ARRAYS = ("P", "Q", "user_bias", "item_bias", "user_ids", "item_ids", "seen_users", "seen_items")


def assert_same(one, other):
    for name in ARRAYS:
        a, b = getattr(one, name), getattr(other, name)
        assert (a is None) == (b is None)
        if a is not None:
            assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes()), name
    assert (one.mean, one.loss) == (other.mean, other.loss)


@given(model=models())
@settings(max_examples=50, deadline=None)
def test_a_file_gives_back_every_bit(tmp_path_factory, model):
    path = tmp_path_factory.mktemp("model") / "m.npz"
    model.save(path)
    assert_same(FactorModel.load(path), model)


def test_ids_as_objects_are_kept_as_text(tmp_path):
    model = FactorModel(PLAIN.P[:2], PLAIN.Q, user_ids=np.array(["b", "é"], dtype=object))
    model.save(tmp_path / "m.npz")
    assert FactorModel.load(tmp_path / "m.npz").user_ids.tolist() == ["b", "é"]


def tampered(path, without=(), arrays=None, **changes):
    """A model file whose header or arrays have been changed."""
    BIASED.save(path)
    with np.load(path) as stored:
        kept = {name: stored[name] for name in stored.files if name not in without}
    header = {**json.loads(kept.pop("header").tobytes()), **changes}
    np.savez(
        path, header=np.frombuffer(json.dumps(header).encode(), np.uint8), **kept | (arrays or {})
    )


TAMPERED = [
    ({"format": "hogwild-linear"}, "holds a linear model; LinearModel.load reads it"),
    ({"version": 9}, "version 9 of the format; this release reads 1"),
    ({"sha256": "0"}, "the weights are damaged: their checksum differs"),
    ({"arrays": {"P": PLAIN.P + 1e-9}}, "the weights are damaged"),
    ({"arrays": {"item_bias": PLAIN.Q[:, 0]}}, "the weights are damaged"),
    ({"without": ("user_bias",)}, "the weights are damaged"),
    ({"without": ("seen_users",)}, "not a model of this package"),
    ({"loss": "Perceptron"}, "the model is damaged"),
    ({"mean": "x"}, "the model is damaged"),
]


@pytest.mark.parametrize("changes, reason", TAMPERED, ids=str)
def test_a_file_that_was_changed_is_refused_by_its_name_and_the_reason(tmp_path, changes, reason):
    path = tmp_path / "m.npz"
    tampered(path, **changes)
    with pytest.raises(DataError, match=re.escape(reason)) as caught:
        FactorModel.load(path)
    assert caught.value.path == str(path)


@given(where=st.integers(0, 10_000), value=st.integers(0, 255))
@settings(max_examples=100, deadline=None)
def test_a_damaged_byte_is_noticed_or_changes_nothing(tmp_path_factory, where, value):
    path = tmp_path_factory.mktemp("model") / "m.npz"
    BIASED.save(path)
    content = bytearray(path.read_bytes())
    content[where % len(content)] = value
    path.write_bytes(content)
    try:
        again = FactorModel.load(path)
    except DataError:
        return
    assert_same(again, BIASED)


def test_a_failing_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "m.npz"
    PLAIN.save(path)
    before = path.read_bytes()

    def full(*args, **arrays):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space left"):
        BIASED.save(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["m.npz"]
    assert path.read_bytes() == before


def test_a_loss_of_one_s_own_and_an_infinite_mean_are_refused_when_saving(tmp_path):
    class Doubled(Squared):
        pass

    with pytest.raises(ValueError, match=r"its loss is one of Squared, .*; got .*Doubled"):
        FactorModel(PLAIN.P, PLAIN.Q, loss=Doubled()).save(tmp_path / "m.npz")
    with pytest.raises(ValueError, match="JSON compliant"):
        FactorModel(PLAIN.P, PLAIN.Q, mean=np.inf).save(tmp_path / "m.npz")
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_a_plain_zip_with_a_header_in_json(tmp_path):
    PLAIN.save(tmp_path / "m.npz")
    with zipfile.ZipFile(tmp_path / "m.npz") as archive:
        names = {name.removesuffix(".npy") for name in archive.namelist()}
    assert names == {"header", *ARRAYS} - {"user_bias", "item_bias"}
