"""The rows that Spark draws: its own figures, its row-by-row definitions, and every edge."""

import json
import math
import pickle
from itertools import accumulate, chain, pairwise
from unittest import mock

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hogwild.mllib import sampling
from hogwild.mllib.java_random import JavaRandom, XORShiftRandom
from hogwild.mllib.layouts import layout, text_layout
from hogwild.mllib.sampling import (
    BernoulliSample,
    FoldCell,
    SplitCell,
    fold_rules,
    partition_seed,
    split_rules,
)

SEEDS = st.integers(-(2**63), 2**63 - 1)
FRACTIONS = st.floats(0, 1) | st.floats(0.35, 0.45) | st.floats(1e-4, 0.1)
SIZES = st.lists(st.integers(0, 40), min_size=1, max_size=5)
RULES = [
    BernoulliSample(0.3, 43),
    BernoulliSample(0.7, 43),
    SplitCell(0.2, 0.9, 11),
    FoldCell(0.2, 0.9, 11),
    FoldCell(0.2, 0.9, 11, complement=True),
]


def rows_of(rule, sizes):
    """The rows kept, numbered through all partitions, as Spark's figures are."""
    firsts = accumulate(sizes, initial=0)
    return [
        row
        for partition, (first, n_rows) in enumerate(zip(firsts, sizes, strict=False))
        for row in (first + rule(partition, n_rows)).tolist()
    ]


class Script:
    """Stands for a generator; its draws are given."""

    def __init__(self, draws):
        self.left = list(draws)

    def next_doubles(self, n):
        drawn, self.left = self.left[:n], self.left[n:]
        return np.array(drawn)


def scripted(draws):
    return mock.patch.object(sampling, "XORShiftRandom", return_value=Script(draws))


# ---- Spark's definitions, a row at a time ------------------------------------------------------


def java_seed(seed, partition):
    random = JavaRandom(seed)
    return [random.next_long() for _ in range(partition + 1)][-1]


def plain_sample(fraction, seed, partition, n_rows):
    random = XORShiftRandom(java_seed(seed, partition))
    if fraction <= 0.0 or fraction >= 1.0:
        return list(range(n_rows if fraction >= 1.0 else 0))
    if fraction > 0.4:
        return [row for row in range(n_rows) if random.next_double() <= fraction]

    def gap():
        length = math.log(max(random.next_double(), 5e-11)) / math.log1p(-fraction)
        return int(min(length, 2**31 - 1))

    kept, left = [], gap()
    for row in range(n_rows):
        if left > 0:
            left -= 1
        else:
            kept.append(row)
            left = gap()
    return kept


def plain_cell(lower, upper, seed, n_rows, complement=False):
    random = XORShiftRandom(seed)
    draws = [random.next_double() for _ in range(n_rows)]
    return [row for row, u in enumerate(draws) if (lower <= u < upper) != complement]


# ---- figures -----------------------------------------------------------------------------------


def test_the_printed_rows_of_samples_and_splits():
    assert rows_of(BernoulliSample(0.5, 43), [5, 5]) == [0, 1, 3, 4, 5, 6]
    assert rows_of(BernoulliSample(0.3, 43), [10, 10]) == [2, 5, 7, 12, 16, 17, 18, 19]
    parts = [rows_of(rule, [5, 5]) for rule in split_rules([0.6, 0.4], 11)]
    assert parts == [[0, 1, 2, 3, 4, 5, 8, 9], [6, 7]]


def test_three_folds_are_those_of_spark():
    folds = [[rows_of(rule, [10, 10]) for rule in pair] for pair in fold_rules(3, 11)]
    assert [validation for _, validation in folds] == [
        [2, 5, 6, 7, 11, 16],
        [3, 10, 13, 14, 15, 17, 19],
        [0, 1, 4, 8, 9, 12, 18],
    ]
    for training, validation in folds:
        assert training == [row for row in range(20) if row not in validation]


def test_every_sample_and_split_that_spark_recorded(shared_data):
    cases = json.loads((shared_data / "mllib_golden" / "rdd_sampling_indices.json").read_text())
    listed = 0
    for case in cases["cases"]:
        sizes = case["partition_sizes"]
        if case.get("op") == "randomSplit":
            rules = split_rules(case["weights"], case["seed"])
            counts, expected = case["counts"], case["splits"]
        else:
            rules = [BernoulliSample(case["fraction"], case["seed"])]
            counts, expected = [case["count"]], case["indices"] and [case["indices"]]
        found = [rows_of(rule, sizes) for rule in rules]
        assert [len(rows) for rows in found] == counts, case
        assert expected is None or found == expected, case
        listed += expected is not None
    assert len(cases["cases"]) == 148
    assert listed > 70


def test_the_articles_file_is_read_and_split_as_spark_does(shared_data):
    text = (shared_data / "mllib" / "sample_libsvm_data.txt").read_bytes()
    sizes = text_layout(line_starts(text), len(text), 2)
    assert sizes == [50, 50]
    golden = json.loads((shared_data / "mllib_golden" / "seed_example_split.json").read_text())
    for rule, part in zip(split_rules([0.6, 0.4], 11), ("train", "test"), strict=True):
        assert rows_of(rule, sizes) == list(chain(*golden[f"{part}_row_indices"]))


# ---- a sample ----------------------------------------------------------------------------------


@given(FRACTIONS, SEEDS, st.integers(0, 6), st.integers(0, 400))
@example(0.4, 7, 0, 1)
@example(math.nextafter(0.4, 1), 7, 0, 400)
@example(math.nextafter(1.0, 0), 7, 0, 400)
@example(5e-324, 7, 0, 400)
def test_a_sample_is_spark_s_row_by_row(fraction, seed, partition, n_rows):
    rows = BernoulliSample(fraction, seed)(partition, n_rows)
    assert rows.tolist() == plain_sample(fraction, seed, partition, n_rows)


@given(FRACTIONS, SEEDS, st.integers(1, 7), st.integers(0, 200))
def test_batches_of_any_size_draw_the_same_rows(fraction, seed, batch, n_rows):
    with mock.patch.object(sampling, "_BATCH", batch):
        assert BernoulliSample(fraction, seed)(1, n_rows).tolist() == plain_sample(
            fraction, seed, 1, n_rows
        )


@pytest.mark.parametrize("fraction", [0.9, 0.4, 0.02])
def test_a_large_partition_is_drawn_as_row_by_row(fraction):
    n_rows = 70_000
    rows = BernoulliSample(fraction, 45)(1, n_rows)
    assert rows.tolist() == plain_sample(fraction, 45, 1, n_rows)


def test_a_draw_that_equals_the_fraction_keeps_the_row():
    with scripted([0.5, math.nextafter(0.5, 1), math.nextafter(0.5, 0)]):
        assert BernoulliSample(0.5, 1)(0, 3).tolist() == [0, 2]


@pytest.mark.parametrize("fraction", [1.0, 1.0000005, 1, np.float64(1.000001)])
def test_a_fraction_of_one_or_just_above_keeps_every_row(fraction):
    assert BernoulliSample(fraction, 1)(0, 4).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("fraction", [0.0, -0.0, 0])
def test_a_fraction_of_zero_keeps_none(fraction):
    rows = BernoulliSample(fraction, 1)(0, 1000)
    assert rows.dtype == np.int64
    assert rows.tolist() == []


def test_only_the_rows_kept_cost_a_draw_up_to_a_fraction_of_two_fifths():
    drawn = []

    class Counting(XORShiftRandom):
        def next_doubles(self, n):
            drawn.append(n)
            return super().next_doubles(n)

    with mock.patch.object(sampling, "XORShiftRandom", Counting):
        kept = len(BernoulliSample(0.01, 43)(0, 100_000))
        assert kept < sum(drawn) < 1200
        drawn.clear()
        BernoulliSample(0.4, 43)(0, 100_000)
        assert sum(drawn) < 42_000
        drawn.clear()
        BernoulliSample(math.nextafter(0.4, 1), 43)(0, 100_000)
        assert sum(drawn) == 100_000


def test_a_gap_is_at_most_the_largest_int_of_java():
    longest = 2**31 - 1
    for fraction in (1e-12, 5e-324):  # the second one's gaps are infinite before that
        rows = BernoulliSample(fraction, 8)(0, 5 * 2**31)
        assert rows.tolist() == [longest + k * 2**31 for k in range(5)]


def test_a_draw_of_zero_is_taken_for_the_smallest_one():
    with scripted([0.0] * 1000):
        rows = BernoulliSample(0.1, 1)(0, 500)
    gap = int(math.log(5e-11) / math.log1p(-0.1))
    assert rows.tolist() == [gap, 2 * gap + 1]
    assert gap == 225


@given(st.floats(1e-6, 0.4), st.integers(1, 200), st.integers(-4, 4), st.sampled_from([-1, 0, 1]))
def test_a_gap_does_not_depend_on_the_last_bit_of_numpys_logarithm(fraction, gap, ulps, error):
    log_dropped = math.log1p(-fraction)
    u = min(max(math.exp(gap * log_dropped), 5e-11), 1 - 1e-9)
    for _ in range(abs(ulps)):
        u = math.nextafter(u, ulps)

    def inexact(x):
        return logarithm(x) * (1 + error * 2.0**-52)

    logarithm = np.log
    with mock.patch.object(np, "log", inexact):
        found = sampling._gaps(np.array([u]), log_dropped)
    assert found.tolist() == [int(math.log(u) / log_dropped)]


@pytest.mark.parametrize("fraction", [-0.5, -1e-9, float("nan")])
def test_a_negative_fraction_is_refused(fraction):
    with pytest.raises(ValueError, match=f"fraction must be nonnegative, got {fraction}"):
        BernoulliSample(fraction, 1)


@pytest.mark.parametrize("fraction", [1.5, 1.000002, float("inf")])
def test_a_fraction_above_one_is_refused(fraction):
    match = rf"sampling fraction must be on the interval \[0, 1\], got {fraction}"
    with pytest.raises(ValueError, match=match):
        BernoulliSample(fraction, 1)


def test_a_fraction_of_single_precision_is_widened_before_it_is_compared():
    single = np.float32(0.4)  # .4000000059..., so a draw for each row
    assert BernoulliSample(single, 43) == BernoulliSample(float(single), 43)
    assert BernoulliSample(single, 43)(0, 300).tolist() == plain_sample(float(single), 43, 0, 300)


# ---- splits and folds --------------------------------------------------------------------------

WEIGHTS = st.lists(st.floats(0, 100) | st.just(0.0), min_size=1, max_size=6)


@given(WEIGHTS.filter(any), SEEDS, SIZES)
def test_split_parts_are_spark_s_disjoint_and_complete(weights, seed, sizes):
    rules = split_rules(weights, seed)
    parts = [rows_of(rule, sizes) for rule in rules]
    assert sorted(chain(*parts)) == list(range(sum(sizes)))
    for rule, weight in zip(rules, weights, strict=True):
        assert weight > 0 or rule.lower == rule.upper
        for partition, n_rows in enumerate(sizes):
            wrapped = (seed + partition + 2**63) % 2**64 - 2**63
            expected = plain_cell(rule.lower, rule.upper, wrapped, n_rows)
            assert rule(partition, n_rows).tolist() == expected


def test_a_part_of_weight_zero_is_empty():
    parts = [rows_of(rule, [60, 40]) for rule in split_rules([0, 1, 0], 11)]
    assert parts == [[], list(range(100)), []]


def test_split_bounds_add_up_from_left_to_right_without_correction():
    total = 0.0
    for _ in range(10):
        total += 0.1
    assert total != 1.0 == math.fsum([0.1] * 10)
    rules = split_rules([0.1] * 10, 11)
    assert rules[0].upper == 0.1 / total
    assert [rule.upper for rule in rules] == list(accumulate([0.1 / total] * 10))
    assert all(one.upper == two.lower for one, two in pairwise(rules))


def test_a_cell_holds_its_lower_bound_and_not_its_upper_one():
    draws = [0.25, math.nextafter(0.25, 0), 0.5, math.nextafter(0.5, 0)]
    with scripted(draws):
        assert SplitCell(0.25, 0.5, 1)(0, 4).tolist() == [0, 3]
    with scripted(draws):
        assert FoldCell(0.25, 0.5, 1)(0, 4).tolist() == [0, 3]
    with scripted(draws):
        assert FoldCell(0.25, 0.5, 1, complement=True)(0, 4).tolist() == [1, 2]


def test_the_seed_of_a_split_wraps_around_like_a_java_long():
    assert SplitCell(0.0, 0.5, 2**63 - 1)(1, 50).tolist() == plain_cell(0.0, 0.5, -(2**63), 50)


def test_wrong_weights_are_refused():
    for weights in ([0.6, -0.4], [float("nan"), 1.0]):
        with pytest.raises(ValueError, match=r"weights must be nonnegative, got \["):
            split_rules(weights, 1)
    for weights in ([0.0, 0.0], [], [float("inf"), 1.0], [1e308, 1e308]):
        with pytest.raises(ValueError, match="sum of weights must be positive and finite, got"):
            split_rules(weights, 1)


@pytest.mark.parametrize("kind", [SplitCell, FoldCell])
@pytest.mark.parametrize("bounds", [(0.5, 0.4), (-0.1, 0.4), (0.5, 1.1), (float("nan"), 1.0)])
def test_wrong_bounds_are_refused_and_rounding_is_not(kind, bounds):
    with pytest.raises(ValueError, match=r"bounds must be 0 <= lower <= upper <= 1, got"):
        kind(*bounds, seed=1)
    assert kind(-1e-7, 1 + 5e-7, seed=1)(0, 3).tolist() == [0, 1, 2]
    assert kind(0.5 + 1e-7, 0.5, seed=1)(0, 100).tolist() == []


@given(st.integers(1, 12), SEEDS, SIZES)
def test_folds_are_spark_s_and_each_row_is_validated_once(num_folds, seed, sizes):
    validated = []
    for fold, (training, validation) in enumerate(fold_rules(num_folds, seed), 1):
        lower = float(np.float32(fold - 1) / np.float32(num_folds))
        upper = float(np.float32(fold) / np.float32(num_folds))
        for partition, n_rows in enumerate(sizes):
            cell = lower, upper, java_seed(seed, partition), n_rows
            assert validation(partition, n_rows).tolist() == plain_cell(*cell)
            assert training(partition, n_rows).tolist() == plain_cell(*cell, complement=True)
        validated += rows_of(validation, sizes)
    assert sorted(validated) == list(range(sum(sizes)))


def test_the_bounds_of_folds_are_quotients_in_single_precision():
    for num_folds in (*range(1, 200), 999, 65_537, 16_777_213):
        for fold in {1, 2, num_folds // 3 + 1, num_folds}:
            if fold <= num_folds:
                cell = FoldCell((fold - 1) / num_folds, fold / num_folds, seed=1)
                assert cell.lower == float(np.float32(fold - 1) / np.float32(num_folds))
                assert cell.upper == float(np.float32(fold) / np.float32(num_folds))


def test_a_draw_between_the_exact_bound_and_the_rounded_one_is_in_the_fold():
    between = (1 / 3 + float(np.float32(1 / 3))) / 2
    assert 1 / 3 < between < FoldCell(0.0, 1 / 3, seed=1).upper
    with scripted([between]):
        assert FoldCell(0.0, 1 / 3, seed=1)(0, 1).tolist() == [0]
    with scripted([between]):
        assert SplitCell(0.0, 1 / 3, seed=1)(0, 1).tolist() == []


def test_one_fold_trains_on_nothing_and_no_fold_is_no_pair():
    [(training, validation)] = fold_rules(1, 11)
    assert training(0, 5).tolist() == []
    assert validation(0, 5).tolist() == [0, 1, 2, 3, 4]
    assert fold_rules(0, 11) == []


# ---- every rule --------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_keeps_no_state_and_travels_in_a_short_message(rule):
    message = pickle.dumps(rule)
    assert len(message) < 200
    assert pickle.loads(message) == rule
    assert hash(pickle.loads(message)) == hash(rule)
    rows = rule(1, 500)
    assert rows.dtype == np.int64
    assert (np.diff(rows) > 0).all()
    assert rows[0] >= 0
    assert rows[-1] < 500
    for same in (rule, pickle.loads(message)):
        assert same(1, 500).tolist() == rows.tolist()
    assert rule(2, 500).tolist() != rows.tolist()
    with pytest.raises(AttributeError):
        rule.seed = 1


@pytest.mark.parametrize("rule", RULES)
def test_a_longer_partition_begins_with_the_same_rows(rule):
    longer = rule(0, 300)
    for n_rows in (0, 1, 2, 299):
        shorter = rule(0, n_rows)
        assert shorter.dtype == np.int64
        assert shorter.tolist() == longer[longer < n_rows].tolist()


@pytest.mark.parametrize(
    "make",
    [lambda s: BernoulliSample(0.5, s), lambda s: SplitCell(0, 1, s), lambda s: FoldCell(0, 1, s)],
)
def test_a_seed_of_more_than_64_bits_is_refused(make):
    with pytest.raises(ValueError, match="seed must be a signed 64-bit integer"):
        make(2**63)
    assert pickle.dumps(make(np.int64(5))) == pickle.dumps(make(5))


@given(SEEDS, st.integers(0, 30))
def test_the_seed_of_a_partition_is_the_long_drawn_in_its_turn(seed, partition):
    assert partition_seed(seed, partition) == java_seed(seed, partition)


# ---- layouts -----------------------------------------------------------------------------------


def test_rows_are_laid_out_as_parallelize_does():
    assert layout(7, 3) == [2, 2, 3]
    assert layout(100, 1) == [100]
    assert layout(2, 5) == [0, 0, 1, 0, 1]
    assert layout(0, 2) == [0, 0]


@given(st.integers(0, 10**12), st.integers(1, 50))
def test_partitions_of_a_layout_are_contiguous_and_nearly_equal(n_rows, num_partitions):
    sizes = layout(n_rows, num_partitions)
    assert len(sizes) == num_partitions
    assert sum(sizes) == n_rows
    assert max(sizes) - min(sizes) <= 1


def test_an_impossible_layout_is_refused():
    with pytest.raises(ValueError, match="num_partitions must be 1 or more, got 0"):
        layout(5, 0)
    with pytest.raises(ValueError, match="n_rows must be 0 or more, got -1"):
        layout(-1, 2)


def line_starts(text):
    starts = accumulate((len(line) for line in text.splitlines(keepends=True)), initial=0)
    return [start for start in starts if start < len(text)]


def lines_read(text, min_partitions, block_size=32 * 2**20):
    """What Hadoop's readers do: each leaves the line in which it starts to the one before."""
    size = max(1, min(len(text) // min_partitions, block_size))
    splits, start = [], 0
    while (len(text) - start) / size > 1.1:
        splits.append((start, start + size))
        start += size
    if start < len(text):
        splits.append((start, len(text)))
    counts = []
    for start, end in splits:
        at, count = start, 0
        if start:
            at = text.find(b"\n", at) + 1 or len(text)
        while at <= end and at < len(text):
            at = text.find(b"\n", at) + 1 or len(text)
            count += 1
        counts.append(count)
    return counts


@given(
    st.lists(st.integers(0, 30), max_size=30),
    st.booleans(),
    st.integers(1, 40),
    st.integers(1, 200),
)
def test_lines_go_to_the_split_whose_reader_takes_them(lengths, ended, min_partitions, block):
    text = b"\n".join(b"x" * length for length in lengths) + (b"\n" if ended else b"")
    sizes = text_layout(line_starts(text), len(text), min_partitions, block_size=block)
    assert sizes == lines_read(text, min_partitions, block)
    assert sum(sizes) == len(line_starts(text))


def test_splits_in_which_no_line_starts_are_empty_partitions():
    assert text_layout([0], 100, 4) == [1, 0, 0, 0]
    assert text_layout([0, 3], 5, 10) == [1, 0, 1, 0, 0]  # no more splits than bytes
    assert text_layout([0, 3, 5, 9], 19, 10) == [1, 0, 1, 0, 1, 0, 0, 0, 1] + [0] * 10


def test_a_file_without_bytes_has_no_partition_and_one_without_rows_has_empty_ones():
    assert text_layout([], 0, 2) == []
    assert text_layout([], 10, 2) == [0, 0]


def test_the_last_split_may_be_a_tenth_longer():
    starts = range(0, 110, 10)
    assert text_layout(starts, 110, 1, block_size=100) == [11]
    assert text_layout(range(0, 111, 10), 111, 1, block_size=100) == [11, 1]


def test_large_local_files_are_cut_at_32_mebibytes_as_spark_cuts_them():
    starts = range(0, 70_000_000, 100)
    assert text_layout(starts, 70_000_000, 1) == [335_545, 364_455]
    assert text_layout(starts, 70_000_000, 3) == [233_334, 233_333, 233_333]


def test_impossible_text_layouts_are_refused():
    for starts in ([0, 10], [-1, 5], [5, 5], [7, 2]):
        with pytest.raises(ValueError, match="line_starts must rise and be within 10 bytes"):
            text_layout(starts, 10)
    with pytest.raises(ValueError, match="min_partitions must be 1 or more, got 0"):
        text_layout([0], 10, 0)
    with pytest.raises(ValueError, match="block_size must be 1 or more, got 0"):
        text_layout([0], 10, block_size=0)
