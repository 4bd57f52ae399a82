"""Levels: disjoint ratings together, and every rating after those that it must follow."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hogwild.kernels.compiled import have_numba
from hogwild.kernels.levels import levels
from hogwild.reference.levels import levels as page_levels

PAIRS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4)), max_size=60)
COMPILED = [False, *([True] if have_numba() else [])]


def split(pairs):
    table = np.array(pairs, np.int32).reshape(-1, 2)
    return np.ascontiguousarray(table[:, 0]), np.ascontiguousarray(table[:, 1])


def test_a_square_in_user_order_goes_by_its_diagonals():
    u, i = (part.ravel().astype(np.int32) for part in np.indices((4, 4)))
    assert levels(u, i, 4, 4).reshape(4, 4).tolist() == (np.add.outer(range(4), range(4))).tolist()


@pytest.mark.parametrize("compiled", COMPILED)
@given(PAIRS)
def test_ratings_of_a_level_are_disjoint_and_no_level_could_be_lower(compiled, pairs):
    u, i = split(pairs)
    found = levels(u, i, 6, 5, compiled=compiled)
    for t in range(len(u)):
        before = [found[s] for s in range(t) if u[s] == u[t] or i[s] == i[t]]
        assert found[t] == max(before, default=-1) + 1


@pytest.mark.parametrize("compiled", COMPILED)
@given(PAIRS)
def test_levels_are_those_of_the_reference(compiled, pairs):
    u, i = split(pairs)
    assert levels(u, i, 6, 5, compiled=compiled).tolist() == list(page_levels(u, i))


@given(PAIRS)
def test_there_are_as_many_levels_as_the_longest_chain_at_least_the_busiest_row(pairs):
    u, i = split(pairs)
    found = levels(u, i, 6, 5)
    busiest = max(np.bincount(u, minlength=1).max(), np.bincount(i, minlength=1).max())
    assert found.max(initial=-1) + 1 >= busiest
