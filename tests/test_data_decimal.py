"""Digits become the doubles that Python's own conversion gives, to the bit."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hogwild.data.decimal import scale
from hogwild.data.libsvm_fast import parse_chunk


def bits(numbers):
    return np.asarray(numbers, dtype=np.float64).view(np.uint64).tolist()


def parsed(texts):
    """Read decimals as the values of one line."""
    line = " ".join(["0", *(f"{place}:{text}" for place, text in enumerate(texts, 1))])
    rows = parse_chunk(line.encode() + b"\n")
    return None if rows is None else rows.values


def test_small_numbers_by_hand():
    numbers, known = scale(np.array([0, 25, 3], np.uint64), np.array([-5, -1, 2]))
    assert numbers.tolist() == [0.0, 2.5, 300.0]
    assert known.all()


def test_powers_out_of_reach_are_called_unknown():
    _, known = scale(np.array([1, 1, 2**60 + 1], np.uint64), np.array([23, -23, 1]))
    assert not known.any()


@pytest.mark.parametrize(
    "mantissa",
    [
        90071992547409950,  # 2**53 + 3 in tenths: in the middle of two doubles
        2**54 * 10 + 1,  # rounds to 2**54, where the units change
    ],
)
def test_what_is_too_close_to_call_is_called_unknown(mantissa):
    _, known = scale(np.array([mantissa], np.uint64), np.array([-1]))
    assert known.tolist() == [False]


@pytest.mark.parametrize(
    "text",
    [
        "9007199254740993",  # 2**53 + 1: in the middle of two doubles
        "9007199254740993.0",
        "9007199254740993.00000000000000000001",
        "900719925474099.25",
        "4503599627370497.5",
        "1.00000000000000011102230246251565404236316680908203125",  # 1 + half a unit
        "0.99999999999999994",
        "0.99999999999999995",
        "1.7976931348623157e308",
        "4.9406564584124654e-324",
        "2.2250738585072011e-308",
        "123456789012345678901234567890",
        "0.00000000000000000000000000000000000000012345678901234567890",
        "00000000000000000000000000000000000000000000000001.5",
        "8.",
        ".5",
        "-.5e-3",
        "+5.e+3",
        "-0",
        "-0.0",
        "0e999",
        "1e-999",
        "1e22",
        "1e23",
        "1E0000000000000000005",
        "9.2233720368547758",
        "922337203685477580.8",
        "1844674407.3709551617",  # 2**64 + 1 without the point
        "0.18446744073709551617",
        "9999999999.999999999",
        "1e-1000000000000000000000000000005",
        "9999999999999999999",
        "0.9199999999999999999",
        "0.92233720368547758080",
        "0.00099999999999999999999",
        "999.999999999999999999999",
    ],
)
def test_hard_cases_are_rounded_as_python_rounds(text):
    assert bits(parsed([text])) == bits([float(text)])


@pytest.mark.parametrize(
    "text",
    ["1e999", "-1e309", "1e1000000000000000000000000000005", "9" * 400, "1.7976931348623159e308"],
)
def test_what_overflows_is_left_to_the_strict_parser(text):
    assert parsed([text]) is None


digits = st.text("0123456789", max_size=27)


@st.composite
def decimals(draw):
    whole, fraction = draw(digits), draw(digits)
    point = "." if fraction or draw(st.booleans()) else ""
    if not whole and not fraction:
        whole = "0"
    power = draw(st.one_of(st.just(""), st.integers(-330, 280).map("e{}".format)))
    return draw(st.sampled_from(["", "-", "+"])) + whole + point + fraction + power


@given(st.lists(decimals(), min_size=1, max_size=20))
def test_every_decimal_gives_the_bits_of_float(texts):
    assert bits(parsed(texts)) == bits([float(text) for text in texts])


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20),
    st.integers(1, 20),
)
@example([0.1, 1 / 3, 2**-1074, 1e300], 17)
def test_every_double_is_read_back_from_any_number_of_digits(numbers, n_digits):
    texts = [f"{number:.{n_digits}g}" for number in numbers]
    assume_finite = [text for text in texts if np.isfinite(float(text))]
    if assume_finite:
        assert bits(parsed(assume_finite)) == bits([float(text) for text in assume_finite])


def test_a_hundred_thousand_random_numbers_agree_and_few_take_the_slow_way():
    rng = np.random.default_rng(0)
    numbers = rng.standard_normal(100_000)
    texts = [f"{x:.{n}g}" for x, n in zip(numbers, rng.integers(1, 18, len(numbers)), strict=True)]
    assert bits(parsed(texts)) == bits([float(text) for text in texts])
    mantissa = rng.integers(2**53, 9 * 10**18, 100_000).astype(np.uint64)
    _, known = scale(mantissa, np.full(len(mantissa), -17))
    assert known.mean() > 0.999
