"""LIBSVM text is read exactly as a plain parser would read it, or refused with the place."""

import bz2
import gzip
import io
import lzma
import os
import re
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hogwild.data import Examples, read_libsvm, textio, write_libsvm
from hogwild.data.libsvm_fast import parse_chunk, tidy
from hogwild.data.libsvm_strict import Limits, StrictParser
from hogwild.errors import DataError

COMPRESSORS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}


@pytest.fixture(scope="session")
def scratch(tmp_path_factory):
    """A file that one test after the other overwrites."""
    return tmp_path_factory.mktemp("libsvm") / "scratch.txt"


def read(scratch, text, **options):
    scratch.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_libsvm(scratch, **options)


def rows_of(examples):
    """Return [(label, [(column, value), ...]), ...]."""
    return [
        (label, list(zip(row.indices.tolist(), row.data.tolist(), strict=True)))
        for label, row in zip(
            examples.y.tolist(),
            (examples.rows([place]) for place in range(len(examples))),
            strict=True,
        )
    ]


def same_bits(one, two):
    arrays = [(e.indptr, e.indices, e.data, e.y) for e in (one, two)]
    return all(
        a.tobytes() == b.tobytes() and a.dtype == b.dtype for a, b in zip(*arrays, strict=True)
    )


PLAIN_NUMBER = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")


def plainly_read(content):
    """Read one-based text in the plainest way: a list of rows, or None if it must be refused."""
    text = content.decode("latin-1").removeprefix("\xef\xbb\xbf")
    rows = []
    for line in text.split("\n"):
        line = line.removesuffix("\r")
        if "\r" in line or "\0" in line:
            return None
        fields = [field for field in re.split("[ \t]", line.split("#")[0]) if field]
        if not fields:
            continue
        if len(fields) > 1 and re.fullmatch("qid:-?[0-9]+", fields[1]):
            fields.pop(1)
        entries = [field.split(":") for field in fields[1:]]
        if not all(len(entry) == 2 and re.fullmatch("[0-9]+", entry[0]) for entry in entries):
            return None
        numbers = [fields[0], *(entry[1] for entry in entries)]
        if not all(PLAIN_NUMBER.fullmatch(n) and np.isfinite(float(n)) for n in numbers):
            return None
        columns = [int((entry[0].lstrip("0") or "0")[:20]) - 1 for entry in entries]
        if (
            not all(0 <= column < 2**31 - 1 for column in columns)
            or sorted(set(columns)) != columns
        ):
            return None
        rows.append((float(numbers[0]), list(zip(columns, map(float, numbers[1:]), strict=True))))
    return rows


# ---- what is taken ------------------------------------------------------------------------------


def test_two_lines_by_hand(scratch):
    examples = read(scratch, "+1 1:0.5 3:2\n-1 2:1e1\n")
    assert examples.indptr.tolist() == [0, 2, 3]
    assert examples.indices.tolist() == [0, 2, 1]
    assert examples.data.tolist() == [0.5, 2.0, 10.0]
    assert examples.y.tolist() == [1.0, -1.0]
    assert examples.n_features == 3
    assert (examples.indptr.dtype, examples.indices.dtype) == (np.int64, np.int32)


TAKEN = {
    "byte-order mark": b"\xef\xbb\xbf1 2:3\n",
    "CR LF": b"1 2:3\r\n",
    "no line end": b"1 2:3",
    "CR at the end": b"1 2:3\r",
    "tabs": b"1\t2:3\t\n",
    "many blanks": b"  1   2:3  \n",
    "blank lines": b"\n \n\t\n1 2:3\n\n\r\n",
    "comment line": b"# 1:2 \xff\n1 2:3\n#\n",
    "trailing comment": b"1 2:3 # 4:5\n",
    "comment without a blank": b"1 2:3#4:5\n",
    "plus signs": b"+1 2:+3\n",
    "leading zeros": b"01 002:03\n",
    "exponents": b"10e-1 2:.3E+01\n",
    "bare points": b"1. 2:3.\n",
    "many digits": b"1.0000000000000000000000000000000 2:3.0000000000000000000000\n",
    "zeros before the index": b"1 " + b"0" * 5000 + b"2:3\n",
}


@pytest.mark.parametrize("case", TAKEN)
def test_files_are_taken_as_users_have_them(case, scratch):
    assert rows_of(read(scratch, TAKEN[case])) == [(1.0, [(1, 3.0)])]


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "\ufeff"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_file_without_rows_gives_no_rows(text, dtype, scratch):
    examples = read(scratch, text, dtype=dtype)
    assert (examples.n_rows, examples.n_features, examples.dtype) == (0, 0, dtype)
    assert (examples.indptr.tolist(), examples.indices.dtype) == ([0], np.int32)


def test_a_row_without_entries_is_kept(scratch):
    assert rows_of(read(scratch, "1\n-1 \n2 1:1\n")) == [(1.0, []), (-1.0, []), (2.0, [(0, 1.0)])]


def test_entries_with_value_zero_are_kept(scratch):
    examples = read(scratch, "1 1:0 2:-0.0\n")
    assert examples.nnz == 2
    assert np.signbit(examples.data).tolist() == [False, True]


def test_zero_based_files_are_read_when_asked_for(scratch):
    examples = read(scratch, "1 0:5 3:6\n", zero_based=True)
    assert (examples.indices.tolist(), examples.n_features) == ([0, 3], 4)


def test_n_features_is_taken_from_the_caller(scratch):
    assert read(scratch, "1 2:1\n", n_features=7).n_features == 7
    assert read(scratch, "1 2:1\n", max_features=7).n_features == 2
    assert read(scratch, "1 2147483647:1\n").n_features == 2**31 - 1


def test_float32_is_the_rounded_float64(scratch):
    examples = read(scratch, "0.1 1:0.1 2:3.40282356e38 3:1e-60\n", dtype=np.float32)
    assert examples.dtype == examples.y.dtype == np.float32
    assert examples.data.tolist() == [np.float32(0.1), np.finfo(np.float32).max, 0.0]


@pytest.mark.parametrize("tail", ["", "# c\n", "0 1:" + "0" * 40 + "\n", "0\x20qid:2\n"])
def test_query_numbers_are_left_out_with_one_warning(tail, scratch, monkeypatch):
    text = "1 qid:1 1:2\n" * 50 + tail
    monkeypatch.setattr(textio, "CHUNK_BYTES", 100)
    with pytest.warns(UserWarning, match="qid") as seen:
        examples = read(scratch, text)
    assert len(seen) == 1
    assert seen[0].filename == __file__
    assert rows_of(examples)[:50] == [(1.0, [(0, 2.0)])] * 50


@pytest.mark.parametrize("kind", COMPRESSORS)
@pytest.mark.parametrize("size", [1, 7, 1 << 18])
def test_compressed_files_are_known_by_their_content(kind, size, scratch, monkeypatch):
    monkeypatch.setattr(textio, "CHUNK_BYTES", size)
    text = b"".join(b"%d %d:0.5\n" % (row, row + 1) for row in range(300))
    expected = read(scratch, text)
    packed = COMPRESSORS[kind]
    assert same_bits(read(scratch, packed(text)), expected)
    assert same_bits(read(scratch, packed(text[:990]) + packed(text[990:])), expected)


def test_a_gzip_file_padded_with_zeros_is_taken(scratch):
    assert len(read(scratch, gzip.compress(b"1 1:1\n") + b"\0" * 512)) == 1


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_dash_reads_standard_input(pack, monkeypatch):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(pack(b"1 2:3\n"))))
    assert rows_of(read_libsvm("-")) == [(1.0, [(1, 3.0)])]


def test_a_pipe_that_gives_single_bytes_is_read(monkeypatch):
    class Slow(io.BytesIO):
        def read(self, size=-1):
            return super().read(1)

    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=Slow(gzip.compress(b"1 2:3\n"))))
    assert rows_of(read_libsvm("-")) == [(1.0, [(1, 3.0)])]


# ---- what is refused ----------------------------------------------------------------------------

REFUSED = {
    "1 0:1": "index 0, but indices begin at 1; pass zero_based=True",
    "1 -1:1": "digits only before ':', got '-1:1'",
    "1 +1:1": "digits only",
    "1 3:1 2:1": "index 2 comes after 3",
    "1 2:1 2:1": "index 2 is repeated",
    "nan 1:1": "the label must be finite, got 'nan'",
    "1 1:-inf": "the value of index 1 must be finite, got '-inf'",
    "1 1:Infinity": "must be finite",
    "1 4:1e999": "the value of index 4 is too large for float64, got '1e999'",
    "-1e999 4:1": "the label is too large",
    "1 1:1_000": "decimal number, got '1_000'",
    "1_0 1:1": "the label must be a decimal number",
    "1 1_0:1": "digits only",
    "1 1:0x10": "decimal number",
    "1 1:1d5": "decimal number",
    "1 1:\u0661": r"got '\\xd9\\xa1'",
    "1 \u0661:1": "digits only",
    "1 1:2:3": "got '1:2:3'; this looks like libFFM's text",
    "1 0:2:3": "got '0:2:3'; this looks like libFFM's text",
    "1 1:x:3": "got 'x:3'",
    "1 1:": "got ''",
    "1 1: 2": "got ''",
    "1 :1": "digits only before ':', got ':1'",
    "1 1": "expected 'index:value', got '1'",
    "1 1 2:3": "expected 'index:value', got '1'",
    "1 1.5:2": "digits only",
    "1 1e1:2": "digits only",
    "1 1:1.2.3": "decimal number",
    "1 1:1e": "decimal number",
    "1 1:e5": "decimal number",
    "1 1:.": "decimal number",
    "1 1:-.": "decimal number",
    "1 1:-": "decimal number",
    "1 1:--1": "decimal number",
    "1 1:1-1": "decimal number",
    "1 1:1.-5": "decimal number",
    "1 1:1e5.5": "decimal number",
    "1 1:1\v": "decimal number",
    "1\f1:1": "label",
    "1 1:1\0": "a NUL byte",
    "1 1:1 # \0": "a NUL byte",
    "1 1:1\r2 1:1": "a carriage return inside the line",
    "# 1:1\r2 1:1": "a carriage return inside the line",
    "1 1:1\r\r": "a carriage return inside the line",
    "1 2147483648:1": "index 2147483648 is too large: 2147483647 is the largest",
    "1 4294967297:1": "too large",
    "1 18446744073709551617:1": "too large",
    "1 " + "9" * 5000 + ":1": "9999... is too large",
    "1:1 2:1": "expected a label at the start of the line, got '1:1'",
    "1,2 1:1": "expected one label, got '1,2'",
    "x 1:1": "label must be a decimal number",
    "1 qid:x 1:1": "expected 'qid:' and an integer",
    "1 1:1 qid:1": "digits only",
    "1 1:\ufeff1": "decimal number",
}


@pytest.mark.parametrize("line", REFUSED, ids=lambda line: ascii(line)[:30])
@pytest.mark.parametrize("size", [1, 1 << 18])
def test_bad_lines_are_refused_with_file_line_and_reason(line, size, scratch, monkeypatch):
    monkeypatch.setattr(textio, "CHUNK_BYTES", size)
    text = "1 1:1\n# comment\n\n" + line + "\n1 1:1\n"
    with pytest.raises(DataError, match=REFUSED[line]) as caught:
        read(scratch, text)
    assert (caught.value.path, caught.value.line) == (str(scratch), 4)
    assert str(caught.value) == f"{scratch}, line 4: {caught.value.reason}"


@pytest.mark.parametrize(
    "options, text, message",
    [
        ({"n_features": 4}, "1 4:1\n1 5:1", r"index 5 is too large: 4 .* n_features=4 allows"),
        ({"max_features": 4}, "1 4:1\n1 5:1", "4 is the largest that max_features=4 allows"),
        ({"n_features": 4, "max_features": 9}, "\n1 5:1", "n_features=4"),
        ({"n_features": 4, "zero_based": True}, "1 3:1\n1 4:1", r"index 4 .* 3 is the largest"),
        ({"zero_based": True}, "\n1 2147483647:1", "2147483646 is the largest"),
        ({"dtype": "f4"}, "\n1 1:3.4028235677973366e38", "too large for float32"),
        ({"dtype": "f4"}, "\n-1e39 1:1", "the label is too large for float32"),
    ],
)
def test_limits_of_the_caller_hold(options, text, message, scratch):
    with pytest.raises(DataError, match=message) as caught:
        read(scratch, text, **options)
    assert caught.value.line == 2


@pytest.mark.parametrize(
    "options, message",
    [
        ({"n_features": -1}, "n_features must be a whole number, 0 to 2147483647, got -1"),
        ({"max_features": 2**31}, "max_features must be a whole number, 0 to"),
        ({"n_features": 5.0}, r"n_features must be a whole number, .* got 5\.0"),
        ({"n_features": True}, "n_features must be .* got True"),
        ({"max_features": "5"}, "max_features must be .* got '5'"),
        ({"dtype": int}, "dtype must be float64 or float32"),
    ],
)
def test_bad_arguments_are_refused(options, message, scratch):
    with pytest.raises(ValueError, match=message):
        read(scratch, "1 1:1\n", **options)


def test_utf_16_is_refused_with_the_likely_cause(scratch):
    with pytest.raises(DataError, match="UTF-16"):
        read(scratch, "1 1:1\n".encode("utf-16"))


@pytest.mark.parametrize("kind", COMPRESSORS)
def test_damaged_compressed_files_are_refused(kind, scratch):
    lines = b"".join(b"1 %d:0.%d\n" % (row + 1, row) for row in range(2000))
    packed = COMPRESSORS[kind](lines)
    for cut in (len(packed) - 1, len(packed) // 2, 8):
        with pytest.raises(DataError, match="ends too early"):
            read(scratch, packed[:cut])
    with pytest.raises(DataError, match=r"corrupt|ends too early"):
        read(scratch, packed + b"something else")
    for place in range(10, len(packed), max(1, len(packed) // 40)):
        damaged = bytearray(packed)
        damaged[place] ^= 0x10
        try:
            examples = read(scratch, bytes(damaged))
        except DataError:
            continue
        assert same_bits(examples, read(scratch, lines))


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_libsvm(tmp_path / "none.txt")


# ---- two parsers, one meaning -------------------------------------------------------------------

PIECES = [
    *(bytes([letter]) for letter in b"0123456789::: \n\n\r\t#.eE+-,_x\0\xff"),
    *(b" 1:1", b" 2:0.5", b"\n1 3:4", b" qid:7", b"nan", b"1e999", b"inf", b"\r\n", b"  "),
    *(b"12345678", b"123456789012345678", b"2147483648", b"e-5", b" 5:-.5", b"\xef\xbb\xbf"),
]
texts = st.one_of(
    st.binary(max_size=30),
    st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join),
    st.lists(st.sampled_from(PIECES), max_size=15).map(lambda p: b"1 1:2 4:5\n" + b"".join(p)),
)


@settings(max_examples=600)
@given(texts, st.integers(1, 40))
@example(b"1 1:1\r", 1)
@example(b"\x1f\x8b", 5)
def test_no_bytes_are_read_otherwise_than_a_plain_parser_reads_them(scratch, content, size):
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setattr(textio, "CHUNK_BYTES", size)
        try:
            examples = read(scratch, content)
        except DataError:
            assert plainly_read(content) is None or content.startswith((b"\x1f\x8b", b"BZh"))
            return
        assert rows_of(examples) == plainly_read(content)
        write_libsvm(examples, scratch)
        assert same_bits(read_libsvm(scratch), examples)


@settings(max_examples=500)
@given(texts)
def test_the_fast_parser_gives_the_bits_of_the_strict_one_or_nothing(content):
    content += b"\n"
    tidied = tidy(content)
    rows = None if tidied is None else parse_chunk(tidied[0])
    if rows is None or rows.columns.max(initial=0) > 2**31 - 2:
        return
    strict = StrictParser("x", Limits(0, 2**31 - 2, "", np.dtype(np.float64)))
    try:
        expected = strict.parse(content, 1)
    except DataError as error:
        assert "must rise" in error.reason  # noqa: PT017  the one check that comes later
        return
    for one, two in zip(rows, expected, strict=True):
        assert one.tobytes() == two.tobytes()


def test_every_border_between_chunks_gives_the_same_rows(scratch, monkeypatch):
    text = b"\xef\xbb\xbf+1 1:0.5 3:2 # c\r\n\n-1 2:1.25e-3\t7:12345678901234567\n2\n3 4:5"
    expected = read(scratch, text)
    assert rows_of(expected) == plainly_read(text)
    for size in range(1, len(text) + 2):
        monkeypatch.setattr(textio, "CHUNK_BYTES", size)
        assert same_bits(read_libsvm(scratch), expected)


def test_lines_much_longer_than_a_chunk_are_read(scratch, monkeypatch):
    monkeypatch.setattr(textio, "CHUNK_BYTES", 64)
    line = "1 " + " ".join(f"{column}:1" for column in range(1, 5000))
    assert read(scratch, f"{line}\n{line}").indptr.tolist() == [0, 4999, 9998]


@pytest.mark.parametrize(
    "name",
    [
        "libsvm/a8a",
        "mllib/sample_libsvm_data.txt",
        "mllib/sample_linear_regression_data.txt",
        "mllib/sample_multiclass_classification_data.txt",
    ],
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_real_files_agree_with_scikit_learn_to_the_bit(name, dtype, shared_data):
    datasets = pytest.importorskip("sklearn.datasets")
    examples = read_libsvm(shared_data / name, dtype=dtype)
    X, y = datasets.load_svmlight_file(str(shared_data / name), zero_based=False)
    assert X.shape == (examples.n_rows, examples.n_features)
    assert np.array_equal(examples.indptr, X.indptr)
    assert np.array_equal(examples.indices, X.indices)
    assert examples.data.tobytes() == X.data.astype(dtype).tobytes()
    assert examples.y.tobytes() == y.astype(dtype).tobytes()


def test_the_adult_set_has_its_known_size(shared_data):
    examples = read_libsvm(shared_data / "libsvm" / "a8a")
    assert repr(examples) == "Examples(22696 rows, 123 features, 314815 entries, float64)"
    assert (examples.y == 1).sum() == 5506


# ---- writing ------------------------------------------------------------------------------------


def test_the_text_written_is_the_shortest(tmp_path):
    X = np.array([[0.1, 0.0, 3.0], [0.0, -1e300, 1e-5], [0.0, 0.0, 0.0]])
    write_libsvm(Examples(X, [1, -1, 0.5]), tmp_path / "x")
    assert (tmp_path / "x").read_text() == "1 1:0.1 3:3\n-1 2:-1e+300 3:1e-05\n0.5\n"
    write_libsvm(Examples(X[:1], [1], dtype="f4"), tmp_path / "x", zero_based=True)
    assert (tmp_path / "x").read_text() == "1 0:0.1 2:3\n"


@st.composite
def any_examples(draw):
    dtype = draw(st.sampled_from([np.float64, np.float32]))
    numbers = st.floats(width=np.dtype(dtype).itemsize * 8, allow_nan=False, allow_infinity=False)
    shape = draw(st.tuples(st.integers(0, 5), st.integers(1, 5)))
    return Examples(
        draw(hnp.arrays(dtype, shape, elements=numbers)),
        draw(hnp.arrays(dtype, shape[0], elements=numbers)),
    )


@settings(max_examples=100)
@given(any_examples(), st.booleans(), st.sampled_from(["", ".gz", ".bz2", ".xz"]))
def test_what_is_written_is_read_back_to_the_bit(scratch, examples, zero_based, suffix):
    path = scratch.with_name("round" + suffix)
    write_libsvm(examples, path, zero_based=zero_based)
    again = read_libsvm(
        path, n_features=examples.n_features, zero_based=zero_based, dtype=examples.dtype
    )
    assert same_bits(again, examples)
    assert again.n_features == examples.n_features


def test_many_float32_values_are_read_back_to_the_bit(tmp_path):
    bits = np.random.default_rng(0).integers(0, 2**32, 50_000, dtype=np.uint32)
    values = bits.view(np.float32)
    values = values[np.isfinite(values)]
    examples = Examples(np.ones((len(values), 1), np.float32), values)
    write_libsvm(examples, tmp_path / "x")
    assert same_bits(read_libsvm(tmp_path / "x", dtype=np.float32), examples)


def test_a_float32_whose_shortest_decimal_rounds_twice_is_read_back_to_the_bit(tmp_path):
    value = np.uint32(0x15AE43FD).view(np.float32)
    assert str(value) == "7.038531e-26"
    assert np.float32(float("7.038531e-26")) != value  # float64 lands in the middle of two float32
    write_libsvm(Examples([[value]], np.ones(1, np.float32)), tmp_path / "x")
    assert read_libsvm(tmp_path / "x", dtype=np.float32).data[0] == value


def test_the_largest_column_is_written_and_read(tmp_path):
    examples = Examples._trusted(
        np.array([0, 1]),
        np.array([2**31 - 2], np.int32),
        np.ones(1),
        np.ones(1),
        None,
        2**31 - 1,
    )
    write_libsvm(examples, tmp_path / "x")
    assert (tmp_path / "x").read_text() == "1 2147483647:1\n"
    assert same_bits(read_libsvm(tmp_path / "x"), examples)


def test_rows_are_written_in_many_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr("hogwild.data.libsvm._ENTRIES_AT_A_TIME", 3)
    rng = np.random.default_rng(0)
    X = rng.random((200, 8)) * (rng.random((200, 8)) < 0.3)
    X[50:90] = 0.0
    examples = Examples(X, rng.random(200))
    write_libsvm(examples, tmp_path / "x")
    assert same_bits(read_libsvm(tmp_path / "x", n_features=8), examples)


def test_compressed_output_is_really_compressed_and_repeatable(tmp_path):
    examples = Examples(np.eye(3), [1, 2, 3])
    for suffix, magic in ((".gz", b"\x1f\x8b"), (".bz2", b"BZh"), (".xz", b"\xfd7zXZ")):
        path = tmp_path / ("x" + suffix)
        write_libsvm(examples, path)
        first = path.read_bytes()
        assert first.startswith(magic)
        write_libsvm(examples, path)
        assert path.read_bytes() == first


def test_a_dash_writes_to_standard_output(monkeypatch):
    out = io.BytesIO()
    monkeypatch.setattr("sys.stdout", SimpleNamespace(buffer=out))
    write_libsvm(Examples([[2.0]], [1]), "-")
    monkeypatch.undo()
    assert out.getvalue() == b"1 1:2\n"


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "x"
    path.write_text("old")

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("hogwild.data.libsvm._lines", fail)
    with pytest.raises(KeyboardInterrupt):
        write_libsvm(Examples([[1.0]], [1]), path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["x"]
    assert path.read_text() == "old"


def test_a_new_file_has_the_usual_rights_and_an_old_one_keeps_its_own(tmp_path):
    examples = Examples([[1.0]], [1])
    (tmp_path / "usual").touch()
    write_libsvm(examples, tmp_path / "new")
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "usual").stat().st_mode
    (tmp_path / "usual").chmod(0o640)
    write_libsvm(examples, tmp_path / "usual")
    assert (tmp_path / "usual").stat().st_mode & 0o777 == 0o640


def test_a_link_stays_a_link_and_a_device_stays_a_device(tmp_path):
    examples = Examples([[1.0]], [1])
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write_libsvm(examples, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "1 1:1\n"
    (tmp_path / "null").symlink_to(os.devnull)
    write_libsvm(examples, tmp_path / "null")
    assert not os.path.isfile(os.devnull)


def test_sample_weights_cannot_be_written_and_are_not_dropped(tmp_path):
    with pytest.raises(ValueError, match="no place for sample_weight"):
        write_libsvm(Examples([[1.0]], [1], sample_weight=[2]), tmp_path / "x")
    assert not list(tmp_path.iterdir())
