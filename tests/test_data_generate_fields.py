"""Made click data: the shape asked for, the same bits for a seed, labels that can be learned."""

import numpy as np
import pytest

from hogwild.data import generate_fields
from hogwild.data.generate_fields import field_sizes


def test_each_row_has_one_feature_of_each_field():
    rows = generate_fields(500, 7, 200, seed=0)
    assert rows.fields.reshape(500, 7).tolist() == [list(range(7))] * 500
    assert rows.indptr.tolist() == list(range(0, 3501, 7))
    assert set(rows.values.tolist()) == {1.0}
    assert (rows.n_fields, rows.n_features, rows.n_pairs) == (7, 200, 500 * 21)
    by_field = [set(rows.features[field::7].tolist()) for field in range(7)]
    assert sum(map(len, by_field)) == len(set.union(*by_field))  # no feature in two fields


@pytest.mark.parametrize("n_fields, n_features", [(1, 2), (5, 10), (5, 11), (39, 527_304)])
def test_field_sizes_rise_and_add_up(n_fields, n_features):
    sizes = field_sizes(n_fields, n_features)
    assert (len(sizes), sizes.sum(), sizes.min() >= 2) == (n_fields, n_features, True)
    assert (np.diff(sizes) >= 0).all() or n_features < 3 * n_fields


def test_the_same_seed_gives_the_same_bits():
    one, two, other = (generate_fields(200, 5, 60, seed=seed) for seed in (3, 3, 4))
    assert one.features.tobytes() == two.features.tobytes()
    assert one.y.tobytes() == two.y.tobytes()
    assert one.features.tobytes() != other.features.tobytes()


def test_numpys_own_random_numbers_are_left_alone():
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    generate_fields(100, 5, 60, seed=1)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


@pytest.mark.parametrize("exponent", [0.0, 1.0, 1.5])
def test_the_tail_follows_the_exponent(exponent):
    rows = generate_fields(40_000, 1, 50, seed=0, exponent=exponent)
    counts = np.sort(np.bincount(rows.features, minlength=50))[::-1]
    # the density x**-exponent, cut at whole numbers
    edges = np.arange(1.0, 52.0)
    power = 1.0 - exponent
    share = np.diff(np.log(edges) if power == 0 else edges**power / power)
    expected = 40_000 * share / share.sum()
    assert np.abs(counts[:5] - expected[:5]).max() < 5 * np.sqrt(expected[0])


def test_without_a_signal_labels_are_coins():
    y = generate_fields(20_000, 4, 40, seed=0, signal=0.0).y
    assert abs(y.mean() - 0.5) < 0.02


def test_equal_rows_have_mostly_equal_labels():
    rows = generate_fields(20_000, 3, 12, seed=0, partners=2, signal=30.0)
    keys = rows.features.reshape(-1, 3) @ np.array([144, 12, 1])
    rows_of, positive = np.bincount(keys), np.bincount(keys, rows.y)
    assert np.minimum(positive, rows_of - positive).sum() < 0.1 * len(rows)


def test_no_rows_are_rows_too():
    assert len(generate_fields(0, 3, 9, seed=0)) == 0


@pytest.mark.parametrize(
    "arguments, options, message",
    [
        ((-1, 3, 9), {}, "n_rows must be 0 or more and n_fields 1 or more, got -1 and 3"),
        ((5, 3, 5), {}, r"n_features must be 6 \(two a field\) to 2147483647, got 5"),
        ((5, 3, 9), {"rank": 0}, "rank must be 1 or more, got 0"),
        ((5, 3, 9), {"exponent": -1.0}, r"exponent must be 0 or more and finite, got -1\.0"),
        ((5, 3, 9), {"signal": np.inf}, "signal must be 0 or more and finite, got inf"),
        ((5, 3, 9), {"partners": -1.0}, "partners must be 0 or more"),
        ((5, 3, 9), {"dtype": int}, "dtype must be float64 or float32"),
    ],
)
def test_bad_arguments_are_refused(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        generate_fields(*arguments, seed=0, **options)
