"""LIBSVM files are loaded and saved as Spark's MLUtils does it: rows, refusals and partitions."""

import bz2
import gzip
import io
import itertools
import json
import lzma
import os
import pickle
import re
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hogwild.data import textio
from hogwild.errors import DataError
from hogwild.mllib import libsvm_files
from hogwild.mllib.java_text import BLANKS, parse_java_double
from hogwild.mllib.labeled_point import LabeledPoint
from hogwild.mllib.libsvm_chunks import count_lines, parse, parse_common, row_starts, tidy
from hogwild.mllib.libsvm_files import load_libsvm_file, read_rows, save_as_libsvm_file
from hogwild.mllib.libsvm_lines import EntryError, parse_lines
from hogwild.mllib.local import LocalPartitions
from hogwild.mllib.vectors import SparseVector


@pytest.fixture(scope="session")
def scratch(tmp_path_factory):
    """A file that one test after the other overwrites."""
    return tmp_path_factory.mktemp("libsvm") / "scratch.txt"


def load(scratch, text, *options):
    scratch.write_bytes(text.encode() if isinstance(text, str) else text)
    return load_libsvm_file(scratch, *options)


def shown(data):
    return list(map(str, data.take(10**6)))


def same_bits(one, two):
    """Whether arrays, or CSR matrices, are equal to the bit."""
    if sp.issparse(one):
        names = ("indptr", "indices", "data")
        same = all(same_bits(getattr(one, name), getattr(two, name)) for name in names)
        return same and one.shape == two.shape
    return one.tobytes() == two.tobytes() and one.dtype == two.dtype


# ---- what is taken ------------------------------------------------------------------------------


def test_three_lines_by_hand(scratch):
    data = load(scratch, "+1 1:0.5 3:0\n# a comment\n-1 2:1e1\n0\n")
    X, y = data.collect()
    assert isinstance(data, LocalPartitions)
    assert isinstance(X, sp.csr_matrix)
    assert (X.dtype, y.dtype, X.indices.dtype) == (np.float64, np.float64, np.int32)
    assert X.indptr.tolist() == [0, 2, 3, 3]
    assert X.indices.tolist() == [0, 2, 1]
    assert X.data.tolist() == [0.5, 0.0, 10.0]  # the zero stays stored
    assert y.tolist() == [1.0, -1.0, 0.0]
    assert data.n_features == 3


TAKEN = {
    "  +1  1:0.5   3:2 \n": "(1.0,(3,[0,2],[0.5,2.0]))",
    "1 1:1:2\n": "(1.0,(1,[0],[1.0]))",
    "1 +1:2": "(1.0,(1,[0],[2.0]))",
    "1 0001:5": "(1.0,(1,[0],[5.0]))",
    "1 1:1d": "(1.0,(1,[0],[1.0]))",
    "1 1:0x1p3": "(1.0,(1,[0],[8.0]))",
    "1  1:0x1p3": "(1.0,(1,[0],[8.0]))",
    "NaN 1:Infinity": "(NaN,(1,[0],[Infinity]))",
    "1e999 1:-1e999": "(Infinity,(1,[0],[-Infinity]))",
    "1 1:1\t": "(1.0,(1,[0],[1.0]))",
    "\t1 1:1": "(1.0,(1,[0],[1.0]))",
    "\0 1 1:1\1": "(1.0,(1,[0],[1.0]))",
    "1 1:\0002": "(1.0,(1,[0],[2.0]))",
    "1 1:1  2:1   ": "(1.0,(2,[0,1],[1.0,1.0]))",
    "1 \u0661:2": "(1.0,(1,[0],[2.0]))",
    "1 " + "\u0660" * 20 + "\u0661:2": "(1.0,(1,[0],[2.0]))",
    "1 " + "0" * 5000 + "1:2": "(1.0,(1,[0],[2.0]))",
    "1 2147483647:1": "(1.0,(2147483647,[2147483646],[1.0]))",
    "-1": "(-1.0,(1,[],[]))",
    "\ufeff1 1:1": "(1.0,(1,[0],[1.0]))",
    " # c\n\t# c\n\0\n \r\n1 1:1": "(1.0,(1,[0],[1.0]))",
    "#\xff\xfe\n1 1:1": "(1.0,(1,[0],[1.0]))",
}


@pytest.mark.parametrize("text", TAKEN, ids=lambda text: ascii(text)[:40])
def test_lines_are_taken_as_spark_takes_them(text, scratch):
    assert shown(load(scratch, text)) == [TAKEN[text]]


def test_lines_end_with_any_of_the_three_line_ends(scratch):
    for text in ("1 1:1\n2\n3 2:2\n", "1 1:1\r\n2\r\n3 2:2", "1 1:1\r2\r3 2:2\r"):
        for more in ("", "\n\n", "\r\n#\r\n", "\r\r# c\r"):
            rows = shown(load(scratch, text + more))
            assert rows == ["(1.0,(2,[0],[1.0]))", "(2.0,(2,[],[]))", "(3.0,(2,[1],[2.0]))"]


@pytest.mark.parametrize("num_features, width", [(9, 9), (0, 3), (-1, 3), (-7, 3), (3, 3)])
def test_the_number_of_features_is_the_callers_or_the_largest_index(num_features, width, scratch):
    assert load(scratch, "0 1:1\n0 3:1\n", num_features).n_features == width


def test_an_index_beyond_the_number_of_features_is_kept_and_not_reported(scratch):
    scratch.write_text("0 7:1\n")
    X, _, _ = read_rows(scratch, 3)
    assert (X.shape, X.indices.tolist()) == ((1, 3), [6])


def test_workers_are_passed_on(scratch, monkeypatch):
    monkeypatch.setattr(libsvm_files, "LocalPartitions", lambda rows, **options: options)
    scratch.write_text("0 1:1\n1 2:1\n")
    options = load_libsvm_file(scratch, n_workers=2, start_method="spawn")
    assert options == {"sizes": [2, 0], "n_workers": 2, "start_method": "spawn"}


# ---- what is refused ----------------------------------------------------------------------------

INDEX_1 = "Index 1 out of bounds for length 1"
INDEX_0 = "Index 0 out of bounds for length 0"


def quoted(text):
    return f'For input string: "{text}"'


REFUSED = {
    "0 1": INDEX_1,
    "0 1:": INDEX_1,
    "0 1::": INDEX_1,
    "0 1: 2": INDEX_1,
    "1 1:1 2": INDEX_1,
    "1 1 2:3": INDEX_1,
    "1 2:1 1": INDEX_1,
    "0 :": INDEX_0,
    "0 ::": INDEX_0,
    "x 1:1": quoted("x"),
    "0 1:x": quoted("x"),
    "0 a:1": quoted("a"),
    "0 a": quoted("a"),
    "0 :1": quoted(""),
    "0 1::2": "empty String",
    "1 1:\t 2:3": "empty String",
    "1 1:1 # c": quoted("#") + ": an index must be a whole number, 1 to 2147483647; a comment",
    "1 #": quoted("#"),
    "1 1:1#": quoted("1#"),
    "1\t1:1": quoted("1\t1:1") + ": the label must be a number; only blanks separate fields",
    "1 \t1:1": quoted("\t1"),
    "1 1:\t2\t3:4": quoted("2\t3"),
    "1\v1:1": quoted("1\v1:1"),
    "1 1:1\x0b2:1": quoted("1\v2"),
    "nan 1:inf": quoted("nan") + ": the label must be a number; it is written NaN or Infinity",
    "1 1:-inf": quoted("-inf") + ": a value must be a number; it is written NaN or Infinity",
    "1:1 2:2": quoted("1:1"),
    "1,2 1:1": quoted("1,2"),
    "1 1:0,5": quoted("0,5") + ": a value must be a number; a comma",
    "1 1:1_0": quoted("1_0"),
    "1 qid:3 1:1": quoted("qid") + ".*; query numbers",
    "1 1.0:2": quoted("1.0"),
    "1 2147483648:1": quoted("2147483648"),
    "1 -2147483649:1": quoted("-2147483649"),
    "1 " + "9" * 5000 + ":1": quoted("9" * 60 + "..."),
    "1 +:1": r'For input string: "\+"',
    "1 \U0001d7cf:1": quoted("\U0001d7cf"),
    "1 1:\u0661": quoted("\u0661"),
    "1 1:1\xa0": quoted("1\xa0"),
    "1 1:1\x85": quoted("1\x85"),
    "1\u20281:1": quoted("1\u20281:1"),
    "\ufeff1": quoted("\ufeff1"),  # a mark is one only at the beginning of the file
    "1 1:\0x": quoted("x") + ".*UTF-16",
}


@pytest.mark.parametrize("line", REFUSED, ids=lambda line: ascii(line)[:30])
@pytest.mark.parametrize("size", [1, 1 << 18])
def test_bad_lines_are_refused_with_file_line_and_sparks_reason(line, size, scratch, monkeypatch):
    monkeypatch.setattr(textio, "CHUNK_BYTES", size)
    kind = IndexError if REFUSED[line] in (INDEX_0, INDEX_1) else ValueError
    with pytest.raises(kind, match=REFUSED[line]) as caught:
        load(scratch, f"1 1:1\r\n# comment\r\n{line}\n1 1:1\n")
    assert isinstance(caught.value, DataError)
    assert isinstance(caught.value, IndexError) == (kind is IndexError)
    assert (caught.value.path, caught.value.line) == (str(scratch), 3)
    assert str(caught.value) == f"{scratch}, line 3: {caught.value.reason}"
    assert len(caught.value.reason) < 200


@pytest.mark.parametrize(
    "line, found",
    [
        ("0 0:4.0 4:5.0 6:6.0", "found current=-1, previous=-1"),
        ("0 3:4.0 2:5.0 6:6.0", "found current=1, previous=2"),
        ("0 1:1 1:2", "found current=0, previous=0"),
        ("1 -1:1", "found current=-2, previous=-1"),
        ("1 -2147483648:1", "found current=-2147483649, previous=-1"),
    ],
)
def test_indices_that_do_not_rise_from_one_are_refused_with_the_line(line, found, scratch):
    with pytest.raises(DataError, match="one-based and in ascending order; " + found) as caught:
        load(scratch, f"0\n \t{line} \n")
    assert caught.value.reason.endswith(f'line="{line}"')
    assert caught.value.line == 2


def test_a_long_line_is_cut_in_the_message(scratch):
    line = "0 " + " ".join(f"{index}:1" for index in range(10000, 0, -1))
    with pytest.raises(DataError, match=r'current=9998, previous=9999 .*\.\.\."$') as caught:
        load(scratch, line)
    assert len(caught.value.reason) < 400


def test_the_golden_outcomes_of_spark(scratch, shared_data):
    golden = json.loads((shared_data / "mllib_golden" / "errors_and_formats.json").read_text())
    called = re.compile(r"loadLibSVMFile '(.*)'(?: numFeatures=(\d+))?", re.DOTALL)
    checked = 0
    for call, outcome in golden["messages"]:
        if not (match := called.fullmatch(call)):
            continue
        checked += 1
        text = match[1].replace("\\n", "\n").replace("\\t", "\t")
        num_features = int(match[2] or -1)
        if outcome == "no error":
            load(scratch, text, num_features)
            continue
        java_class, _, message = outcome.partition(": ")
        kind = IndexError if "OutOfBounds" in java_class else ValueError
        with pytest.raises(kind) as caught:
            load(scratch, text, num_features)
        for part in message.removeprefix("requirement failed: ").split("; line="):
            assert part in str(caught.value)
    assert checked == 17


@pytest.mark.parametrize("text", ["", "\n", "# only comment\n\n", "\ufeff"])
def test_a_file_without_rows_is_an_empty_collection_unless_the_width_is_known(text, scratch):
    with pytest.raises(DataError, match="empty collection") as caught:
        load(scratch, text)
    assert caught.value.path == str(scratch)
    data = load(scratch, text, 3)
    assert (data.count(), data.n_features) == (0, 3)
    assert data.num_partitions == len(data.sizes()) >= 1


def test_other_wrong_arguments_are_refused(scratch, tmp_path):
    with pytest.raises(ValueError, match="min_partitions must be 1 or more, got 0"):
        load(scratch, "1", -1, 0)
    with pytest.raises(FileNotFoundError):
        load_libsvm_file(tmp_path / "none.txt")


def test_an_entry_error_survives_pickling():
    error = EntryError("reason", path="a.txt", line=3)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is EntryError
    assert (again.reason, again.path, again.line) == ("reason", "a.txt", 3)
    assert str(again) == str(error) == "a.txt, line 3: reason"


# ---- two ways to read, one meaning --------------------------------------------------------------


def plainly_read(line):
    """Read one line in the plainest way, as the specification tells it: (label, entries) or None.

    ValueError and IndexError stand for what must be refused.
    """
    line = line.strip(BLANKS)
    if line == "" or line[0] == "#":
        return None
    label, *items = [item for item in line.split(" ") if item]
    label, entries = parse_java_double(label), []
    for item in items:
        parts = item.split(":")
        while parts and parts[-1] == "":
            parts.pop()
        if not parts:
            raise IndexError
        if not re.fullmatch(r"[+-]?\d+", parts[0]) or abs(int(parts[0])) > 2**31 - 1:
            raise ValueError
        entries.append((int(parts[0]) - 1, parse_java_double(parts[1])))
    places = [-1, *(place for place, _ in entries)]
    if sorted(set(places)) != places:
        raise ValueError
    return label, entries


def rows_of(lines):
    """The rows of `Lines` in the form of `plainly_read`."""
    ends = np.cumsum([0, *lines.counts])
    pairs = list(zip(lines.columns.tolist(), lines.values.tolist(), strict=True))
    borders = itertools.pairwise(ends)
    return [
        (label, pairs[a:b]) for label, (a, b) in zip(lines.labels.tolist(), borders, strict=True)
    ]


PIECES = [
    *(bytes([letter]) for letter in b"0123456789::: \n\n\r\t#.eE+-,_x\0\xff\v"),
    *(b" 1:1", b" 2:0.5", b"\n1 3:4", b"\n1 3:4", b" 7:-1e-3", b"NaN", b"1e999", b"inf", b"\r\n"),
    *(b"12345678", b"123456789012345678", b" 2147483648:1", b" 2147483647:1", b"e-5", b" 9:-.5"),
    *(b"1d", b"0x1p3", b"Infinity", b"\n# c", b"  ", b" \n", "\u0661".encode(), b"\xef\xbb\xbf"),
]
texts = st.one_of(
    st.binary(max_size=30),
    st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join),
    st.lists(st.sampled_from(PIECES), max_size=12).map(lambda p: b"1 1:2 4:5\n" + b"".join(p)),
).map(lambda text: text + b"\n")


@settings(max_examples=500)
@given(texts)
@example(b"1 3:1\n1 2:1\n")
@example(b"1\r2 1:1\n\n")
@example(b"1 1:1\n\n")
def test_the_fast_way_gives_the_bits_of_the_definition_or_nothing(text):
    for tidied in (None, tidy(text)):
        fast = parse_common(text, tidied)
        if fast is not None:
            for one, two in zip(fast, parse_lines(text), strict=True):
                assert same_bits(one, two)


@settings(max_examples=400)
@given(texts)
def test_the_definition_reads_each_line_as_a_plain_parser_does(text):
    lines = re.split("\r\n|\r|\n", text.decode(errors="replace"))
    expected, bad = [], None
    for number, line in enumerate(lines, 1):
        try:
            row = plainly_read(line)
        except (ValueError, IndexError) as error:
            bad = number, type(error)
            break
        expected += [] if row is None else [row]
    if bad is not None:
        with pytest.raises(bad[1]) as caught:
            parse_lines(text)
        assert caught.value.line == bad[0]
        assert isinstance(caught.value, EntryError) == (bad[1] is IndexError)
        return
    found = parse_lines(text)
    assert repr(rows_of(found)) == repr(expected)
    assert found.starts.tolist() == row_starts(text).tolist()


def outcome(function, *arguments):
    try:
        return function(*arguments)
    except DataError as error:
        return error


@settings(max_examples=300)
@given(texts, st.integers(1, 40), st.integers(0, 40))
def test_files_are_read_as_their_lines_whatever_the_chunks(scratch, text, size, few):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(textio, "CHUNK_BYTES", size)
        patch.setattr("hogwild.mllib.libsvm_chunks._FEW_BYTES", few)
        scratch.write_bytes(b"0\n" + text)
        expected = outcome(parse_lines, b"0\n" + text, str(scratch))
        found = outcome(read_rows, scratch, 1)
    if isinstance(expected, DataError):
        assert (type(found), str(found)) == (type(expected), str(expected))
        return
    X, y, sizes = found
    assert same_bits(y, expected.labels)
    assert same_bits(X.indices, expected.columns)
    assert same_bits(X.data, expected.values)
    assert np.diff(X.indptr).tolist() == expected.counts.tolist()
    assert sum(sizes) == len(y)


def test_one_odd_line_does_not_slow_the_others_down(monkeypatch):
    text = b"1 1:1 2:0.5\n" * 5000 + b"1 1:NaN\n" + b"1 1:1 2:0.5\n" * 5000
    slowly = []

    def counting(text, *place):
        slowly.append(len(text))
        return parse_lines(text, *place)

    monkeypatch.setattr("hogwild.mllib.libsvm_chunks.parse_lines", counting)
    rows = parse(text)
    assert all(same_bits(one, two) for one, two in zip(rows, parse_lines(text), strict=True))
    assert sum(slowly) < len(text) / 10


def test_lines_are_counted_by_any_line_end():
    assert count_lines(b"\n\r\n\r\r\n\r") == 5
    assert count_lines(b"") == 0


# ---- partitions ---------------------------------------------------------------------------------

# number of partitions asked for, and the rows of each that Spark 3.5 made
LAYOUTS = {
    "1 1:1": {1: [1], 2: [1, 0, 0], 3: [1, 0, 0, 0, 0]},
    "1 1:1\r2 1:1\r3 1:1\r4 1:1\r": {
        1: [4],
        2: [3, 1],
        3: [2, 1, 1],
        4: [2, 1, 1, 0],
        5: [1, 1, 1, 0, 1, 0],
        10: [1, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0],
    },
    "1 1:1\r\n2 1:1\r\n3 1:1\r\n4 1:1\r\n": {
        1: [4],
        2: [3, 1],
        3: [2, 1, 1, 0],
        5: [1, 1, 1, 0, 1, 0],
        10: [1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0],
    },
    "\ufeff1 1:1\n2 1:1\n": {
        1: [2],
        2: [1, 1, 0],
        5: [1, 0, 1, 0, 0],
        12: [1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0],
    },
}


@pytest.mark.parametrize("text", LAYOUTS, ids=ascii)
def test_partitions_are_those_of_spark(text, scratch):
    for asked, sizes in LAYOUTS[text].items():
        assert load(scratch, text, -1, asked).sizes() == sizes


def hadoop_splits(text, asked):
    """How many rows each split's reader finds: it skips a line, then reads up to its end."""
    size = max(1, len(text) // asked)
    borders = [0]
    while (len(text) - borders[-1]) / size > 1.1:
        borders.append(borders[-1] + size)
    borders += [len(text)] if borders[-1] < len(text) else []
    line = re.compile(rb"[^\r\n]*(\r\n|\r|\n|$)")
    found = []
    for start, end in itertools.pairwise(borders):
        at, rows = (line.match(text, start).end() if start else 0), 0
        while at <= end and at < len(text):
            match = line.match(text, at)
            rows += match[0].strip(BLANKS.encode())[:1] not in (b"", b"#")
            at = match.end()
        found.append(rows)
    return found


@settings(max_examples=200)
@given(
    st.lists(st.sampled_from(["1 1:1", "0", "-1 1:0.25 3:4", "", "  ", "# c"]), max_size=30),
    st.lists(st.sampled_from(["\n", "\r\n", "\r"]), min_size=1, max_size=3),
    st.booleans(),
    st.integers(1, 20),
    st.integers(1, 60),
)
def test_partitions_are_what_hadoops_readers_find(scratch, lines, ends, closed, asked, chunk):
    text = "".join(line + ends[place % len(ends)] for place, line in enumerate(lines))
    text = (text if closed else text.rstrip("\r\n")).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(textio, "CHUNK_BYTES", chunk)
        assert load(scratch, text, 5, asked).sizes() == (hadoop_splits(text, asked) or [0])


def test_no_partition_is_much_larger_than_a_block(scratch, monkeypatch):
    monkeypatch.setattr(libsvm_files, "_BLOCK_BYTES", 20)
    assert load(scratch, "1 1:1\n" * 10, -1, 1).sizes() == [4, 3, 3]


# ---- folders and other places -------------------------------------------------------------------


def folder_of(path, **files):
    path.mkdir()
    for name, text in files.items():
        (path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_folder_is_read_in_the_order_of_names_and_cut_by_spark_s_rule(tmp_path):
    line = "{} 1:1\n"
    folder = folder_of(
        tmp_path / "rows",
        **{"part-00001": line.format(2), "part-00000": line.format(1) * 10, "part-00002": ""},
        **{"_SUCCESS": "", "_meta": "bad", ".part-00000.crc": "bad"},
    )
    for asked, sizes in {1: [10, 1], 2: [6, 4, 1], 3: [4, 4, 2, 1], 5: [3, 2, 2, 2, 1, 1]}.items():
        data = load_libsvm_file(folder, -1, asked)
        assert data.sizes() == sizes
        assert data.collect().y.tolist() == [1.0] * 10 + [2.0]


def test_the_width_of_a_folder_is_that_of_all_its_files(tmp_path):
    folder = folder_of(tmp_path / "rows", a="1 2:1\n", b="1 9:1\n", c="1 1:1")
    data = load_libsvm_file(folder)
    assert (data.n_features, data.collect().X.indices.tolist()) == (9, [1, 8, 0])


def test_a_bad_line_in_a_folder_is_told_with_its_file(tmp_path):
    folder = folder_of(tmp_path / "rows", a="1 2:1\n", b="1 1:1\n1 2:x\n")
    with pytest.raises(DataError) as caught:
        load_libsvm_file(folder)
    assert (caught.value.path, caught.value.line) == (str(folder / "b"), 2)


def test_a_folder_in_a_folder_is_refused(tmp_path):
    folder = folder_of(tmp_path / "rows", a="1 2:1\n")
    (folder / "more").mkdir()
    with pytest.raises(IsADirectoryError, match=r"is a folder; only files.*more"):
        load_libsvm_file(folder)


def test_a_folder_without_rows_is_an_empty_collection(tmp_path):
    folder = folder_of(tmp_path / "rows", _SUCCESS="")
    with pytest.raises(DataError, match="empty collection"):
        load_libsvm_file(folder)
    assert load_libsvm_file(folder, 3).sizes() == [0]


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_a_compressed_file_is_one_partition(compress, scratch):
    text = b"1 1:1\n2 3:1\n" * 50
    data = load(scratch, compress(text), -1, 4)
    assert data.sizes() == [100]
    assert shown(data) == shown(load(scratch, text))


def test_a_compressed_file_in_a_folder_counts_as_it_is_stored(tmp_path):
    packed = gzip.compress(b"2 1:1\n" * 300)
    folder = folder_of(tmp_path / "rows", a="1 1:1\n" * 40, b=packed)
    split = (240 + len(packed)) // 3
    sizes = load_libsvm_file(folder, -1, 3).sizes()
    assert sizes[-1] == 300
    assert len(sizes[:-1]) == round(240 / split) > 1


def test_a_dash_reads_standard_input(monkeypatch):
    text = b"1 1:1\n2 1:1\n3 1:1\n4 1:1\n"
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(text)))
    assert load_libsvm_file("-").sizes() == [3, 1]
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"1 1:x")))
    with pytest.raises(DataError, match="<stdin>, line 1"):
        load_libsvm_file("-")


# ---- real files ---------------------------------------------------------------------------------


def test_the_article_s_file_is_two_partitions_of_fifty(shared_data):
    data = load_libsvm_file(shared_data / "mllib" / "sample_libsvm_data.txt")
    assert (data.sizes(), data.n_features) == ([50, 50], 692)
    assert data.collect().y.sum() == 57


@pytest.mark.parametrize(
    "name, features",
    [
        ("libsvm/a8a", 123),
        ("mllib/sample_libsvm_data.txt", 692),
        ("mllib/sample_linear_regression_data.txt", 10),
        ("mllib/sample_multiclass_classification_data.txt", 4),
    ],
)
def test_real_files_are_read_alike_fast_and_line_by_line(name, features, shared_data):
    X, y, _ = read_rows(shared_data / name)
    expected = parse_lines((shared_data / name).read_bytes())
    assert X.shape == (len(y), features)
    assert same_bits(y, expected.labels)
    assert same_bits(X.indices, expected.columns)
    assert same_bits(X.data, expected.values)
    assert np.diff(X.indptr).tolist() == expected.counts.tolist()


# ---- saving -------------------------------------------------------------------------------------


def contents(folder):
    return {file.name: file.read_text() for file in folder.iterdir()}


def test_dense_rows_are_saved_with_their_zeros_and_sparse_ones_as_stored(tmp_path):
    X = np.array([[0.001, 0.0, -0.0], [9.99e-4, 1e7, np.nan]])
    save_as_libsvm_file((X, [1, -np.inf]), tmp_path / "dense")
    assert contents(tmp_path / "dense") == {
        "part-00000": "1.0 1:0.001 2:0.0 3:-0.0\n",
        "part-00001": "-Infinity 1:9.99E-4 2:1.0E7 3:NaN\n",
        "_SUCCESS": "",
    }
    stored = sp.csr_matrix(([0.0, 2.0], [0, 2], [0, 2, 2]), shape=(2, 3))
    save_as_libsvm_file((stored, [1, 0]), tmp_path / "sparse")
    assert contents(tmp_path / "sparse") == {
        "part-00000": "1.0 1:0.0 3:2.0\n",
        "part-00001": "0.0\n",
        "_SUCCESS": "",
    }


def test_there_is_a_file_for_each_partition_even_without_rows(tmp_path):
    data = LocalPartitions(([[1.0], [2.0], [3.0]], [1, 2, 3]), sizes=[2, 0, 1])
    save_as_libsvm_file(data, tmp_path / "rows")
    assert contents(tmp_path / "rows") == {
        "part-00000": "1.0 1:1.0\n2.0 1:2.0\n",
        "part-00001": "",
        "part-00002": "3.0 1:3.0\n",
        "_SUCCESS": "",
    }


def test_points_are_saved(tmp_path):
    points = [LabeledPoint(1, SparseVector(3, [0, 2], [1.0, 3.0]))]
    save_as_libsvm_file(points, tmp_path / "rows")
    assert (tmp_path / "rows" / "part-00001").read_text() == "1.0 1:1.0 3:3.0\n"


def test_vectors_of_pyspark_are_saved(tmp_path):
    linalg = pytest.importorskip("pyspark.mllib.linalg")
    points = [LabeledPoint(1, linalg.SparseVector(3, [0, 2], [1.0, 3.0]))]
    save_as_libsvm_file(points, tmp_path / "rows")
    assert (tmp_path / "rows" / "part-00001").read_text() == "1.0 1:1.0 3:3.0\n"


def test_the_selected_rows_of_partitions_are_saved(tmp_path):
    data = LocalPartitions(([[i] for i in range(10)], [0] * 10), sizes=[5, 5])
    part = data.random_split([0.6, 0.4], seed=11)[1]
    save_as_libsvm_file(part, tmp_path / "rows")
    assert contents(tmp_path / "rows")["part-00001"] == "0.0 1:6.0\n0.0 1:7.0\n"


def test_an_existing_target_is_never_touched(tmp_path):
    data = ([[1.0]], [1.0])
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("file", "folder", "link"):
        with pytest.raises(FileExistsError, match=f"Output directory .*{name} already exists"):
            save_as_libsvm_file(data, tmp_path / name)
    assert (tmp_path / "file").read_text() == "mine"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder", "link"]


def test_a_save_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(path, texts):
        if path.name == "part-00001":
            assert (path.parent / "part-00000").exists()
            raise OSError("no space left")

    written = libsvm_files._write

    def failing(path, texts):
        written(path, texts)
        full(path, texts)

    monkeypatch.setattr(libsvm_files, "_write", failing)
    with pytest.raises(OSError, match="no space left"):
        save_as_libsvm_file(([[1.0], [2.0]], [1, 2]), tmp_path / "new" / "rows")
    assert list((tmp_path / "new").iterdir()) == []


def test_a_target_that_appears_meanwhile_is_not_overwritten(tmp_path, monkeypatch):
    written = libsvm_files._write

    def slow(path, texts):
        written(path, texts)
        (tmp_path / "rows").mkdir(exist_ok=True)
        (tmp_path / "rows" / "theirs").touch()

    monkeypatch.setattr(libsvm_files, "_write", slow)
    with pytest.raises(FileExistsError, match="already exists"):
        save_as_libsvm_file(([[1.0], [2.0]], [1, 2]), tmp_path / "rows")
    assert [entry.name for entry in tmp_path.iterdir()] == ["rows"]
    assert os.listdir(tmp_path / "rows") == ["theirs"]


@st.composite
def sparse_rows(draw):
    numbers = st.floats(allow_nan=False) | st.floats(1e-5, 1e9)
    n_rows, width = draw(st.integers(1, 8)), draw(st.integers(1, 5))
    stored = [sorted(draw(st.sets(st.integers(0, width - 1)))) for _ in range(n_rows)]
    indices = [place for row in stored for place in row]
    data = draw(st.lists(numbers, min_size=len(indices), max_size=len(indices)))
    indptr = np.cumsum([0, *map(len, stored)])
    y = draw(st.lists(numbers, min_size=n_rows, max_size=n_rows))
    cuts = sorted(draw(st.sets(st.integers(1, n_rows - 1)))) if n_rows > 1 else []
    sizes = np.diff([0, *cuts, n_rows]).tolist()
    X = sp.csr_matrix((np.array(data, dtype=np.float64), indices, indptr), shape=(n_rows, width))
    return LocalPartitions((X, y), sizes=sizes)


@settings(max_examples=60)
@given(sparse_rows())
def test_what_is_saved_is_loaded_to_the_bit_in_the_same_partitions(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("round") / "rows"
    save_as_libsvm_file(data, folder)
    again = load_libsvm_file(folder, data.n_features, min_partitions=1)
    assert again.sizes() == data.sizes()
    for one, two in zip(again.collect(), data.collect(), strict=True):
        assert same_bits(one, two)


def test_real_files_survive_saving_and_loading(tmp_path, shared_data):
    data = load_libsvm_file(shared_data / "mllib" / "sample_linear_regression_data.txt")
    save_as_libsvm_file(data, tmp_path / "rows")
    again = load_libsvm_file(tmp_path / "rows")
    assert again.sizes() == data.sizes()
    assert all(same_bits(a, b) for a, b in zip(again.collect(), data.collect(), strict=True))
