"""A frame's columns become fields: every cell by hand, whatever library the frame is of."""

import datetime
import json
import math
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hogwild.data import Binned, FieldEncoder, Hashed, Indexed, Scaled
from hogwild.data.field_encoder_words import fnv1a
from hogwild.errors import DataError


def entries_of(rows):
    """Return [[(field, feature, value), ...], ...]."""
    parts = (rows.fields.tolist(), rows.features.tolist(), rows.values.tolist())
    entries, borders = list(zip(*parts, strict=True)), rows.indptr.tolist()
    return [entries[a:b] for a, b in pairwise(borders)]


def one_column(kind, cells, later=None):
    """Return what one column becomes: [(feature, value), ...] of each row, and the encoder."""
    encoder = FieldEncoder({"x": kind}).fit({"x": cells})
    rows = encoder.transform({"x": cells if later is None else later})
    return [[entry[1:] for entry in row] for row in entries_of(rows)], encoder


def plain_fnv1a(text):
    state = 2166136261
    for byte in text.encode():
        state = (state ^ byte) * 16777619 % 2**32
    return state


# ---- hashed -------------------------------------------------------------------------------------


@given(st.lists(st.text(max_size=9), max_size=20), st.text(max_size=3))
def test_the_hash_is_fnv1a_of_utf_8(texts, prefix):
    assert fnv1a(texts, prefix).tolist() == [plain_fnv1a(prefix + text) for text in texts]


def test_the_hash_has_its_published_values():
    known = {"": 0x811C9DC5, "a": 0xE40C292C, "b": 0xE70C2DE5, "foobar": 0xBF9CF968}
    assert fnv1a(list(known)).tolist() == list(known.values())


def test_a_hashed_cell_is_column_and_word_modulo_the_buckets():
    found, encoder = one_column(Hashed(1000), ["Oslo", "Bonn", "Oslo", None])
    expected = [[(plain_fnv1a(f"x={word}") % 1000, 1.0)] for word in ("Oslo", "Bonn", "Oslo")]
    assert found == [*expected, []]
    assert (encoder.n_features, encoder.feature_names()[7]) == (1000, "bucket 7")


def test_the_bucket_that_the_documentation_names():
    encoder = FieldEncoder({"city": "hashed"})
    assert encoder.fit_transform({"city": ["Oslo"]}).features.tolist() == [267_426]


def test_a_missing_cell_may_have_a_bucket_of_its_own():
    found, _ = one_column(Hashed(1000, missing="own"), ["", None])
    assert found == [[(plain_fnv1a("x=") % 1000, 1.0)], [(plain_fnv1a("x") % 1000, 1.0)]]


def test_hashed_columns_share_their_buckets_and_the_others_follow():
    frame = {"n": [1.0, 2.0], "a": ["u", "v"], "b": ["u", "v"]}
    encoder = FieldEncoder({"n": Scaled("as is"), "a": Hashed(50), "b": Hashed(50)})
    rows = entries_of(encoder.fit_transform(frame))
    assert encoder.n_features == 51
    assert rows[0] == [
        (0, 50, 1.0),
        (1, plain_fnv1a("a=u") % 50, 1.0),
        (2, plain_fnv1a("b=u") % 50, 1.0),
    ]
    with pytest.raises(ValueError, match=r"n_buckets must agree; got \[5, 6\]"):
        FieldEncoder({"a": Hashed(5), "b": Hashed(6)}).fit(frame)


def test_the_hash_is_the_same_in_another_process():
    code = "from hogwild.data.field_encoder_words import fnv1a; print(fnv1a(['x=Oslo'])[0])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(out.stdout) == plain_fnv1a("x=Oslo")


# ---- words --------------------------------------------------------------------------------------

WORDS = {
    "text": (["b", "a"], ["a", "b"]),
    "integers": ([10, 9], ["10", "9"]),
    "numpy integers": (np.array([3, -1], np.int8), ["-1", "3"]),
    "whole floats": ([3.0, -0.0, 2.5], ["0", "2.5", "3"]),
    "float32": (np.array([0.1, 3], np.float32), ["0.1", "3"]),
    "truth values": ([True, False], ["False", "True"]),
    "truth values and ones": ([True, 1, "1"], ["1", "True"]),
    "dates": ([datetime.date(2020, 1, 2)], ["2020-01-02"]),
    "numpy times": (np.array(["2020-01-02T03:04"], "M8[s]"), ["2020-01-02T03:04:00"]),
    "fixed-width text": (np.array(["b", "a"]), ["a", "b"]),
    "Unicode": (["\u00e4", "z"], ["z", "\u00e4"]),
}


@pytest.mark.parametrize("case", WORDS)
def test_cells_become_words(case):
    cells, words = WORDS[case]
    assert FieldEncoder({"x": "indexed"}).fit({"x": cells}).kinds["x"].categories == tuple(words)


MISSING = [None, math.nan, np.float32("nan"), np.datetime64("NaT")]


@pytest.mark.parametrize("gone", MISSING, ids=lambda gone: type(gone).__name__)
def test_a_missing_cell_gives_no_entry_or_its_own(gone):
    cells = np.array(["a", gone, "b"], dtype=object)
    assert one_column("indexed", cells)[0] == [[(0, 1.0)], [], [(1, 1.0)]]
    found, encoder = one_column(Indexed(missing="own"), cells)
    assert found == [[(0, 1.0)], [(2, 1.0)], [(1, 1.0)]]
    assert encoder.feature_names() == ["x=a", "x=b", "x (missing)"]


def test_a_missing_number_does_not_change_the_words_of_the_others():
    encoder = FieldEncoder({"x": "indexed"}).fit({"x": [1, 2]})
    assert entries_of(encoder.transform({"x": [2.0, math.nan]})) == [[(0, 1, 1.0)], []]


def test_unseen_categories_are_left_out_and_counted():
    found, encoder = one_column("indexed", ["a", "b"], ["c", "b", "c", None])
    assert found == [[], [(1, 1.0)], [], []]
    assert encoder.unseen == {"x": 2}


def test_unseen_and_rare_categories_may_share_a_feature():
    kind = Indexed(unseen="other", least=2, missing="own")
    found, encoder = one_column(kind, ["a", "b", "a"], ["a", "b", "c", None])
    assert found == [[(0, 1.0)], [(1, 1.0)], [(1, 1.0)], [(2, 1.0)]]
    assert encoder.feature_names() == ["x=a", "x (other)", "x (missing)"]
    assert encoder.unseen == {"x": 0}


def test_categories_may_be_known_already():
    found, _ = one_column(Indexed(categories=["z", 3]), ["a", 3, "z"])
    assert found == [[], [(1, 1.0)], [(0, 1.0)]]


def test_a_list_in_a_cell_gives_several_entries_of_one_field():
    frame = {"tags": [["p", "q"], [], "q", None, ("q", "q")], "n": [1, 2, 3, 4, 5]}
    encoder = FieldEncoder({"tags": "indexed", "n": Scaled("as is")})
    assert entries_of(encoder.fit_transform(frame)) == [
        [(0, 0, 1.0), (0, 1, 1.0), (1, 2, 1.0)],
        [(1, 2, 2.0)],
        [(0, 1, 1.0), (1, 2, 3.0)],
        [(1, 2, 4.0)],
        [(0, 1, 1.0), (0, 1, 1.0), (1, 2, 5.0)],
    ]


# ---- numbers ------------------------------------------------------------------------------------


def test_edges_part_the_line_and_nothing_lies_beyond():
    found, encoder = one_column(Binned(edges=[0, 10]), [-99.0, 0.0, 9.9, 10.0, 1e300, math.nan])
    assert found == [[(0, 1.0)], [(1, 1.0)], [(1, 1.0)], [(2, 1.0)], [(2, 1.0)], []]
    assert encoder.feature_names() == ["x < 0", "0 <= x < 10", "10 <= x"]


def test_bins_hold_about_as_many_numbers_each():
    numbers = np.random.default_rng(0).permutation(1000).astype(float)
    found, encoder = one_column(Binned(8), numbers)
    counts = np.bincount([row[0][0] for row in found])
    assert (len(counts), counts.max() - counts.min() <= 2) == (8, True)
    assert encoder.n_features == 8


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=30), st.integers(1, 6))
def test_every_bin_that_quantiles_make_holds_a_number(numbers, n_bins):
    found, encoder = one_column(Binned(n_bins), np.array(numbers))
    assert {row[0][0] for row in found} == set(range(encoder.n_features))
    assert encoder.n_features <= n_bins


def test_numbers_are_scaled_by_what_fit_has_seen():
    seen, later = [1.0, 3.0], [1.0, 5.0]
    assert one_column("scaled", seen, later)[0] == [[(0, -1.0)], [(0, 3.0)]]
    assert one_column(Scaled("minmax"), seen, later)[0] == [[(0, 0.0)], [(0, 2.0)]]
    assert one_column(Scaled("as is"), seen, later)[0] == [[(0, 1.0)], [(0, 5.0)]]
    e = math.e
    found, _ = one_column(Scaled("log1p"), [0.0, e**2 - 1], [e - 1])
    assert found[0][0][1] == pytest.approx(0.0, abs=1e-7)
    assert one_column("scaled", [7, 7], [7, 8])[0] == [[(0, 0.0)], [(0, 1.0)]]


def test_a_missing_number_may_have_a_feature_of_its_own():
    assert one_column(Binned(edges=[0], missing="own"), [None, 1.0])[0] == [[(2, 1.0)], [(1, 1.0)]]
    found, encoder = one_column(Scaled("as is", missing="own"), [None, 4.0])
    assert found == [[(1, 1.0)], [(0, 4.0)]]
    assert encoder.feature_names() == ["x", "x (missing)"]


# ---- the whole frame ----------------------------------------------------------------------------

FRAME = {
    "city": ["Oslo", None, "Bonn", "Oslo"],
    "age": [31.5, 18.0, math.nan, 64.0],
    "member": [True, False, True, True],
    "click": [1, 0, 0, 1],
}


def test_columns_become_what_their_cells_are():
    encoder = FieldEncoder(label="click", numbers=Binned(edges=[30])).fit(FRAME)
    assert [kind.word for kind in encoder.kinds.values()] == ["indexed", "binned", "indexed"]
    rows = encoder.transform(FRAME)
    assert (rows.n_fields, rows.n_features, rows.y.tolist()) == (3, 6, [1, 0, 0, 1])
    assert entries_of(rows) == [
        [(0, 1, 1.0), (1, 3, 1.0), (2, 5, 1.0)],
        [(1, 2, 1.0), (2, 4, 1.0)],
        [(0, 0, 1.0), (2, 5, 1.0)],
        [(0, 1, 1.0), (1, 3, 1.0), (2, 5, 1.0)],
    ]
    assert repr(encoder) == "FieldEncoder(3 fields, 6 features)"


def test_chosen_columns_keep_the_order_asked_for():
    encoder = FieldEncoder(["member", "city"]).fit(FRAME)
    assert list(encoder.kinds) == ["member", "city"]
    assert encoder.transform(FRAME).y.tolist() == [0.0] * 4
    assert encoder.transform(FRAME, y=FRAME["click"]).y.tolist() == [1, 0, 0, 1]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_of_both_libraries_give_the_entries_of_the_dict(library):
    frames = pytest.importorskip(library)
    frame = dict(FRAME, tags=[["p"], ["q", "p"], None, []])
    kinds = {"city": "hashed", "age": "binned", "member": "indexed", "tags": "indexed"}
    encoder = FieldEncoder(kinds, label="click").fit(frame)
    given = frames.DataFrame(frame)
    fitted = FieldEncoder(kinds, label="click").fit(given)
    assert fitted.kinds == encoder.kinds
    expected, found = encoder.transform(frame), fitted.transform(given)
    assert entries_of(found) == entries_of(expected)
    assert found.y.tolist() == expected.y.tolist()


def test_nullable_and_categorical_columns_of_pandas_are_taken():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {
            "i": pandas.array([1, None, 3], dtype="Int64"),
            "c": pandas.Categorical(["u", None, "v"]),
            "s": pandas.array(["u", None, "v"], dtype="string"),
            "t": pandas.to_datetime(["2020-01-02", None, "2021-01-01"]),
            "b": pandas.array([True, None, False], dtype="boolean"),
        }
    )
    encoder = FieldEncoder(numbers=Scaled("as is")).fit(frame)
    assert encoder.feature_names() == [
        *("i", "c=u", "c=v", "s=u", "s=v"),
        *("t=2020-01-02T00:00:00", "t=2021-01-01T00:00:00", "b=False", "b=True"),
    ]
    assert [len(row) for row in entries_of(encoder.transform(frame))] == [5, 0, 5]


def test_typed_columns_of_polars_are_taken_and_lazy_frames_are_not():
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(
        {
            "c": polars.Series(["u", None, "v"], dtype=polars.Categorical),
            "i": [1, None, 3],
            "d": [datetime.date(2020, 1, 2), None, datetime.date(2021, 1, 1)],
            "b": [True, None, False],
            "l": [[1, 2], None, []],
        }
    )
    encoder = FieldEncoder(numbers=Scaled("as is")).fit(frame)
    assert encoder.feature_names() == [
        *("c=u", "c=v", "i", "d=2020-01-02T00:00:00", "d=2021-01-01T00:00:00"),
        *("b=False", "b=True", "l=1", "l=2"),
    ]
    assert [len(row) for row in entries_of(encoder.transform(frame))] == [6, 0, 4]
    with pytest.raises(DataError, match=r"lazy one; pass frame\.collect\(\)"):
        encoder.transform(frame.lazy())


def test_what_is_saved_encodes_alike(tmp_path):
    kinds = {"city": Hashed(99, missing="own"), "age": Scaled("log1p"), "member": Indexed("other")}
    encoder = FieldEncoder({**kinds, "n": Binned(3)}, label="click", dtype="f8")
    frame = dict(FRAME, n=[1, 2, 3, 4])
    rows = encoder.fit_transform(frame)
    encoder.save(tmp_path / "e.json")
    again = FieldEncoder.load(tmp_path / "e.json")
    assert again.kinds == encoder.kinds
    found = again.transform(frame)
    assert entries_of(found) == entries_of(rows)
    assert (found.dtype, found.y.tolist()) == (np.float64, rows.y.tolist())
    assert json.loads((tmp_path / "e.json").read_text())["format"] == "hogwild-field-encoder"


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "not a saved FieldEncoder"),
        ("[]", "not a saved FieldEncoder"),
        ("{}", "not a file of the format"),
        ('{"format": "hogwild-field-encoder", "version": 9}', "version 9 of the format"),
        ('{"format": "hogwild-field-encoder", "version": 1}', "KeyError"),
    ],
)
def test_a_damaged_file_is_refused_with_its_name(text, message, tmp_path):
    (tmp_path / "e.json").write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        FieldEncoder.load(tmp_path / "e.json")
    assert caught.value.path == str(tmp_path / "e.json")


@pytest.mark.parametrize(
    "kind, cells, message",
    [
        (
            "binned",
            [1.0, "two"],
            "column 'x', row 1: expected a number, got 'two'; columns of words",
        ),
        ("scaled", [1.0, math.inf], "column 'x', row 1: numbers must be finite, got inf"),
        ("scaled", [1.0, 1e39], "column 'x', row 1: 1e\\+39 is too large for float32"),
        ("scaled", [[1.0], [1.0, 2.0]], "column 'x', row 1: a list of numbers can be binned"),
        (Scaled("log1p"), [0.0, -1.0], "column 'x', row 1: log1p needs numbers above -1, got -1"),
        ("indexed", ["a", {"b": 1}], "column 'x', row 1: a category must be text.*got dict"),
        ("hashed", [b"a"], "got bytes"),
        ("binned", [None, None], "column 'x' holds no number to learn bins from"),
    ],
)
def test_bad_cells_are_refused_with_column_and_row(kind, cells, message):
    if kind == "scaled" and cells[1] == 1e39:
        kind = Scaled("as is")
    with pytest.raises(DataError, match=message):
        FieldEncoder({"x": kind}).fit_transform({"x": cells})


@pytest.mark.parametrize(
    "frame, message",
    [
        ({"y": [1]}, "no column 'x'; the frame has 'y'"),
        ({"x": [1], "y": [1, 2]}, r"differ in length: \{'x': 1, 'y': 2\}"),
        ([[1, 2]], "expected a pandas or polars frame or a dict of columns, got list"),
    ],
)
def test_bad_frames_are_refused(frame, message):
    encoder = FieldEncoder({"x": "binned", "y": "binned"}).fit({"x": [1, 2], "y": [1, 2]})
    with pytest.raises(DataError, match=message):
        encoder.transform(frame)


def test_labels_must_be_numbers_and_there():
    encoder = FieldEncoder(["a"], label="y").fit({"a": ["u"]})
    with pytest.raises(DataError, match="column 'y', row 0: the label is missing"):
        encoder.transform({"a": ["u"], "y": [None]})
    with pytest.raises(DataError, match="column 'y', row 0: expected a number, got 'yes'"):
        encoder.transform({"a": ["u"], "y": ["yes"]})


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Hashed(0), "n_buckets must be a whole number, 1 or more, got 0"),
        (lambda: Hashed(2**31), "n_buckets must be at most 2147483647, got 2147483648"),
        (lambda: Hashed(2.5), "n_buckets must be a whole number, 1 or more, got 2.5"),
        (lambda: Indexed(unseen="drop"), "unseen must be 'skip' or 'other', got 'drop'"),
        (lambda: Indexed(least=0), "least must be a whole number, 1 or more, got 0"),
        (lambda: Indexed(categories="abc"), "categories must be a sequence of words, got 'abc'"),
        (lambda: Indexed(categories=["a", "a"]), "the category 'a' occurs twice"),
        (lambda: Indexed(missing="nan"), "missing must be 'skip' or 'own', got 'nan'"),
        (lambda: Binned(0), "n_bins must be a whole number, 1 or more, got 0"),
        (lambda: Binned(edges=[1, 1]), r"edges must be finite and rise, got \[1.0, 1.0\]"),
        (lambda: Scaled("z"), "how must be 'standard', 'minmax', 'log1p' or 'as is', got 'z'"),
        (lambda: Scaled(scale=0.0), "scale must be finite and not 0"),
        (lambda: FieldEncoder({"a": "onehot"}), "a column becomes 'hashed', 'indexed', 'binned'"),
        (lambda: FieldEncoder("abc"), "columns must be names or a dict of kinds, got 'abc'"),
        (lambda: FieldEncoder().transform({"a": [1]}), "not fitted yet; call fit first"),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


LONG = [2**53 + 1, None, 2**53]


def _series_of_pandas(values):
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame({"id": pandas.Series(values, dtype="Int64")})


def _series_of_polars(values):
    return pytest.importorskip("polars").DataFrame({"id": values})


@pytest.mark.parametrize(
    "frame_of", [lambda values: {"id": values}, _series_of_pandas, _series_of_polars]
)
def test_ids_longer_than_a_float_stay_apart_also_where_one_is_missing(frame_of):
    frame = frame_of(LONG)
    for column in (["id"], {"id": "indexed"}):
        encoder = FieldEncoder(column, numbers="indexed").fit(frame)
        assert encoder.feature_names() == ["id=9007199254740992", "id=9007199254740993"]
    assert FieldEncoder({"id": "scaled"}).fit_transform(frame).n_entries == 2


def test_numbers_too_large_for_their_column_are_named():
    assert FieldEncoder({"id": "indexed"}).fit({"id": [2**70, 2**70 + 1]}).n_features == 2
    with pytest.raises(DataError, match="column 'a', row 1: numbers must be finite"):
        FieldEncoder().fit({"a": [1, 10**400]})
    with pytest.raises(DataError, match="column 'a': its numbers are too large for a scale"):
        FieldEncoder(numbers="scaled").fit({"a": [1e300, -1e300]})
    scaled = FieldEncoder(numbers=Scaled(shift=-1e308, scale=1.0)).fit({"a": [1.0]})
    with pytest.raises(DataError, match="column 'a', row 0: inf is too large for float32"):
        scaled.transform({"a": [1e308]})


def test_many_rows_are_encoded_in_row_order():
    rng = np.random.default_rng(0)
    frame = {
        "a": rng.integers(0, 50, 5000).astype(str),
        "b": rng.random(5000),
        "c": [["u"] * count for count in rng.integers(0, 4, 5000)],
    }
    rows = FieldEncoder({"a": "hashed", "b": "binned", "c": "indexed"}).fit_transform(frame)
    counts = [2 + len(cell) for cell in frame["c"]]
    assert np.diff(rows.indptr).tolist() == counts
    assert all(
        [field for field, _, _ in row] == [0, 1] + [2] * (len(row) - 2) for row in entries_of(rows)
    )


def test_a_label_that_is_not_there_is_told_and_not_taken_for_zeros():
    encoder = FieldEncoder({"page": "indexed"}, label="clicks")
    with pytest.raises(DataError, match="no column 'clicks' with the labels"):
        encoder.fit_transform({"page": ["a", "b"], "click": [1, 0]})
    rows = encoder.fit_transform({"page": ["a", "b"]}, [1, 0])
    assert rows.y.tolist() == [1.0, 0.0]
    assert encoder.transform({"page": ["a"]}).y.tolist() == [0.0]  # rows to predict have none
