"""Labels that are classes, and those that are not."""

import pickle

import numpy as np
import pytest

from hogwild.errors import DataError
from hogwild.mllib import LocalPartitions
from hogwild.mllib.validators import InputValidationFailed, LabelCounts, check_labels, count_labels


def labelled(y, **layout):
    return LocalPartitions((np.zeros((len(y), 1)), y), **layout)


def test_ones_rows_and_wrong_labels_are_counted_across_partitions():
    y = [0.0, 1.0, 1.0, 0.5, 1.0, -1.0, np.nan]
    for sizes in ([7], [3, 4], [0, 1, 6], [1] * 7):
        found = count_labels(labelled(y, sizes=sizes))
        assert found == LabelCounts(n=7, ones=3, invalid=3, first=(3, 0.5))


@pytest.mark.parametrize("wrong", [0.5, -1.0, 2.0, 3.0, np.nan, np.inf, -np.inf, 1 + 2e-16 * 2])
def test_two_classes_are_0_and_1_exactly(wrong, caplog):
    with pytest.raises(InputValidationFailed, match="input validation failed") as info:
        check_labels(labelled([0.0, 1.0, wrong, 1.0, wrong]))
    assert f"found {wrong} at row 2 (2 of 5 labels are wrong)" in str(info.value)
    assert "labels must be 0 or 1" in str(info.value)
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert record.message == "Classification labels should be 0 or 1. Found 2 invalid labels"


def test_k_classes_are_the_integers_below_k(caplog):
    assert check_labels(labelled([0.0, 2.0, 1.0, -0.0]), 3).invalid == 0
    with pytest.raises(InputValidationFailed, match=r"integers from 0 to 2; found 3\.0 at row 1"):
        check_labels(labelled([0.0, 3.0]), 3)
    assert "Classification labels should be in {0 to 2}. Found 1 invalid labels" in caplog.text


def test_what_was_probably_meant_is_said():
    with pytest.raises(ValueError, match=r"pass \(y \+ 1\) / 2"):
        check_labels(labelled([1.0, -1.0]))
    with pytest.raises(ValueError, match=r"set_num_classes\(3\) or more"):
        check_labels(labelled([1.0, 2.0]))


def test_the_error_is_bad_data_and_as_in_spark_a_failed_job():
    error = InputValidationFailed("because")
    for kind in (DataError, ValueError, RuntimeError):
        assert isinstance(error, kind)
    assert type(pickle.loads(pickle.dumps(error))) is InputValidationFailed


def test_no_labels_are_all_valid():
    assert check_labels(labelled([])) == LabelCounts()
