"""Means and deviations: by hand, against numpy, exactly 0 for what is constant, trouble."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hogwild.mllib import LocalPartitions, partitions
from hogwild.mllib.moments import moments, scaled_back

FORMS = {"dense": np.asarray, "sparse": sp.csr_matrix}


def moments_of(X, **layout):
    return moments(LocalPartitions((X, np.zeros(X.shape[0])), **layout))


@pytest.mark.parametrize("form", FORMS)
def test_three_rows_by_hand(form):
    found = moments_of(FORMS[form]([[1.0, 0.0], [2.0, 0.0], [6.0, -3.0]]), num_partitions=1)
    assert found.mean.tolist() == [3.0, -1.0]
    assert found.deviation.tolist() == [np.sqrt(7.0), np.sqrt(3.0)]  # 4 + 1 + 9, 1 + 1 + 4; over 2
    assert found.inverse.tolist() == [1 / np.sqrt(7.0), 1 / np.sqrt(3.0)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("sizes", [[400], [1, 0, 399], [133, 134, 133], [50] * 8])
def test_the_deviation_of_a_constant_column_is_exactly_0(form, sizes, monkeypatch):
    monkeypatch.setattr(partitions, "LONGEST_CHUNK", 37)
    X = np.tile([0.1, 0.0, 1e300, -1 / 3], (400, 1))
    found = moments_of(FORMS[form](X), sizes=sizes)
    assert found.mean.tolist() == [0.1, 0.0, 1e300, -1 / 3]
    assert found.deviation.tolist() == [0.0] * 4
    assert found.inverse.tolist() == [0.0] * 4


@pytest.mark.parametrize("form", FORMS)
def test_a_large_offset_costs_no_more_digits_than_the_rounding_of_the_means(form):
    noise = np.random.default_rng(0).normal(size=(1000, 1))
    X = 1e9 + noise  # the mean is known to 1e-7; sums of squares would keep nothing
    exact = (X - 1e9).std(ddof=1)
    assert moments_of(FORMS[form](X)).deviation[0] == pytest.approx(exact, rel=1e-9)


@settings(max_examples=60)
@given(
    hnp.arrays(
        np.float64, st.tuples(st.integers(2, 40), st.integers(1, 4)),
        elements=st.one_of(st.just(0.0), st.floats(-1e6, 1e6)),
    ),
    st.lists(st.integers(0, 10), min_size=1, max_size=4),
)  # fmt: skip
def test_dense_or_sparse_in_any_layout_they_are_numpys(X, cuts):
    ends = sorted(min(cut, len(X)) for cut in cuts)
    sizes = np.diff([0, *ends, len(X)]).tolist()
    scale = max(1.0, np.abs(X).max())
    for form in FORMS.values():
        found = moments_of(form(X), sizes=sizes)
        assert found.mean == pytest.approx(X.mean(axis=0), rel=1e-12, abs=1e-13 * scale)
        assert found.deviation == pytest.approx(X.std(axis=0, ddof=1), rel=1e-9, abs=1e-9 * scale)


def test_zeros_that_are_stored_and_entries_in_parts_count_as_what_they_are():
    parts = sp.csr_matrix(([1.0, 2.0, 0.0, 3.0], [0, 0, 1, 1], [0, 2, 3, 4]), shape=(3, 2))
    whole = parts.toarray()
    assert whole.tolist() == [[3.0, 0.0], [0.0, 0.0], [0.0, 3.0]]
    found = moments_of(parts)
    assert found.mean == pytest.approx(whole.mean(axis=0), rel=1e-15)
    assert found.deviation == pytest.approx(whole.std(axis=0, ddof=1), rel=1e-15)
    assert parts.nnz == 4  # the caller's matrix is as it was


@pytest.mark.parametrize("form", FORMS)
def test_of_a_single_row_and_of_none_the_deviation_is_0(form):
    assert moments_of(FORMS[form]([[2.0, 0.0]])).deviation.tolist() == [0.0, 0.0]
    assert moments_of(FORMS[form](np.zeros((0, 2)))).deviation.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("form", FORMS)
def test_what_is_not_finite_or_overflows_is_said(form):
    X = np.ones((5, 2))
    X[3, 1] = np.nan
    with pytest.raises(ValueError, match=r"must be finite; found a feature nan at row 3"):
        moments_of(FORMS[form](X))
    X[3, 1] = 1e200
    with pytest.raises(
        ValueError, match="feature 1 can't be scaled by its deviation, its values are too large"
    ):
        moments_of(FORMS[form](X))
    X[:, 1] = [1e-309, 0.0, 0.0, 0.0, 2e-309]  # squares are 0
    assert moments_of(FORMS[form](X)).deviation.tolist() == [0.0, 0.0]


def test_weights_that_overflow_are_said_to():
    with pytest.raises(ValueError, match="the weights overflow for features as small as these"):
        scaled_back(np.array([1.0, 1e300]), np.array([1.0, 1e10]))
