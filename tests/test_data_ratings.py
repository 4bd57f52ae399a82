"""Ratings keep ids of any kind, hold what was given, and refuse the rest with the row."""

import pickle
import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from hogwild.data import Ratings, ratings_ids
from hogwild.data.ratings_ids import Integers, encode_ids, number_ids
from hogwild.errors import DataError

SMALL = Ratings([7, 7, 3, 9], [20, 10, 10, 30], [1.0, 2.0, 3.0, 4.0])


def triples(ratings):
    """Return [(user id, item id, value), ...]."""
    return list(
        zip(
            ratings.user_ids[ratings.u].tolist(),
            ratings.item_ids[ratings.i].tolist(),
            ratings.r.tolist(),
            strict=True,
        )
    )


# ---- values by hand -----------------------------------------------------------------------------


def test_a_number_is_the_rank_of_the_id():
    assert (SMALL.u.tolist(), SMALL.i.tolist()) == ([1, 1, 0, 2], [1, 0, 0, 2])
    assert (SMALL.user_ids.tolist(), SMALL.item_ids.tolist()) == ([3, 7, 9], [10, 20, 30])
    assert (SMALL.n_users, SMALL.n_items, len(SMALL), SMALL.mean) == (3, 3, 4, 2.5)
    assert [SMALL.u.dtype, SMALL.i.dtype, SMALL.dtype] == [np.int32, np.int32, np.float32]
    assert repr(SMALL) == "Ratings(4 ratings, 3 users, 3 items, float32)"


@pytest.mark.parametrize(
    "ids",
    [
        [5, -3, 5],
        ["b", "a", "b"],
        ["7", "10", "07"],
        np.array([2, 1, 2], dtype=np.uint8),
        np.array(["\u00e9", "z", "\U0001f600"]),
        np.array(["b", "a", "b"], dtype=object),
        np.array([2, 1, 10**18], dtype=object),
        [-(2**63), 2**63 - 1, 0],
        (np.int32(4), 3, 4),
        range(3),
    ],
    ids=repr,
)
def test_ids_of_any_kind_are_kept(ids):
    ratings = Ratings(ids, [1, 1, 1], [1, 2, 3])
    assert [user for user, _, _ in triples(ratings)] == [
        id if isinstance(id, str) else int(id) for id in ids
    ]
    assert ratings.user_ids.tolist() == sorted(set(ratings.user_ids.tolist()))
    assert ratings.u.dtype == np.int32


def test_float64_is_kept_when_asked_for():
    assert Ratings([1], [1], [0.1], dtype=np.float64).r.tolist() == [0.1]
    assert Ratings([1], [1], [0.1]).r.tolist() == [float(np.float32(0.1))]


def test_a_ratings_survives_pickling():
    again = pickle.loads(pickle.dumps(SMALL))
    assert triples(again) == triples(SMALL)


@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-50, 50), min_size=1))
def test_numbering_is_numpys_unique_whatever_the_range(ids):
    array = np.array(ids, dtype=np.int64)
    numbers, known = number_ids(array, "user")
    expected, inverse = np.unique(array, return_inverse=True)
    assert known.tolist() == expected.tolist()
    assert numbers.tolist() == inverse.tolist()


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))))
def test_strings_are_numbered_by_code_point(ids):
    numbers, known = number_ids(ids, "user")
    assert known.tolist() == sorted(set(ids))
    assert [known[number] for number in numbers] == ids


def test_ids_that_come_in_pieces_are_numbered_as_one_column(monkeypatch):
    for table in (1 << 20, 0):
        monkeypatch.setattr(ratings_ids, "_TABLE_LEAST", table)
        monkeypatch.setattr(ratings_ids, "_TABLE_PER_ID", 1)
        column = Integers("user")
        for piece in ([5, 4], [], [2**40], [-1, 5]):
            column.add(np.array(piece, dtype=np.int64))
        numbers, ids = column.finish()
        assert ids.tolist() == [-1, 4, 5, 2**40]
        assert numbers.tolist() == [2, 1, 3, 0, 2]


@pytest.mark.parametrize("border", [-(2**31), 2**31])
def test_pieces_on_both_sides_of_32_bits_are_one_column(border):
    column = Integers("user")
    for piece in ([border], [border - 1], [border + 1, border]):
        column.add(np.array(piece, dtype=np.int64))
    numbers, ids = column.finish()
    assert (ids - border).tolist() == [-1, 0, 1]
    assert numbers.tolist() == [1, 0, 2, 1]


# ---- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "users, items, values, message",
    [
        ([], [], [], "there are no ratings"),
        ([1, 2], [1], [1, 2], "each rating needs .* got 2 users, 1 items and 2 values"),
        ([1], [1], [1, 2], "1 users, 1 items and 2 values"),
        ([1, 2], [1, 2], [1, np.nan], "values must be finite; found nan at row 1"),
        ([1, 2], [1, 2], [1, -np.inf], "found -inf at row 1"),
        ([1, 2], [1, 2], [1, 1e39], r"values must be finite in float32; found 1e\+39 at row 1"),
        ([1], [1], ["5"], "values must hold real numbers, got dtype <U1; convert text"),
        ([1], [1], [None], "values must hold real numbers, got dtype object; missing"),
        ([1], [1], [[5]], r"values must have one dimension, got shape \(1, 1\)"),
        ([1, "a"], [1, 2], [1, 2], "user ids must be all integers or all strings; found the "
         "integer 1 at row 0 and the string 'a' at row 1"),
        ([1, 2], ["a", 3], [1, 2], "item ids .* the string 'a' at row 0 and the integer 3 at row"),
        ([1, None], [1, 2], [1, 2], "user ids must be .* the user id at row 1 is missing"),
        ([1, 2], ["a", float("nan")], [1, 2], "the item id at row 1 is missing"),
        ([1, 2.5], [1, 2], [1, 2], "user ids must be integers or strings; found 2.5 at row 1"),
        ([True, False], [1, 2], [1, 2], "found True at row 0"),
        (np.array([1.0, np.nan]), [1, 2], [1, 2], "the user id at row 1 is missing"),
        (np.array([True]), [1], [1], "user ids must be integers or strings, got dtype bool"),
        (np.array([[1]]), [1], [1], r"users must have one dimension, got shape \(1, 1\)"),
        ([1, 2**63], [1, 2], [1, 2], "64-bit integers, found 9223372036854775808 at row 1; pass"),
        (np.array([2**63], np.uint64), [1], [1], "64-bit signed integers, found 9223372036854775"),
        (np.ma.array([1], mask=[True]), [1], [1], "users is a masked array"),
    ],
)  # fmt: skip
def test_what_can_not_be_taken_is_refused_with_the_row(users, items, values, message):
    with pytest.raises(DataError, match=message):
        Ratings(users, items, values)


def test_a_value_far_down_is_found_with_its_row():
    values = np.ones(200_000)
    values[150_001] = np.inf
    with pytest.raises(DataError, match="found inf at row 150001"):
        Ratings(np.arange(200_000), np.zeros(200_000, int), values)


@pytest.mark.parametrize("ids", [range(5), map(str, range(5)), (i << 40 for i in range(5))])
def test_too_many_ids_are_refused(ids, monkeypatch):
    monkeypatch.setattr(ratings_ids, "MAX_IDS", 4)
    monkeypatch.setattr(ratings_ids, "_TABLE_LEAST", 0)
    with pytest.raises(DataError, match="more than 4 different user ids"):
        Ratings(list(ids), [0] * 5, [1] * 5)


def test_options_are_checked():
    with pytest.raises(ValueError, match="duplicates must be 'keep', 'error' or 'last', got 'x'"):
        Ratings([1], [1], [1], duplicates="x")
    with pytest.raises(ValueError, match="dtype must be float64 or float32, got int64"):
        Ratings([1], [1], [1], dtype=np.int64)


# ---- duplicates ---------------------------------------------------------------------------------

TWICE = ([1, 1, 2, 1, 1], [5, 6, 5, 5, 5], [1.0, 2.0, 3.0, 4.0, 5.0])


def test_duplicates_are_kept_unless_said_otherwise():
    assert Ratings(*TWICE).r.tolist() == [1, 2, 3, 4, 5]


def test_the_last_of_several_ratings_stays_at_its_place():
    assert triples(Ratings(*TWICE, duplicates="last")) == [(1, 6, 2), (2, 5, 3), (1, 5, 5)]


def test_duplicates_are_an_error_if_asked_for():
    with pytest.raises(DataError, match="twice, in rows 0 and 3; duplicates='last' keeps"):
        Ratings(*TWICE, duplicates="error")
    assert len(Ratings([1, 1, 2], [1, 2, 1], [1, 2, 3], duplicates="error")) == 3


# ---- other ways in ------------------------------------------------------------------------------


def test_good_arrays_are_shared_and_not_copied():
    u, i = np.array([0, 1], np.int32), np.array([1, 0], np.int32)
    for dtype in (np.float32, np.float64):
        r = np.array([1, 2], dtype)
        ratings = Ratings.of_indices(u, i, r)
        assert ratings.u is u
        assert ratings.i is i
        assert ratings.r is r


def test_indices_may_leave_users_and_items_without_ratings():
    ratings = Ratings.of_indices([0], [1], [5], n_users=3, item_ids=["x", "a", "m"])
    assert (ratings.n_users, ratings.n_items) == (3, 3)
    assert triples(ratings) == [(0, "a", 5.0)]
    assert ratings.encode_items(["m", "x", "nobody"]).tolist() == [2, 0, -1]


def test_indices_may_be_none_at_all():
    assert repr(Ratings.of_indices([], [], [], n_users=2)) == (
        "Ratings(0 ratings, 2 users, 0 items, float32)"
    )
    assert np.isnan(Ratings.of_indices([], [], []).mean)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"n_users": 2}, "user number 2 at row 1; there are 2 users, numbered from 0"),
        ({"u": [0, -1]}, "user number -1 at row 1"),
        ({"u": [0.0, 1.0]}, "user numbers must be integers in one dimension, got float64"),
        ({"u": ["a", "b"]}, r"for ids of other kinds use Ratings\(users, items, values\)"),
        ({"user_ids": [4, 5]}, "user number 2 at row 1; there are 2 users"),
        ({"user_ids": [4, 5, 4]}, "the user id 4 is given to several numbers"),
        ({"user_ids": [4, 5, 6], "n_users": 4}, "3 user ids, but n_users=4"),
        ({"n_items": -1}, "n_items must be 0 to 2147483647, got -1"),
        ({"i": [0, 2**31]}, "n_items must be 0 to 2147483647, got 2147483649"),
        ({"r": [1.0]}, "2 users, 2 items and 1 values"),
    ],
)
def test_bad_indices_are_refused(options, message):
    with pytest.raises(DataError, match=message):
        Ratings.of_indices(**({"u": [0, 2], "i": [0, 1], "r": [1.0, 2.0]} | options))


def test_a_sparse_matrix_gives_its_stored_entries():
    matrix = sp.coo_matrix(([1.0, 0.0, 3.0], ([2, 0, 2], [1, 3, 1])), shape=(4, 5))
    ratings = Ratings.from_scipy(matrix)
    assert triples(ratings) == [(2, 1, 1.0), (0, 3, 0.0), (2, 1, 3.0)]
    assert (ratings.n_users, ratings.n_items) == (4, 5)
    assert triples(Ratings.from_scipy(matrix, duplicates="last")) == [(0, 3, 0.0), (2, 1, 3.0)]
    assert triples(Ratings.from_scipy(sp.csr_array([[0, 2], [3, 0]]))) == [(0, 1, 2.0), (1, 0, 3)]
    assert (ratings.to_scipy() != matrix).nnz == 0
    with pytest.raises(ValueError, match="expected a scipy sparse matrix, got ndarray"):
        Ratings.from_scipy(np.eye(2))


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("ids", [["b", "a"], [4, 3]])
def test_frames_give_the_columns_whose_names_say_so(library, ids):
    frames = pytest.importorskip(library)
    frame = frames.DataFrame({"t": [0, 0], "Rating": [1.5, 2], "movieId": [8, 7], "user_id": ids})
    assert triples(Ratings.from_frame(frame)) == [(ids[0], 8, 1.5), (ids[1], 7, 2.0)]
    swapped = Ratings.from_frame(frame, user="movieId", item="user_id", rating="t")
    assert triples(swapped) == [(8, ids[0], 0.0), (7, ids[1], 0.0)]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_that_leave_a_doubt_are_refused(library):
    frames = pytest.importorskip(library)
    frame = frames.DataFrame({"user": [1], "uid": [1], "film": [1], "rating": [None]})
    with pytest.raises(ValueError, match="several columns could hold the user: the frame has 'us"):
        Ratings.from_frame(frame)
    with pytest.raises(ValueError, match=r"no column could hold the item: .* pass item='\.\.\.'"):
        Ratings.from_frame(frame, user="uid")
    with pytest.raises(ValueError, match="no column 'movie' for item; the frame has 'user', 'uid'"):
        Ratings.from_frame(frame, user="uid", item="movie")
    with pytest.raises(DataError, match="values must"):
        Ratings.from_frame(frame, user="uid", item="film")
    with pytest.raises(ValueError, match="expected a pandas or polars frame, got list"):
        Ratings.from_frame([1])


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_missing_id_in_a_frame_is_refused_with_its_row(library):
    frames = pytest.importorskip(library)
    frame = frames.DataFrame({"user": ["a", None], "item": [1, 2], "rating": [1, 2]})
    with pytest.raises(DataError, match="the user id at row 1 is missing"):
        Ratings.from_frame(frame)


# ---- ids back to numbers ------------------------------------------------------------------------


def test_unknown_ids_are_minus_one():
    assert SMALL.encode_users([9, 8, 3]).tolist() == [2, -1, 0]
    assert SMALL.encode_items(np.array([30, -1, 99])).tolist() == [2, -1, -1]
    assert SMALL.encode_users(7).tolist() == [1]
    assert SMALL.encode_users([]).tolist() == []
    assert SMALL.encode_users([9]).dtype == np.int32
    assert encode_ids(np.array([], dtype=int), [1], "user").tolist() == [-1]


def test_longer_strings_than_any_known_are_unknown():
    ratings = Ratings(["ab", "a"], [1, 1], [1, 1])
    assert ratings.encode_users(["abc", "ab", ""]).tolist() == [-1, 1, -1]
    assert ratings.encode_users(np.array(["a", "b"], dtype=object)).tolist() == [0, -1]
    assert ratings.encode_users("a").tolist() == [0]


def test_ids_of_the_other_kind_are_refused():
    with pytest.raises(DataError, match="user ids are integers here, got strings, such as '7'"):
        SMALL.encode_users(["7"])
    with pytest.raises(DataError, match="item ids are strings here, got integers, such as 1"):
        Ratings([1], ["a"], [1]).encode_items([1])


# ---- rows and splits ----------------------------------------------------------------------------


def test_rows_keep_the_numbers_of_users_and_items():
    part = SMALL.rows([3, 0])
    assert triples(part) == [(9, 30, 4.0), (7, 20, 1.0)]
    assert part.user_ids is SMALL.user_ids
    assert part.n_items == 3
    assert len(SMALL.rows([])) == 0
    assert triples(SMALL.rows(SMALL.r > 3)) == [(9, 30, 4.0)]
    assert np.shares_memory(SMALL.rows(slice(1, 3)).r, SMALL.r)
    with pytest.raises(IndexError):
        SMALL.rows([4])
    with pytest.raises(IndexError):
        SMALL.rows(np.array([True]))
    with pytest.raises(ValueError, match="rows are selected by"):
        SMALL.rows([0.5])


def part_of(n=1000):
    rng = np.random.default_rng(3)
    return Ratings.of_indices(rng.integers(0, 40, n), rng.integers(0, 9, n), np.arange(n))


@pytest.mark.parametrize("test, n_test", [(0.1, 100), (0.0004, 0), (1.0, 1000), (7, 7), (0, 0)])
def test_a_random_split_has_the_share_asked_for_and_loses_nothing(test, n_test):
    ratings = part_of()
    train, held = ratings.split(test, seed=1)
    assert len(held) == n_test
    assert sorted([*train.r, *held.r]) == ratings.r.tolist()
    assert (np.diff(train.r) > 0).all()
    assert (np.diff(held.r) > 0).all()
    assert train.n_users == held.n_users == ratings.n_users


def test_the_same_seed_splits_alike_and_another_otherwise():
    ratings = part_of()
    one, same, other = (ratings.split(seed=seed)[1].r.tolist() for seed in (5, 5, 6))
    assert one == same != other


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda r: r.split(1.5, seed=0), "a share of test ratings must be 0.0 to 1.0, got 1.5"),
        (lambda r: r.split(1001, seed=0), "the number of test ratings must be 0 to 1000, got 1001"),
        (lambda r: r.leave_out(0), "per_user must be 1 or more, got 0"),
        (lambda r: r.folds(1, seed=0), "k must be 2 to the number of ratings, 1000, got 1"),
        (lambda r: r.folds(1001, seed=0), "k must be 2 to .* got 1001"),
    ],
)
def test_splits_that_make_no_sense_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(part_of())


@given(st.lists(st.integers(0, 5), max_size=60), st.integers(1, 12), st.integers(-12, 12))
def test_leaving_out_by_user_is_what_a_plain_loop_does(users, per_user, start):
    ratings = Ratings.of_indices(users, [0] * len(users), range(len(users)), n_users=6)
    expected = []
    for user in range(6):
        own = [row for row, one in enumerate(users) if one == user]
        places = range(len(own))
        begin = start if start >= 0 else len(own) + start
        expected += [own[place] for place in places if begin <= place < begin + per_user]
    train, test = ratings.leave_out(per_user, start=start)
    assert test.r.tolist() == sorted(expected)
    assert sorted([*train.r, *test.r]) == list(range(len(users)))


def test_the_default_leaves_out_each_users_eleventh_to_twentieth_rating():
    users = [0] * 25 + [1] * 15 + [2] * 5
    _, test = Ratings.of_indices(users, [0] * 45, range(45)).leave_out()
    assert test.r.tolist() == [*range(10, 20), *range(35, 40)]


def test_folds_hold_every_rating_once_in_a_test_part():
    ratings = part_of(101)
    pairs = list(ratings.folds(5, seed=2))
    assert sorted(np.concatenate([test.r for _, test in pairs])) == ratings.r.tolist()
    assert sorted(len(test) for _, test in pairs) == [20, 20, 20, 20, 21]
    for train, test in pairs:
        assert not set(train.r) & set(test.r)
        assert len(train) + len(test) == 101


# ---- memory -------------------------------------------------------------------------------------


def test_checking_takes_no_memory_to_speak_of():
    n = 1_000_000
    u, i, r = np.zeros(n, np.int32), np.zeros(n, np.int32), np.ones(n, np.float32)
    tracemalloc.start()
    try:
        Ratings.of_indices(u, i, r)
        shared = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        Ratings(u, i, r)
        mapped = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert shared < n
    assert mapped < 18 * n


def test_large_unsigned_ids_are_found_as_exactly_as_signed_ones():
    near = 2**53  # from here on a double no longer tells neighbours apart
    ratings = Ratings([near, near + 1, near + 2], [1, 2, 3], [1.0, 2.0, 3.0])
    wanted = np.array([near + 1, near + 2, near], dtype=np.uint64)
    assert ratings.encode_users(wanted).tolist() == [1, 2, 0]


def test_ids_that_numpy_would_make_one_of_are_refused():
    with pytest.raises(DataError, match=r"user ids must not end with a NUL character; found 'a"):
        Ratings(["a\0", "a"], [1, 2], [1.0, 2.0])


@pytest.mark.parametrize("kind", [np.array, list, lambda ids: np.array(ids, dtype=object)])
def test_ids_that_are_whole_floats_are_integers(kind):
    ratings = Ratings(kind([7.0, -(2.0**53) + 1]), kind([1.0, 2.0]), [3.0, 4.0])
    assert ratings.user_ids.dtype.kind == "i"
    assert ratings.user_ids.tolist() == [-(2**53) + 1, 7]
    assert ratings.encode_users(kind([7.0, 8.0])).tolist() == [1, -1]
    assert ratings.encode_items(2.0).tolist() == [1]


@pytest.mark.parametrize("id", [2.5, np.nan, np.inf, 2.0**53])
def test_ids_that_are_other_floats_are_refused_with_their_row(id):
    for ids in (np.array([1.0, id]), [1.0, id]):
        with pytest.raises(DataError, match=r"user ids must be integers or strings; .* at row 1"):
            Ratings(ids, [1, 2], [3.0, 4.0])
