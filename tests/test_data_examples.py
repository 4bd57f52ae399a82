"""Whatever a user holds becomes the same checked rows, or is refused with the place."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hogwild.data import Examples
from hogwild.errors import DataError

DENSE = np.array([[0.0, 2.0, 0.0], [0.0, 0.0, 0.0], [3.0, 0.0, 4.0]])
LABELS = [1.0, -1.0, 1.0]


def unchecked_csr(indptr, indices, data, shape):
    """Build a CSR matrix without scipy's own checks."""
    matrix = sp.csr_matrix(shape)
    matrix.indptr, matrix.indices = np.array(indptr, np.int32), np.array(indices, np.int32)
    matrix.data = np.array(data, np.float64)
    return matrix


def test_a_dense_array_gives_the_arrays_worked_out_by_hand():
    examples = Examples(DENSE, LABELS)
    assert examples.indptr.tolist() == [0, 1, 1, 3]
    assert examples.indices.tolist() == [1, 0, 2]
    assert examples.data.tolist() == [2.0, 3.0, 4.0]
    assert examples.y.tolist() == LABELS
    assert (examples.indptr.dtype, examples.indices.dtype) == (np.int64, np.int32)
    assert (examples.n_rows, examples.n_features, examples.nnz) == (3, 3, 3)
    assert len(examples) == 3
    assert examples.dtype == np.float64
    assert examples.sample_weight is None


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "bsr", "dia", "dok", "lil"])
@pytest.mark.parametrize("kind", [sp.coo_matrix, sp.coo_array])
def test_every_sparse_format_gives_the_rows_of_the_dense_array(form, kind):
    examples = Examples(kind(DENSE).asformat(form), LABELS)
    assert np.array_equal(examples.to_scipy().toarray(), DENSE)


def test_nested_lists_are_taken():
    assert np.array_equal(Examples(DENSE.tolist(), LABELS).to_scipy().toarray(), DENSE)


def test_a_good_csr_matrix_is_not_copied():
    X = sp.csr_matrix(DENSE)
    y = np.array(LABELS)
    examples = Examples(X, y)
    assert np.shares_memory(examples.data, X.data)
    assert np.shares_memory(examples.indices, X.indices)
    assert np.shares_memory(examples.y, y)


def test_to_scipy_shares_values_and_columns():
    examples = Examples(DENSE, LABELS)
    matrix = examples.to_scipy()
    assert isinstance(matrix, sp.csr_matrix)
    assert np.shares_memory(matrix.data, examples.data)
    assert np.shares_memory(matrix.indices, examples.indices)


def test_unsorted_columns_are_sorted_on_a_copy():
    X = unchecked_csr([0, 3, 5], [2, 0, 1, 1, 0], [1, 2, 3, 4, 5], (2, 3))
    examples = Examples(X, [0, 1])
    assert examples.indices.tolist() == [0, 1, 2, 0, 1]
    assert examples.data.tolist() == [2, 3, 1, 5, 4]
    assert X.indices.tolist() == [2, 0, 1, 1, 0]
    assert X.data.tolist() == [1, 2, 3, 4, 5]


def test_unsorted_columns_are_found_even_if_scipy_believes_them_sorted():
    X = unchecked_csr([0, 2], [1, 0], [1, 2], (1, 2))
    X.has_sorted_indices = True
    assert Examples(X, [0]).data.tolist() == [2, 1]


def test_a_lower_column_at_the_start_of_a_row_is_no_disorder():
    X = unchecked_csr([0, 2, 2, 4, 4], [1, 2, 0, 1], [1, 2, 3, 4], (4, 3))
    assert Examples(X, np.zeros(4)).indices.tolist() == [1, 2, 0, 1]


def test_repeated_entries_of_coo_are_summed_as_scipy_defines_them():
    X = sp.coo_array(([1.0, 2.0], ([0, 0], [1, 1])), shape=(1, 2))
    assert Examples(X, [0]).data.tolist() == [3.0]


@pytest.mark.parametrize("columns", [[0, 1, 1], [1, 0, 1]])
def test_a_repeated_column_of_csr_is_refused_with_its_row(columns):
    X = unchecked_csr([0, 0, 3], columns, [1, 2, 3], (2, 2))
    with pytest.raises(DataError, match="column 1 occurs twice in row 1"):
        Examples(X, [0, 0])


def test_stored_zeros_are_kept_and_dense_zeros_are_left_out():
    assert Examples(unchecked_csr([0, 2], [0, 1], [0.0, 1.0], (1, 2)), [0]).nnz == 2
    assert Examples([[0.0, 1.0]], [0]).nnz == 1


@pytest.mark.parametrize(
    "values, expected",
    [
        (np.array([[1]], np.float32), np.float32),
        (np.array([[1]], np.float64), np.float64),
        (np.array([[1]], np.float16), np.float64),
        (np.array([[1]], np.int64), np.float64),
        (np.array([[True]]), np.float64),
    ],
)
def test_the_type_follows_the_input_and_labels_follow_the_values(values, expected):
    examples = Examples(values, [1], sample_weight=[2])
    assert examples.data.dtype == examples.y.dtype == expected
    assert examples.sample_weight.dtype == expected


def test_a_wanted_type_wins():
    assert Examples(DENSE, LABELS, dtype=np.float32).dtype == np.float32
    assert Examples(DENSE.astype(np.float32), LABELS, dtype=np.float64).dtype == np.float64


REFUSED = {
    "complex": (lambda: Examples([[1j]], [0]), "complex"),
    "text": (lambda: Examples([["1"]], [0]), "X must hold real numbers"),
    "objects": (lambda: Examples([[None]], [0]), "dtype object"),
    "text labels": (lambda: Examples([[1.0]], ["a"]), "y must hold real numbers"),
    "ragged": (lambda: Examples([[1], [1, 2]], [0, 0]), "one length"),
    "masked": (lambda: Examples(np.ma.masked_equal([[1, 2]], 1), [0]), "masked array"),
    "one dimension": (lambda: Examples([1.0], [0]), r"X must have two dimensions.*\(1,\)"),
    "column labels": (lambda: Examples([[1.0]], [[0]]), r"pass y.ravel\(\)"),
    "too few labels": (lambda: Examples(DENSE, [1]), "3 rows in X, 1 in y"),
    "nan": (lambda: Examples([[1, 2], [0, np.nan]], [0, 0]), "found nan at row 1, column 1"),
    "inf": (lambda: Examples([[-np.inf]], [0]), "found -inf at row 0, column 0"),
    "nan label": (lambda: Examples([[1], [1]], [0, np.nan]), "y must be finite; .*nan at row 1"),
    "float32": (lambda: Examples([[1e39]], [0], dtype="f4"), "finite in float32; found 1e"),
    "negative weight": (lambda: Examples([[1]], [0], sample_weight=[-1]), "found -1.0 at row 0"),
    "nan weight": (lambda: Examples([[1]], [0], sample_weight=[np.nan]), "sample_weight must be"),
    "few weights": (lambda: Examples(DENSE, LABELS, sample_weight=[1]), "1 in sample_weight"),
    "column": (
        lambda: Examples(unchecked_csr([0, 1, 2], [0, 7], [1, 1], (2, 2)), [0, 0]),
        "column number 7 in row 1",
    ),
    "negative column": (
        lambda: Examples(unchecked_csr([0, 1], [-1], [1], (1, 2)), [0]),
        "column number -1 in row 0",
    ),
    "indptr": (
        lambda: Examples(unchecked_csr([0, 2, 1], [0, 1], [1, 1], (2, 2)), [0, 0]),
        "X.indptr",
    ),
    "columns": (lambda: Examples(sp.csr_array((1, 2**31)), [0]), "at most 2147483647"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_represented_is_refused_with_its_place(case):
    make, message = REFUSED[case]
    with pytest.raises(DataError, match=message):
        make()


def test_a_type_that_is_no_float_is_refused():
    with pytest.raises(ValueError, match="dtype must be float64 or float32, got int64"):
        Examples(DENSE, LABELS, dtype=np.int64)


def test_rows_without_entries_and_no_rows_at_all_are_fine():
    assert Examples(np.empty((0, 4)), []).n_features == 4
    assert Examples(np.zeros((2, 0)), [0, 0]).n_rows == 2


def test_the_record_is_frozen():
    with pytest.raises(AttributeError):
        Examples(DENSE, LABELS).y = None


def test_the_record_survives_pickling():
    examples = pickle.loads(pickle.dumps(Examples(DENSE, LABELS, sample_weight=[1, 2, 3])))
    assert np.array_equal(examples.to_scipy().toarray(), DENSE)
    assert examples.sample_weight.tolist() == [1, 2, 3]


def test_repr_says_what_is_inside():
    examples = Examples(DENSE, LABELS, sample_weight=[1, 2, 3], dtype="f4")
    assert repr(examples) == "Examples(3 rows, 3 features, 3 entries, float32, weighted)"


@pytest.mark.parametrize("selection", [2.5, [[0]], [0.0], "a"])
def test_rows_refuses_what_is_no_selection(selection):
    with pytest.raises(ValueError, match="slice"):
        Examples(DENSE, LABELS).rows(selection)


@pytest.mark.parametrize("selection", [[3], [-4], [True]])
def test_rows_out_of_range_are_an_index_error(selection):
    with pytest.raises(IndexError):
        Examples(DENSE, LABELS).rows(selection)


def test_split_at_takes_a_fraction_or_a_row_number():
    examples = Examples(np.eye(10), np.arange(10))
    for place in (0.8, 8, np.float64(0.8), np.int32(8)):
        train, test = examples.split_at(place)
        assert (train.y.tolist(), test.y.tolist()) == (list(range(8)), [8, 9])
        assert np.shares_memory(train.data, examples.data)
    assert [len(part) for part in examples.split_at(1.0)] == [10, 0]
    assert [len(part) for part in examples.split_at(1)] == [1, 9]


@pytest.mark.parametrize("place", [-1, 11, 1.5, -0.1, float("nan")])
def test_split_at_refuses_a_place_outside(place):
    with pytest.raises(ValueError, match="must be 0"):
        Examples(np.eye(10), np.arange(10)).split_at(place)


matrices = hnp.arrays(
    st.sampled_from([np.float64, np.float32]),
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=6),
    elements=st.floats(-10, 10, width=32),
)


@st.composite
def selections(draw):
    n_rows = draw(st.integers(0, 6))
    return n_rows, draw(
        st.one_of(
            st.slices(n_rows),
            hnp.arrays(bool, n_rows),
            st.lists(st.integers(-n_rows, n_rows - 1)) if n_rows else st.just([]),
        )
    )


@given(matrices)
def test_dense_rows_come_back_as_they_were(X):
    examples = Examples(X, np.zeros(len(X)))
    assert examples.dtype == X.dtype
    assert np.array_equal(examples.to_scipy().toarray(), X)


@given(selections(), st.integers(0, 2**32 - 1))
def test_rows_selects_what_numpy_selects(case, seed):
    n_rows, selection = case
    rng = np.random.default_rng(seed)
    X = rng.random((n_rows, 4)) * (rng.random((n_rows, 4)) < 0.5)
    y, weights = rng.random(n_rows), rng.random(n_rows)
    chosen = Examples(X, y, sample_weight=weights).rows(selection)
    place = selection if isinstance(selection, slice) or len(selection) else np.empty(0, np.intp)
    assert np.array_equal(chosen.to_scipy().toarray(), X[place])
    assert np.array_equal(chosen.y, y[place])
    assert np.array_equal(chosen.sample_weight, weights[place])
    assert chosen.indptr[0] == 0


def test_a_frame_of_pandas_is_taken_column_by_column():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1, 0], "sparse": [0.5, 2.0], "b": [True, False]})
    examples = Examples(frame, frame["a"], sample_weight=frame["sparse"])
    assert examples.to_scipy().toarray().tolist() == [[1.0, 0.5, 1.0], [0.0, 2.0, 0.0]]
    assert (examples.y.tolist(), examples.sample_weight.tolist()) == ([1.0, 0.0], [0.5, 2.0])
    assert Examples(frame[["a"]].astype("Int64"), frame["a"]).data.tolist() == [1.0]
    assert Examples(frame[["a"]].astype("float32"), frame["a"]).dtype == np.float32


def test_a_sparse_frame_of_pandas_stays_sparse():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame.sparse.from_spmatrix(sp.csr_matrix(DENSE))
    assert np.array_equal(Examples(frame, LABELS).to_scipy().toarray(), DENSE)


def test_bad_frames_of_pandas_are_refused_with_the_place():
    pd = pytest.importorskip("pandas")
    missing = pd.DataFrame({"a": [1, 2], "b": pd.array([1, None], dtype="Int64")})
    with pytest.raises(DataError, match="found nan at row 1, column 1"):
        Examples(missing, [0, 0])
    with pytest.raises(DataError, match="column 'b'"):
        Examples(pd.DataFrame({"a": [1], "b": ["1"]}), [0])


def test_a_series_that_gives_objects_for_a_missing_number_is_refused_with_the_row():
    class Nullable:
        """A series as pandas 2 has it: missing values make it one of objects."""

        dtype = np.dtype(np.int64)

        def to_numpy(self, dtype=object, na_value=None):
            return np.array([1, na_value], dtype=dtype)

    with pytest.raises(DataError, match="found nan at row 1"):
        Examples([[1.0], [1.0]], Nullable())


def test_a_frame_of_polars_is_taken_and_its_nulls_are_refused():
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({"a": [1, 0], "b": [0.5, 2.0]})
    examples = Examples(frame, frame["a"])
    assert examples.to_scipy().toarray().tolist() == [[1.0, 0.5], [0.0, 2.0]]
    with pytest.raises(DataError, match="found nan at row 1, column 0"):
        Examples(pl.DataFrame({"a": [1, None]}), [0, 0])
    with pytest.raises(DataError, match="column 'a'"):
        Examples(pl.DataFrame({"a": ["1"]}), [0])
