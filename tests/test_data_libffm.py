"""libFFM text is read exactly as a plain parser would read it, or refused with the place."""

import bz2
import gzip
import io
import lzma
import re
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hogwild.data import FieldRows, read_libffm, textio, write_libffm
from hogwild.data.entries_fast import tidy
from hogwild.data.entries_strict import IdLimits
from hogwild.data.libffm_fast import parse_chunk
from hogwild.data.libffm_strict import Limits, StrictParser
from hogwild.errors import DataError

COMPRESSORS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}


@pytest.fixture(scope="session")
def scratch(tmp_path_factory):
    """A file that one test after the other overwrites."""
    return tmp_path_factory.mktemp("libffm") / "scratch.txt"


def read(scratch, text, **options):
    scratch.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_libffm(scratch, **options)


def rows_of(rows):
    """Return [(label, [(field, feature, value), ...]), ...]."""
    parts = (rows.fields.tolist(), rows.features.tolist(), rows.values.tolist())
    entries, borders = list(zip(*parts, strict=True)), rows.indptr.tolist()
    return [
        (label, entries[a:b])
        for label, a, b in zip(rows.y.tolist(), borders, borders[1:], strict=False)
    ]


def same_bits(one, two):
    arrays = [(r.indptr, r.fields, r.features, r.values, r.y) for r in (one, two)]
    return all(
        a.tobytes() == b.tobytes() and a.dtype == b.dtype for a, b in zip(*arrays, strict=True)
    )


PLAIN_NUMBER = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")


def plainly_read(content):
    """Read text in the plainest way: a list of rows, or None if it must be refused."""
    text = content.decode("latin-1").removeprefix("\xef\xbb\xbf")
    rows = []
    for line in text.split("\n"):
        line = line.removesuffix("\r")
        if "\r" in line or "\0" in line:
            return None
        parts = [part for part in re.split("[ \t]", line.split("#")[0]) if part]
        if not parts:
            continue
        entries = [part.split(":") for part in parts[1:]]
        if not all(
            len(entry) == 3 and all(re.fullmatch("[0-9]+", id) for id in entry[:2])
            for entry in entries
        ):
            return None
        numbers = [parts[0], *(entry[2] for entry in entries)]
        if not all(PLAIN_NUMBER.fullmatch(n) and np.isfinite(float(n)) for n in numbers):
            return None
        ids = [[int((id.lstrip("0") or "0")[:20]) for id in entry[:2]] for entry in entries]
        if any(id > 2**31 - 2 for pair in ids for id in pair):
            return None
        values = map(float, numbers[1:])
        rows.append((float(numbers[0]), [(f, j, v) for (f, j), v in zip(ids, values, strict=True)]))
    return rows


# ---- what is taken ------------------------------------------------------------------------------


def test_two_lines_by_hand(scratch):
    rows = read(scratch, "1 0:7:0.5 3:2:1\n0 3:9:1e1\n")
    assert rows.indptr.tolist() == [0, 2, 3]
    assert (rows.fields.tolist(), rows.features.tolist()) == ([0, 3, 3], [7, 2, 9])
    assert (rows.values.tolist(), rows.y.tolist()) == ([0.5, 1.0, 10.0], [1.0, 0.0])
    assert (rows.n_fields, rows.n_features) == (4, 10)
    types = [a.dtype for a in (rows.indptr, rows.fields, rows.features, rows.values, rows.y)]
    assert types == [np.int64, np.int32, np.int32, np.float32, np.float64]


TAKEN = {
    "byte-order mark": b"\xef\xbb\xbf1 2:3:4\n",
    "CR LF": b"1 2:3:4\r\n",
    "no line end": b"1 2:3:4",
    "CR at the end": b"1 2:3:4\r",
    "tabs": b"1\t2:3:4\t\n",
    "many blanks": b"  1   2:3:4  \n",
    "blank lines": b"\n \n\t\n1 2:3:4\n\n\r\n",
    "comment line": b"# 1:2:3 \xff\n1 2:3:4\n#\n",
    "trailing comment": b"1 2:3:4 # 4:5:6\n",
    "plus signs": b"+1 2:3:+4\n",
    "leading zeros": b"01 002:03:04\n",
    "exponents": b"10e-1 2:3:.4E+01\n",
    "bare points": b"1. 2:3:4.\n",
    "zeros before an id": b"1 " + b"0" * 5000 + b"2:" + b"0" * 30 + b"3:4\n",
}


@pytest.mark.parametrize("case", TAKEN)
def test_files_are_taken_as_users_have_them(case, scratch):
    assert rows_of(read(scratch, TAKEN[case])) == [(1.0, [(2, 3, 4.0)])]


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "\ufeff"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_file_without_rows_gives_no_rows(text, dtype, scratch):
    rows = read(scratch, text, dtype=dtype)
    assert (len(rows), rows.n_fields, rows.n_features, rows.dtype) == (0, 0, 0, dtype)
    assert (rows.indptr.tolist(), rows.fields.dtype) == ([0], np.int32)


def test_entries_stay_in_order_and_may_be_repeated(scratch):
    rows = read(scratch, "1 5:1:0 2:9:1 2:9:1 2:8:-1\n-1\n")
    assert rows_of(rows) == [
        (1.0, [(5, 1, 0.0), (2, 9, 1.0), (2, 9, 1.0), (2, 8, -1.0)]),
        (-1.0, []),
    ]


def test_labels_are_kept_as_read_in_doubles(scratch):
    rows = read(scratch, "0.1 0:0:0.1\n2\n-7e-3\n")
    assert rows.y.tolist() == [0.1, 2.0, -0.007]
    assert rows.values[0] == np.float32(0.1)
    assert read(scratch, "1 0:0:0.1\n", dtype="f8").values[0] == 0.1


def test_given_sizes_are_the_least(scratch):
    rows = read(scratch, "1 2:3:4\n", n_fields=7, n_features=2)
    assert (rows.n_fields, rows.n_features) == (7, 4)
    assert read(scratch, "1 0:2147483646:4\n").n_features == 2**31 - 1


@pytest.mark.parametrize("kind", COMPRESSORS)
@pytest.mark.parametrize("size", [1, 7, 1 << 18])
def test_compressed_files_are_known_by_their_content(kind, size, scratch, monkeypatch):
    text = b"".join(b"%d %d:%d:0.5\n" % (row, row % 3, row) for row in range(300))
    expected = read(scratch, text)
    monkeypatch.setattr(textio, "CHUNK_BYTES", size)
    assert same_bits(read(scratch, COMPRESSORS[kind](text)), expected)


def test_a_dash_reads_standard_input(monkeypatch):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"1 2:3:4\n")))
    assert rows_of(read_libffm("-")) == [(1.0, [(2, 3, 4.0)])]


def test_the_sample_files_have_their_known_size(shared_data):
    train, test = (
        read_libffm(shared_data / "ffm" / f"bigdata.{part}.txt") for part in ("tr", "te")
    )
    assert repr(train) == "FieldRows(200 rows, 18 fields, 9991 features, 3508 entries, float32)"
    assert repr(test) == "FieldRows(200 rows, 18 fields, 9991 features, 3500 entries, float32)"
    assert ((train.y == 1).sum(), (test.y == 1).sum()) == (48, 46)
    squares = np.add.reduceat(train.values.astype(float) ** 2, train.indptr[:-1])
    assert np.abs(squares - 2.4995).max() < 2e-3


@pytest.mark.parametrize("part", ["tr", "te"])
def test_the_sample_files_are_read_like_a_plain_parser_reads_them(part, shared_data):
    path = shared_data / "ffm" / f"bigdata.{part}.txt"
    assert rows_of(read_libffm(path, dtype=np.float64)) == plainly_read(path.read_bytes())


# ---- what is refused ----------------------------------------------------------------------------

REFUSED = {
    "1 -1:1:1": "expected a field of digits only before ':', got '-1:1:1'",
    "1 1:-1:1": "expected a feature of digits only before ':', got '1:-1:1'",
    "1 +1:1:1": "a field of digits only",
    "1 1:+1:1": "a feature of digits only",
    "nan 1:1:1": "the label must be finite, got 'nan'",
    "1 1:4:-inf": "the value of field 1, feature 4 must be finite, got '-inf'",
    "1 1:4:1e999": "the value of field 1, feature 4 is too large for float32, got '1e999'",
    "1 1:4:1e39": "too large for float32",
    "-1e999 4:1:1": "the label is too large for float64",
    "1 1:1:1_000": "decimal number, got '1_000'",
    "1 1:1:0x10": "decimal number",
    "1 1:1:": "got ''",
    "1 1:1: 2": "got ''",
    "1 :1:1": "a field of digits only before ':', got ':1:1'",
    "1 1::1": "a feature of digits only",
    "1 1:1": "expected 'field:feature:value', got '1:1'; this looks like LIBSVM text",
    "1 1": "expected 'field:feature:value', got '1'$",
    "1 0 1:2:3": "expected 'field:feature:value', got '0'$",
    "1 1:2:3:4": "expected 'field:feature:value', got '1:2:3:4'",
    "1 1.5:2:1": "a field of digits only",
    "1 1:2e1:1": "a feature of digits only",
    "1 a:2:1": "a field of digits only",
    "1 1:1:1\0": "a NUL byte",
    "1 1:1:1\r2 1:1:1": "a carriage return inside the line",
    "1 1:2147483647:1": "feature 2147483647 is too large: 2147483646 is the largest",
    "1 4294967297:1:1": "field 4294967297 is too large",
    "1 1:18446744073709551617:1": "feature 18446744073709551617 is too large",
    "1 " + "9" * 5000 + ":1:1": "9999... is too large",
    "1:1:1 2:1:1": "expected a label at the start of the line, got '1:1:1'",
    "1,2 1:1:1": "expected one label, got '1,2'; several labels are not read",
    "x 1:1:1": "label must be a decimal number",
    "1 qid:1 1:1:1": "expected 'field:feature:value', got 'qid:1'$",
}


@pytest.mark.parametrize("line", REFUSED, ids=lambda line: ascii(line)[:30])
@pytest.mark.parametrize("size", [1, 1 << 18])
def test_bad_lines_are_refused_with_file_line_and_reason(line, size, scratch, monkeypatch):
    monkeypatch.setattr(textio, "CHUNK_BYTES", size)
    with pytest.raises(DataError, match=REFUSED[line]) as caught:
        read(scratch, "1 1:1:1\n# comment\n\n" + line + "\n1 1:1:1\n")
    assert (caught.value.path, caught.value.line) == (str(scratch), 4)


@pytest.mark.parametrize(
    "options, line, message",
    [
        (
            {"max_fields": 4},
            "1 4:1:1",
            "field 4 is too large: 3 is the largest that max_fields=4 allows",
        ),
        ({"max_features": 4}, "1 9:4:1", "feature 4 is too large: 3 .* max_features=4 allows"),
        ({"dtype": "f8"}, "1 0:0:1e309", "too large for float64"),
    ],
)
def test_limits_of_the_caller_hold(options, line, message, scratch):
    with pytest.raises(DataError, match=message) as caught:
        read(scratch, "1 3:3:1\n" + line, **options)
    assert caught.value.line == 2


@pytest.mark.parametrize(
    "options, message",
    [
        ({"n_features": -1}, "n_features must be a whole number, 0 to 2147483647, got -1"),
        ({"n_fields": 1.0}, r"n_fields must be a whole number, .* got 1\.0"),
        ({"max_features": 2**31}, "max_features must be a whole number"),
        ({"max_fields": True}, "max_fields must be .* got True"),
        ({"dtype": int}, "dtype must be float64 or float32"),
    ],
)
def test_bad_arguments_are_refused(options, message, scratch):
    with pytest.raises(ValueError, match=message):
        read(scratch, "1 1:1:1\n", **options)


def test_a_damaged_gzip_file_is_refused(scratch):
    packed = gzip.compress(b"1 1:1:1\n" * 2000)
    with pytest.raises(DataError, match="ends too early"):
        read(scratch, packed[:-9])


# ---- two parsers, one meaning -------------------------------------------------------------------

PIECES = [
    *(bytes([letter]) for letter in b"0123456789:::: \n\n\r\t#.eE+-,\0\xff"),
    *(b" 1:1:1", b" 2:0:0.5", b"\n1 3:4:5", b"nan", b"1e999", b"\r\n", b"  ", b" 5:6"),
    *(b"12345678", b"123456789012345678", b"2147483647", b"e-5", b" 5:5:-.5", b"\xef\xbb\xbf"),
]
texts = st.one_of(
    st.binary(max_size=30),
    st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join),
    st.lists(st.sampled_from(PIECES), max_size=15).map(lambda p: b"1 1:1:2 4:4:5\n" + b"".join(p)),
)


@settings(max_examples=400)
@given(texts, st.integers(1, 40))
@example(b"1 1:2:3:4\n1 5:6\n", 50)
@example(b"1 1:2 3:4:5:6\n", 50)
def test_no_bytes_are_read_otherwise_than_a_plain_parser_reads_them(scratch, content, size):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(textio, "CHUNK_BYTES", size)
        try:
            rows = read(scratch, content, dtype=np.float64)
        except DataError:
            assert plainly_read(content) is None or content.startswith((b"\x1f\x8b", b"BZh"))
            return
        assert rows_of(rows) == plainly_read(content)
        write_libffm(rows, scratch)
        assert same_bits(read_libffm(scratch, dtype=np.float64), rows)


@settings(max_examples=400)
@given(texts)
def test_the_fast_parser_gives_the_bits_of_the_strict_one_or_nothing(content):
    tidied = tidy(content + b"\n")
    entries = None if tidied is None else parse_chunk(tidied)
    if entries is None or max(entries[2].max(initial=0), entries[3].max(initial=0)) > 2**31 - 2:
        return
    limits = (IdLimits(what, 0, 2**31 - 2, "") for what in ("field", "feature"))
    strict = StrictParser("x", Limits(*limits, np.dtype(np.float64)))
    for one, two in zip(entries, strict.parse(content + b"\n", 1), strict=True):
        assert one.tobytes() == two.tobytes()


@pytest.mark.parametrize("tail", [b"", b"# c\n", b"0\t2:1:1 \r\n"])
def test_clean_text_and_common_oddities_never_need_the_strict_parser(tail, scratch, monkeypatch):
    parse = StrictParser.parse

    def refuse(self, text, line):
        assert text == b""
        return parse(self, text, line)

    monkeypatch.setattr(StrictParser, "parse", refuse)
    text = b"1 0:3:0.5 2:7:1\n-1 2:1:-1e-3 2147483646:0:+12.\n0\n"
    assert len(read(scratch, text + tail)) in (3, 4)


def test_every_border_between_chunks_gives_the_same_rows(scratch, monkeypatch):
    text = b"\xef\xbb\xbf1 1:3:0.5 3:2:1 # c\r\n\n-1 2:1:1.25e-3\t7:7:12345678901234567\n2\n3 4:5:6"
    expected = read(scratch, text)
    assert [len(entries) for _, entries in rows_of(expected)] == [2, 2, 0, 1]
    for size in range(1, len(text) + 2):
        monkeypatch.setattr(textio, "CHUNK_BYTES", size)
        assert same_bits(read_libffm(scratch), expected)


# ---- writing ------------------------------------------------------------------------------------

entries = st.tuples(
    st.integers(0, 2**31 - 2),
    st.integers(0, 2**31 - 2),
    st.floats(width=32, allow_nan=False, allow_infinity=False),
)


@settings(max_examples=100)
@given(
    st.lists(st.lists(entries, max_size=4), max_size=5),
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=5, max_size=5),
    st.sampled_from([np.float32, np.float64]),
    st.sampled_from(["", ".gz", ".bz2", ".xz"]),
)
def test_what_is_written_is_read_back_to_the_bit(scratch, lists, labels, dtype, suffix):
    rows = FieldRows.of_lists(lists, labels[: len(lists)], dtype=dtype)
    path = scratch.with_name("round" + suffix)
    write_libffm(rows, path)
    again = read_libffm(path, dtype=dtype)
    assert same_bits(again, rows)
    assert (again.n_fields, again.n_features) == (rows.n_fields, rows.n_features)


def test_rows_are_written_in_many_pieces(tmp_path, monkeypatch):
    lists = [[(f, 10 * row + f, 0.5) for f in range(row % 4)] for row in range(50)]
    rows = FieldRows.of_lists(lists, range(50))
    monkeypatch.setattr("hogwild.data.libffm._ENTRIES_AT_A_TIME", 3)
    write_libffm(rows, tmp_path / "x")
    assert same_bits(read_libffm(tmp_path / "x"), rows)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    (tmp_path / "x").write_text("old")

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("hogwild.data.libffm._lines", fail)
    with pytest.raises(KeyboardInterrupt):
        write_libffm(FieldRows([0, 1], [0], [0], [1], [1]), tmp_path / "x")
    assert [entry.name for entry in tmp_path.iterdir()] == ["x"]
    assert (tmp_path / "x").read_text() == "old"
