"""Digits are added up as int() and float() would, and nothing else passes for a number."""

import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hogwild.data.digits import MARGIN, short_decimals, whole_numbers, words_of


def call(function, texts):
    """Give the function the texts as one padded piece of bytes."""
    ends = MARGIN + np.cumsum([len(text) + 1 for text in texts], dtype=np.int64) - 1
    starts = ends - np.array([len(text) for text in texts], dtype=np.int64)
    padded = b"\n" * MARGIN + b"".join(text + b"," for text in texts) + b"\n"
    return function(words_of(padded), starts, ends)


PIECES = st.binary(max_size=10) | st.text("0123456789.-", max_size=18).map(str.encode)
WHOLE = st.integers(0, 10**16 - 1).map(lambda number: b"%d" % number)
SHORT = st.from_regex(rb"(?=.{1,8}\Z)([0-9]+\.?[0-9]*|\.[0-9]+)\Z")


@given(st.lists(WHOLE, min_size=1) | st.lists(PIECES, min_size=1))
@example([b"1", b"9" * 16])
@example([b"1", b"9" * 17])
def test_whole_numbers_are_those_of_int_or_nothing(texts):
    good = all(re.fullmatch(rb"[0-9]{1,16}", text) for text in texts)
    numbers = call(whole_numbers, texts)
    assert (numbers is not None) == good
    if good:
        assert numbers.tolist() == [int(text) for text in texts]


@given(st.lists(SHORT, min_size=1) | st.lists(PIECES, min_size=1))
@example([b".", b"1"])
@example([b"1.2.3"])
def test_short_decimals_are_those_of_float_or_nothing(texts):
    good = all(
        len(text) <= 8 and re.fullmatch(rb"[0-9]+\.?[0-9]*|\.[0-9]+", text) for text in texts
    )
    numbers = call(short_decimals, texts)
    assert (numbers is not None) == good
    if good:
        assert numbers.tolist() == [float(text) for text in texts]


@pytest.mark.parametrize("function", [whole_numbers, short_decimals])
def test_every_byte_that_is_no_digit_is_seen_in_every_place(function):
    allowed = set(b"0123456789") | (set(b".") if function is short_decimals else set())
    for place in range(8):
        for byte in range(256):
            text = bytearray(b"12345678")
            text[place] = byte
            assert (call(function, [bytes(text)]) is not None) == (byte in allowed), (place, byte)


def test_no_text_at_all_gives_no_numbers():
    assert call(whole_numbers, []).tolist() == call(short_decimals, []).tolist() == []
