"""Numbers are written and read as Java does it; what stands here was given by a Java 17."""

import math
import re
import struct

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hogwild.mllib.java_text import java_double, java_doubles, java_split, parse_java_double

WRITTEN = {
    0.0: "0.0",
    1.0: "1.0",
    100.0: "100.0",
    0.1: "0.1",
    123456.789: "123456.789",
    0.001: "0.001",
    0.0010000000000000002: "0.0010000000000000002",
    0.000999: "9.99E-4",
    9999999.0: "9999999.0",
    1e7: "1.0E7",
    12345678.9: "1.23456789E7",
    1e16: "1.0E16",
    123456789012345680.0: "1.2345678901234568E17",
    1e21: "1.0E21",
    1e22: "1.0E22",
    2.2250738585072014e-308: "2.2250738585072014E-308",
    1.7976931348623157e308: "1.7976931348623157E308",
    math.inf: "Infinity",
}


def bits(x):
    """The number's bits; all NaN are one."""
    return struct.pack(">d", x) if x == x else b"NaN"


@pytest.mark.parametrize("x", WRITTEN)
def test_numbers_are_written_as_java_writes_them(x):
    assert java_double(x) == WRITTEN[x]
    assert java_double(-x) == "-" + WRITTEN[x]


def test_nan_has_no_sign():
    assert [java_double(math.nan), java_double(-math.nan)] == ["NaN", "NaN"]


def test_integers_and_float32_are_written_as_the_doubles_that_they_are():
    assert java_double(3) == "3.0"
    assert java_double(np.float32(0.1)) == "0.10000000149011612"


def test_where_java_17_writes_a_digit_too_many_the_shortest_is_written():
    assert java_double(1e23) == "1.0E23"  # 9.999999999999999E22 there
    assert java_double(5e-324) == "5.0E-324"  # 4.9E-324 there


READ = {
    "\t1\n": 1.0,
    "\0 1\x1f": 1.0,
    "+.5": 0.5,
    "-5.": -5.0,
    "1d": 1.0,
    "1F": 1.0,
    "0.1f": 0.1,
    "1.e5f": 1e5,
    "0x1p3": 8.0,
    "0X1P+3f": 8.0,
    "0x1.8p-3d": 0.1875,
    "0x.8p1": 1.0,
    "0x1.p3": 8.0,
    "-0x0p1": -0.0,
    "0x123456789abcdef01p-70": 0.017777777777777778,
    "0x1.fffffffffffff7ffffp1023": 1.7976931348623157e308,
    "0x1.fffffffffffff8p1023": math.inf,
    "-0x1p1024": -math.inf,
    "0x1p99999999999999999": math.inf,
    "0x0p99999999999999999999": 0.0,
    "0x1p-99999999999999999999": 0.0,
    "0x1p-1075": 0.0,
    "0x1.0000000000001p-1075": 5e-324,
    "NaN": math.nan,
    "-NaN": math.nan,
    "Infinity": math.inf,
    "+Infinity": math.inf,
    "-Infinity": -math.inf,
    "1e400": math.inf,
    "-1e400": -math.inf,
    "1e99999999999999": math.inf,
    "0e9999999999999": 0.0,
    "1e-99999999999": 0.0,
    "9" * 400: math.inf,
}


@pytest.mark.parametrize("text", READ, ids=lambda text: ascii(text)[:30])
def test_texts_are_read_as_java_reads_them(text):
    assert bits(parse_java_double(text)) == bits(READ[text])


REFUSED = [
    *("nan", "NAN", "inf", "INFINITY", "infinity", "NaNd", "Infinityf"),
    *("0x1", "0x.p1", "0x1..p3", "0x1p", "0x1p3 f", "0xp3", "x", "0x"),
    *("1_0", "\u0661", "1\xa0", "\xa01", "1\x85", "1 d", "1 2", "1,5"),
    *("1e", "1e+", "e5", ".", "+", "-", "--1", "1dd", "1ld", "1.2.3", "1e5.0", "1+", "+-1"),
]


@pytest.mark.parametrize("text", REFUSED, ids=ascii)
def test_what_java_refuses_is_refused_with_its_words(text):
    with pytest.raises(ValueError, match=f'^For input string: "{re.escape(text)}"$'):
        parse_java_double(f" {text}\t")


@pytest.mark.parametrize("text", ["", " ", "\t\n\0"])
def test_an_empty_text_is_no_number(text):
    with pytest.raises(ValueError, match=r"^empty String$"):
        parse_java_double(text)


LAYOUT = re.compile(
    r"-?(NaN|Infinity|(0|[1-9][0-9]{0,6})\.([0-9]|[0-9]*[1-9])|[1-9]\.([0-9]|[0-9]*[1-9])E-?[1-9][0-9]*)"
)


@settings(max_examples=500)
@given(st.floats() | st.floats(1e-5, 1e9))
@example(9999999.999999998)
@example(0.0009999999999999998)
def test_every_number_is_read_back_to_the_bit_and_none_could_be_shorter(x):
    text = java_double(x)
    assert LAYOUT.fullmatch(text)
    assert bits(parse_java_double(text)) == bits(x)
    assert ("E" in text) == (math.isfinite(x) and x != 0 and not 1e-3 <= abs(x) < 1e7)
    if math.isfinite(x):
        digits = re.sub(r"E.*|[-.]", "", text).strip("0")
        assert digits == re.sub(r"e.*|[-.]", "", repr(x)).strip("0")


@given(st.floats(allow_nan=False))
def test_hexadecimal_text_of_any_number_is_read_to_the_bit(x):
    if math.isfinite(x):
        assert bits(parse_java_double(x.hex())) == bits(x)


@given(st.lists(st.floats() | st.floats(1e-5, 1e9)))
def test_many_numbers_are_written_as_each_of_them(values):
    assert java_doubles(np.array(values, dtype=np.float64)) == list(map(java_double, values))


@pytest.mark.parametrize(
    "text, pieces",
    [
        ("a:b", ["a", "b"]),
        ("a:b:", ["a", "b"]),
        ("a::b::", ["a", "", "b"]),
        (":a", ["", "a"]),
        ("a", ["a"]),
        (":", []),
        ("::", []),
        ("", [""]),
    ],
)
def test_empty_pieces_at_the_end_vanish(text, pieces):
    assert java_split(text, ":") == pieces
