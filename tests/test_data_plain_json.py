"""JSON for every reader: no constants that the format does not have, numpy's numbers as numbers."""

import json
import math

import numpy as np
import pytest

from hogwild.data.plain_json import to_json


def test_what_json_has_no_word_for_is_null_at_any_depth():
    found = to_json({"a": [math.nan, (math.inf, {"b": -math.inf})], "c": np.float64("nan")})
    assert json.loads(found, parse_constant=pytest.fail) == {
        "a": [None, [None, {"b": None}]],
        "c": None,
    }


def test_numpy_s_numbers_are_numbers_to_the_bit():
    found = json.loads(to_json([np.int64(2**60), np.float64(0.1), np.float32(0.5), np.bool_(True)]))
    assert found == [2**60, 0.1, 0.5, True]


def test_a_key_that_is_a_number_becomes_its_text():
    assert to_json({3: 1, np.int64(4): 2}) == '{"3": 1, "4": 2}'


def test_what_is_no_data_is_refused():
    with pytest.raises(TypeError):
        to_json({"a": {1}})
