"""Rows of fields are checked once at the door, and picking rows keeps every entry as it stands."""

import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hogwild.data import FieldRows
from hogwild.errors import DataError

entry_lists = st.lists(
    st.lists(
        st.tuples(
            st.integers(0, 5), st.integers(0, 30), st.floats(-8, 8, width=32, allow_nan=False)
        ),
        max_size=5,
    ),
    max_size=8,
)


def three_rows(**options):
    return FieldRows(
        [0, 2, 2, 5], [0, 1, 3, 3, 0], [7, 2, 5, 5, 0], np.ones(5), [1, 0, 2], **options
    )


def lists_of(rows):
    """Return [[(field, feature, value), ...], ...]."""
    entries = list(
        zip(rows.fields.tolist(), rows.features.tolist(), rows.values.tolist(), strict=True)
    )
    borders = rows.indptr.tolist()
    return [entries[a:b] for a, b in pairwise(borders)]


def test_the_arrays_have_the_types_that_kernels_rely_on():
    rows = three_rows()
    assert [a.dtype for a in (rows.indptr, rows.fields, rows.features, rows.values, rows.y)] == [
        np.int64,
        np.int32,
        np.int32,
        np.float32,
        np.float64,
    ]
    assert (rows.n_rows, len(rows), rows.n_entries, rows.n_fields, rows.n_features) == (
        3,
        3,
        5,
        4,
        8,
    )
    assert rows.n_pairs == 1 + 0 + 3
    assert repr(rows) == "FieldRows(3 rows, 4 fields, 8 features, 5 entries, float32)"


def test_arrays_that_are_good_are_not_copied():
    arrays = (
        np.array([0, 1]),
        np.array([0], np.int32),
        np.array([4], np.int32),
        np.array([0.5], np.float32),
        np.array([1.0]),
    )
    rows = FieldRows(*arrays)
    held = (rows.indptr, rows.fields, rows.features, rows.values, rows.y)
    assert all(np.shares_memory(a, b) for a, b in zip(arrays, held, strict=True))


def test_values_are_float64_when_asked_for():
    rows = FieldRows([0, 1], [0], [0], [0.1], [1], dtype=np.float64)
    assert (rows.dtype, rows.values[0]) == (np.float64, 0.1)
    assert FieldRows([0, 1], [0], [0], [0.1], [1]).values[0] == np.float32(0.1)


def test_given_sizes_count_when_they_are_larger_and_never_hide_an_id():
    assert (three_rows(n_fields=9).n_fields, three_rows(n_features=9).n_features) == (9, 9)
    assert (three_rows(n_fields=2).n_fields, three_rows(n_features=2).n_features) == (4, 8)


def test_no_rows_and_rows_without_entries_are_rows():
    none = FieldRows([0], [], [], [], [])
    assert (len(none), none.n_fields, none.n_features, none.n_pairs) == (0, 0, 0, 0)
    assert FieldRows.of_lists([[], []], [1, 0]).indptr.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    "change, message",
    [
        ({"indptr": [1, 2]}, "indptr must start at 0 and never fall"),
        ({"indptr": [0, 2, 1]}, "never fall"),
        ({"indptr": []}, "one more than there are rows"),
        ({"indptr": [0.0, 2.0]}, "indptr must be integers"),
        ({"indptr": [0, 3]}, r"3 entries by indptr, got shape \(2,\)"),
        ({"fields": [0]}, "fields must have one dimension and one number an entry: 2 entries"),
        ({"fields": [[0, 1]]}, "fields must have one dimension"),
        (
            {"fields": [0, -1]},
            "field -1 in row 0, entry 1; fields are numbered from 0 to 2147483646",
        ),
        ({"features": [0, 2**31 - 1]}, "feature 2147483647 in row 0, entry 1"),
        ({"features": [0.0, 1.0]}, "features must hold whole numbers, got dtype float64"),
        ({"values": [np.nan, 1]}, "values must be finite; found nan in row 0, entry 0"),
        (
            {"values": [1, 1e39]},
            r"values must be finite in float32; found 1e\+39 in row 0, entry 1",
        ),
        ({"values": ["a", "b"]}, "values must hold real numbers"),
        ({"y": [1, 2]}, "one value a row: 1 rows in X, 2 in y"),
        ({"y": [np.inf]}, "y must be finite"),
    ],
)
def test_bad_arrays_are_refused_with_the_place(change, message):
    good = {"indptr": [0, 2], "fields": [0, 1], "features": [0, 1], "values": [1, 1], "y": [1]}
    FieldRows(**good)
    with pytest.raises(DataError, match=message):
        FieldRows(**(good | change))


@pytest.mark.parametrize("bad", [-1, 2.0, True, 2**31])
def test_a_bad_number_of_features_is_refused(bad):
    with pytest.raises(ValueError, match="n_features must be a whole number"):
        three_rows(n_features=bad)


@given(entry_lists, st.data())
def test_rows_are_picked_as_from_a_list(lists, data):
    rows = FieldRows.of_lists(lists, range(len(lists)), n_fields=7, n_features=40)
    assert lists_of(rows) == lists
    numbers = st.integers(-len(lists), len(lists) - 1)
    picked = data.draw(st.lists(numbers, max_size=6) if lists else st.just([]))
    some = rows.rows(picked)
    assert lists_of(some) == [lists[place] for place in picked]
    assert some.y.tolist() == [place % len(lists) for place in picked]
    ends = st.none() | st.integers(-9, 9)
    cut = slice(data.draw(ends), data.draw(ends), data.draw(st.sampled_from([None, 1, 2, -1])))
    assert lists_of(rows.rows(cut)) == lists[cut]
    assert (some.n_fields, some.n_features) == (7, 40)


def test_a_slice_shares_the_arrays_and_a_boolean_array_selects():
    rows = three_rows()
    assert np.shares_memory(rows.rows(slice(1, 3)).values, rows.values)
    assert rows.rows(np.array([True, False, True])).y.tolist() == [1, 2]
    with pytest.raises(IndexError):
        rows.rows([3])


def test_a_split_parts_the_rows_and_is_the_same_for_a_seed():
    rows = FieldRows.of_lists([[(0, j, 1.0)] for j in range(20)], range(20))
    train, test = rows.split(0.25, seed=3)
    assert (len(train), len(test)) == (15, 5)
    assert sorted([*train.y, *test.y]) == list(range(20))
    assert (np.diff(train.y) > 0).all()
    assert rows.split(5, seed=3)[1].y.tolist() == test.y.tolist()
    with pytest.raises(ValueError, match=r"a share of test rows must be 0\.0 to 1\.0, got 1\.5"):
        rows.split(1.5, seed=0)


def test_one_field_makes_a_plain_machine():
    plain = three_rows().one_field()
    assert (plain.fields.tolist(), plain.n_fields) == ([0] * 5, 1)
    assert plain.features.tolist() == three_rows().features.tolist()
    assert FieldRows([0], [], [], [], []).one_field().n_fields == 0


def test_rows_survive_a_pickle():
    rows = three_rows()
    assert lists_of(pickle.loads(pickle.dumps(rows))) == lists_of(rows)
