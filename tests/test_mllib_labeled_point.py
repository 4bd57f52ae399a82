"""Labelled points are written and read as Spark does it; the tables here were given by Spark."""

import pickle
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from hogwild.mllib.labeled_point import LabeledPoint
from hogwild.mllib.vectors import SparseVector, as_vector


def test_a_point_holds_a_float_and_a_row_in_its_final_type():
    point = LabeledPoint(np.float32(1), [1, 2])
    assert (type(point.label), point.label) == (float, 1.0)
    assert (point.features.dtype, point.features.tolist()) == (np.float64, [1.0, 2.0])
    assert LabeledPoint(0, sp.csr_matrix([[0.0, 3.0]])).features == SparseVector(2, [1], [3.0])
    with pytest.raises(FrozenInstanceError):
        point.label = 2.0
    with pytest.raises(ValueError, match="one row"):
        LabeledPoint(1, [[1.0], [2.0]])


def test_a_labelled_point_is_no_row():
    with pytest.raises(ValueError, match=r"point\.features"):
        as_vector(LabeledPoint(1.0, [1.0, 2.0]))


def test_vectors_of_pyspark_are_taken():
    linalg = pytest.importorskip("pyspark.mllib.linalg")
    assert str(LabeledPoint(1, linalg.DenseVector([0.5, 0]))) == "(1.0,[0.5,0.0])"
    assert str(LabeledPoint(1, linalg.SparseVector(3, [1], [2]))) == "(1.0,(3,[1],[2.0]))"


WRITTEN = {
    "(1.0,[0.5,0.25])": LabeledPoint(1, [0.5, 0.25]),
    "(0.5,(4,[1,3],[2.0,-1.0]))": LabeledPoint(0.5, SparseVector(4, [1, 3], [2, -1])),
    "(-0.0,[])": LabeledPoint(-0.0, []),
    "(1.0E7,(3,[],[]))": LabeledPoint(1e7, SparseVector(3, [], [])),
    "(0.0,(2,[0],[0.0]))": LabeledPoint(0, SparseVector(2, [0], [0.0])),
    "(NaN,[Infinity,-Infinity,9.99E-4])": LabeledPoint(np.nan, [np.inf, -np.inf, 0.000999]),
}


@pytest.mark.parametrize("text", WRITTEN)
def test_points_are_written_as_spark_writes_them(text):
    assert str(WRITTEN[text]) == text
    assert str(LabeledPoint.parse(text)) == text
    assert str(pickle.loads(pickle.dumps(WRITTEN[text]))) == text


TAKEN = {
    "( 1.0 , [ 0.5 , 0.25 ] )": "(1.0,[0.5,0.25])",
    "(1.0, [0.5])": "(1.0,[0.5])",
    "(1.0 ,[1.0])": "(1.0,[1.0])",
    "(1.0,[1.0] )": "(1.0,[1.0])",
    "(1,(4,[1,3],[2,-1]))": "(1.0,(4,[1,3],[2.0,-1.0]))",
    "(1.0, ( 4 , [1, 3] , [2.0, -1.0] ) )": "(1.0,(4,[1,3],[2.0,-1.0]))",
    "(NaN,[Infinity,-Infinity,1d,0x1p3])": "(NaN,[Infinity,-Infinity,1.0,8.0])",
    "(1.0,[1.0,])": "(1.0,[1.0])",
    "(1.0[2.0])": "(1.0,[2.0])",
    "(1.0,[2.0])xyz": "(1.0,[2.0])",
    "(1.0,(4.7,[1.9,3.2],[1,2]))": "(1.0,(4,[1,3],[1.0,2.0]))",
    "(1.0,(NaN,[],[]))": "(1.0,(0,[],[]))",
    "(1.0,(1e20,[1],[2.0]))": "(1.0,(2147483647,[1],[2.0]))",
    "1.5,0.5 2.0": "(1.5,[0.5,2.0])",
    "1.5, 0.5 2.0 ": "(1.5,[0.5,2.0])",
    "1.5 ,0.5": "(1.5,[0.5])",
    "1,2,3": "(1.0,[2.0])",
}


@pytest.mark.parametrize("text", TAKEN)
def test_texts_are_taken_as_spark_takes_them(text):
    assert str(LabeledPoint.parse(text)) == TAKEN[text]


WRONG_COMMA = "Found a ',' at a wrong position"
NO_ARRAY_END = r"An array must end with '\]'"
NO_TUPLE_END = r"A tuple must end with '\)'"
REFUSED = {
    "(1.0,[,1.0])": WRONG_COMMA,
    "(,1.0)": WRONG_COMMA,
    "(1.0,,[1.0])": WRONG_COMMA,
    "(1.0,[1.0,,2.0])": WRONG_COMMA,
    "( ,[1.0])": WRONG_COMMA,
    "(1.0, ,[2.0])": WRONG_COMMA,
    "(1.0,[": NO_ARRAY_END,
    "(1.0,[1.0": NO_ARRAY_END,
    "(": NO_TUPLE_END,
    "(1.0,": NO_TUPLE_END,
    "(1.0,[1.0]": NO_TUPLE_END,
    "(1.0,(4,[1,3],[2.0,-1.0])": NO_TUPLE_END,
    "(1.0,[a])": "Cannot parse a double from: a",
    "(a,[1.0])": "Cannot parse a double from: a",
    "(1.0,[1 2])": "Cannot parse a double from: 1 2",
    "(1.0,[ ])": "Cannot parse a double from:  ",
    "(1.0]": r"Cannot parse a double from: \]",
    "(1.0,[1.0]])": r"Cannot parse a double from: \]",
    "(1.0,[(1.0)])": r"Cannot parse a double from: \(",
    "()": r"Cannot parse '\(\)'",
    "(1.0)": "Cannot parse",
    "(1.0,2.0)": "Cannot parse",
    "(1.0,[2.0],3.0)": "Cannot parse",
    "([1.0],1.0)": "Cannot parse",
    "((1.0),[1.0])": "Cannot parse",
    "(1.0,(4,[1,3]))": "Cannot parse",
    "(1.0,(3,(1),[2]))": "Cannot parse",
    "(1.0,(2,[0],[1.0],3))": "Cannot parse",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_spark_refuses_is_refused_with_its_words_and_the_text(text):
    with pytest.raises(RuntimeError, match=REFUSED[text]) as caught:
        LabeledPoint.parse(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    "text, kind, message",
    [
        ("", ValueError, "empty String"),
        (",1 2", ValueError, "empty String"),
        ("1, ", ValueError, "empty String"),
        ("1.5,0.5  2.0", ValueError, "empty String"),
        ("1,a", ValueError, 'For input string: "a"'),
        ("a,1", ValueError, 'For input string: "a"'),
        ("1,0.5\t2.0", ValueError, 'For input string: "0.5\t2.0"'),
        ("[1.0]", ValueError, r'For input string: "\[1.0\]"'),
        (" (1.0,[0.5])", ValueError, r'For input string: "\(1.0"'),
        ("1.5", IndexError, "Index 1 out of bounds for length 1"),
        ("1,", IndexError, "Index 1 out of bounds for length 1"),
        (",", IndexError, "Index 0 out of bounds for length 0"),
        ("(1.0,(-1,[],[]))", ValueError, "size of a sparse vector must be no less than 0, got -1"),
        ("(1.0,(1,[0,1],[1,2]))", ValueError, "2 indices and values exceed the size 1"),
        ("(1.0,(4,[1],[1,2]))", ValueError, "one length"),
    ],
)
def test_other_faults_have_the_kinds_that_spark_gives_them(text, kind, message):
    with pytest.raises(kind, match=message):
        LabeledPoint.parse(text)


@pytest.mark.parametrize("places", ["[3,1]", "[1,1]", "[1,7]", "[-1,2]"])
def test_indices_that_spark_would_not_look_at_are_refused(places):
    with pytest.raises(ValueError, match="indices"):
        LabeledPoint.parse(f"(1.0,(4,{places},[1.0,2.0]))")


def test_a_long_text_is_cut_in_the_message():
    with pytest.raises(RuntimeError) as caught:
        LabeledPoint.parse("(1.0,[" + "0.5," * 10000)
    assert len(str(caught.value)) < 200


def test_points_are_equal_when_label_and_features_are():
    dense, sparse = LabeledPoint(1, [0.0, 2.0]), LabeledPoint(1, SparseVector(2, [1], [2.0]))
    with_zero = LabeledPoint(1, SparseVector(2, [0, 1], [0.0, 2.0]))
    assert dense == sparse == with_zero == dense
    assert len({dense, sparse, with_zero}) == 1
    for other in (LabeledPoint(0, [0.0, 2.0]), LabeledPoint(1, [0.0, 3.0]), LabeledPoint(1, [0.0])):
        assert dense != other
        assert sparse != other
    assert LabeledPoint(1, SparseVector(2, [0], [2.0])) != sparse
    assert dense != "(1.0,[0.0,2.0])"


numbers = st.floats(allow_nan=False)


@st.composite
def points(draw):
    label = draw(numbers)
    if draw(st.booleans()):
        return LabeledPoint(label, draw(st.lists(numbers, max_size=5)))
    size = draw(st.integers(0, 2**31 - 1))
    places = sorted(draw(st.sets(st.integers(0, size - 1), max_size=5))) if size else []
    values = draw(st.lists(numbers, min_size=len(places), max_size=len(places)))
    return LabeledPoint(label, SparseVector(size, places, values))


@given(points())
def test_every_point_is_read_back_to_the_bit(point):
    again = LabeledPoint.parse(str(point))
    assert again == point
    assert str(again) == str(point)
    assert type(again.features) is type(point.features)
