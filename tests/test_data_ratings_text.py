"""Rating files are read exactly as a plain parser would read them, or refused with the place."""

import bz2
import csv
import gzip
import io
import lzma
import math
import re
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hogwild.data import Ratings, read_ratings, textio, write_ratings
from hogwild.data.ratings_fast import parse_chunk, tidy
from hogwild.data.ratings_layout import Layout
from hogwild.data.ratings_strict import StrictParser
from hogwild.errors import DataError

COMPRESSORS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}


@pytest.fixture(scope="session")
def scratch(tmp_path_factory):
    """A file that one test after the other overwrites."""
    return tmp_path_factory.mktemp("ratings") / "scratch.txt"


def read(scratch, text, **options):
    scratch.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_ratings(scratch, **options)


def triples(ratings):
    """Return [(user id, item id, value), ...]."""
    return list(
        zip(
            ratings.user_ids[ratings.u].tolist(),
            ratings.item_ids[ratings.i].tolist(),
            ratings.r.tolist(),
            strict=True,
        )
    )


# ---- what is taken ------------------------------------------------------------------------------

THREE = [(1, 10, 5.0), (3, 10, 3.5), (1, 20, 0.5)]
TAKEN = {
    "u.data": "1\t10\t5\t881250949\n3\t10\t3.5\t0\n1\t20\t.5\t0\n",
    "ratings.dat": "1::10::5::0\n3::10::3.5::978300760\n1::20::0.5::0\n",
    "ratings.csv": "userId,movieId,rating,timestamp\n1,10,5.0,0\n3,10,3.5,0\n1,20,0.5,0\n",
    "libmf": "1 10 5\n3 10 3.5\n1 20 5e-1\n",
    "semicolons": "1;10;5\n3;10;3.5\n1;20;0.5\n",
    "crlf": "1,10,5\r\n3,10,3.5\r\n1,20,0.5\r\n",
    "no last line end": "1,10,5\n3,10,3.5\n1,20,0.5",
    "crlf, no last line end": "1,10,5\r\n3,10,3.5\r\n1,20,0.5\r",
    "byte-order mark": "\ufeff1 10 5\n3 10 3.5\n1 20 .5\n",
    "byte-order mark and header": "\ufeffuser item rating\n1 10 5\n3 10 3.5\n1 20 .5\n",
    "blank lines": "\n \t\n1 10 5\n\n\r\n3 10 3.5\n  \n1 20 0.5\n\n",
    "blank lines around a header": "\n\nuser,item,rating\n\n1,10,5\n3,10,3.5\n1,20,.5\n\n",
    "runs of blanks": "  1   10\t5 \n3 10   3.5\n\t1 20 0.5\t\n",
    "blanks around commas": "1, 10, 5\n3 ,10 , 3.5\n1,20,0.5 \n",
    "signs and exponents": "+1 10 +50e-1\n3 +10 0.35E+1\n1 20 5.e-1\n",
    "leading zeros": "01 0010 05\n3 10 03.500\n1 20 000.5\n",
    "many digits": "1 10 5.0000000000\n3 10 3.5000000000000000000000000000\n1 20 0.5\n",
    "other names": "Stars,reviewer_id,ASIN\n5,1,10\n3.5,3,10\n.5,1,20\n",
    "quotes": '"userId","movieId","rating"\n"1","10","5"\n"3","10",3.5\n1,20,0.5\n',
    "quotes with commas": 'title,user,item,rating\n"a, b",1,10,5\n"c ""d""",3,10,3.5\n,1,20,.5\n',
    "other columns are not looked at": "1,10,5,?\n3,10,3.5,\n1,20,0.5,\u00e9\n",
    "an empty last column between tabs": "1\t10\t5\t\n3\t10\t3.5\t\n1\t20\t0.5\t\n",
}


@pytest.mark.parametrize("size", [1, 9, 1 << 18])
@pytest.mark.parametrize("case", TAKEN)
def test_files_are_taken_as_users_have_them(case, size, scratch, monkeypatch):
    monkeypatch.setattr(textio, "CHUNK_BYTES", size)
    ratings = read(scratch, TAKEN[case])
    assert triples(ratings) == THREE
    assert (ratings.user_ids.dtype, ratings.dtype) == (np.int64, np.float32)
    if case in ("u.data", "ratings.dat", "ratings.csv", "libmf"):
        assert triples(read_ratings(scratch, format=case)) == THREE


@pytest.mark.parametrize(
    "text, options",
    [
        ("1|10|5\n3|10|3.5\n1|20|.5\n", {"delimiter": "|"}),
        ("1 - 10 - 5\n3 - 10 - 3.5\n1 - 20 - .5\n", {"columns": (0, 2, 4)}),
        ("5,x,10,1\n3.5,x,10,3\n.5,,20,1\n", {"columns": (3, 2, 0)}),
        ("who,what,how\n1,10,5\n3,10,3.5\n1,20,.5\n", {"columns": ("who", "what", "how")}),
        ("who,what,how\n1,10,5\n3,10,3.5\n1,20,.5\n", {"columns": (0, 1, 2)}),
        ("1,2,3\n1,10,5\n3,10,3.5\n1,20,.5\n", {"header": True, "columns": (0, 1, 2)}),
        ("1,2,3\n1,10,5\n3,10,3.5\n1,20,.5\n", {"columns": ("1", "2", "3")}),
        ("1;10;5,0;5\n3;10;3,5;3.5\n1;20;,5;.5\n", {"columns": (0, 1, 3), "delimiter": ";"}),
    ],
)
def test_what_the_caller_says_is_taken(text, options, scratch):
    assert triples(read(scratch, text, **options)) == THREE


def test_string_ids_are_kept_as_written(scratch, monkeypatch):
    text = "B00,the film,5\n007, \u00e9t\u00e9 ,4\nB00,\U0001f600,3\n"
    for size in (1, 1 << 18):
        monkeypatch.setattr(textio, "CHUNK_BYTES", size)
        assert triples(read(scratch, text)) == [
            ("B00", "the film", 5.0),
            ("007", "\u00e9t\u00e9", 4.0),
            ("B00", "\U0001f600", 3.0),
        ]


def test_users_may_be_integers_and_items_strings(scratch):
    ratings = read(scratch, "u,i,r\n12,B7,5\n3,100,4\n")
    assert triples(ratings) == [(12, "B7", 5.0), (3, "100", 4.0)]


def test_integers_can_be_read_as_strings(scratch):
    text = "7 1 5\n007 1 4\n99999999999999999999 1 3\n"
    assert triples(read(scratch, text, ids="str")) == [
        ("7", "1", 5.0),
        ("007", "1", 4.0),
        ("99999999999999999999", "1", 3.0),
    ]


@pytest.mark.parametrize(
    "ids", [(-5, 3), (2**63 - 1, -(2**63)), (10**17, 10**18), (0, 4 * 10**9), (2**31, 1)]
)
def test_integers_of_64_bits_are_taken(ids, scratch):
    for number in ids:
        ratings = read(scratch, f"{number} {number} 1\n3 3 2\n")
        assert triples(ratings) == [(number, number, 1.0), (3, 3, 2.0)]


def test_float64_is_the_nearest_double_and_float32_its_rounding(scratch):
    text = "1 1 0.1234567890123456789\n1 2 .1\n1 3 16777217\n"
    assert read(scratch, text, dtype=np.float64).r.tolist() == [0.12345678901234568, 0.1, 16777217]
    expected = np.array([0.12345678901234568, 0.1, 16777217]).astype(np.float32)
    assert read(scratch, text).r.tolist() == expected.tolist()


@pytest.mark.parametrize("kind", COMPRESSORS)
def test_compressed_files_are_known_by_their_content(kind, scratch):
    assert triples(read(scratch, COMPRESSORS[kind](TAKEN["ratings.csv"].encode()))) == THREE


def test_a_dash_reads_standard_input(monkeypatch):
    content = TAKEN["ratings.dat"].encode()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    assert triples(read_ratings("-")) == THREE


def test_lines_much_longer_than_a_chunk_are_read(scratch, monkeypatch):
    monkeypatch.setattr(textio, "CHUNK_BYTES", 64)
    note = "x" * 1000
    assert triples(read(scratch, f"1,10,5,{note}\n3,10,3.5,\n1,20,.5,{note}")) == THREE


# ---- what is refused ----------------------------------------------------------------------------

REFUSED = {
    "2 3": "expected 'user item rating', got 2 fields",
    "2": "expected 'user item rating', got 1 field$",
    "2 3 4 5": "expected 3 fields, as line 2 has, got 4",
    "2 3 x": "the rating must be a decimal number, got 'x'",
    "2 3 nan": "the rating must be finite, got 'nan'",
    "2 3 -Infinity": "the rating must be finite",
    "2 3 1e39": "the rating is too large for float32, got '1e39'",
    "2 3 340282356779733661637539395458142568448": "the rating is too large for float32",
    "2 3 1_0": "the rating must be a decimal number",
    "2 3 0x10": "decimal number",
    "2 3 1,5": "decimal number",
    "2 3 .": "decimal number",
    "2 3 -": "decimal number",
    "2 3 1e": "decimal number",
    "2 3 1:2": "decimal number",
    "2 3 \u0661": "decimal number, got '\u0661'",
    "2 3 1\v": "decimal number",
    "a 3 1": "the user id must be an integer, got 'a'; pass ids='str' where not all",
    "2 1.5 1": "the item id must be an integer, got '1.5'",
    "2 1_0 1": "the item id must be an integer",
    "2 \u0661 1": "the item id must be an integer",
    "9223372036854775808 1 1": "user id 9223372036854775808 does not fit 64 bits; pass ids='str'",
    "2 -9223372036854775809 1": "item id -9223372036854775809 does not fit",
    "2 " + "9" * 5000 + " 1": "item id 9999.* does not fit 64 bits",
    "2 3 1\r2 3 1": "a carriage return inside the line",
    "2 3 1\0": "a NUL byte",
    "# 2 3": "the user id must be an integer, got '#'",
}


@pytest.mark.parametrize("line", REFUSED, ids=lambda line: ascii(line)[:30])
@pytest.mark.parametrize("size", [1, 1 << 18])
def test_bad_lines_are_refused_with_file_line_and_reason(line, size, scratch, monkeypatch):
    monkeypatch.setattr(textio, "CHUNK_BYTES", size)
    with pytest.raises(DataError, match=REFUSED[line]) as caught:
        read(scratch, f"\n1 1 1\n\n{line}\n1 1 1\n")
    assert (caught.value.path, caught.value.line) == (str(scratch), 4)
    assert str(caught.value) == f"{scratch}, line 4: {caught.value.reason}"


@pytest.mark.parametrize(
    "text, line, message",
    [
        ("1,2\n", 1, "expected 'user item rating', got 2 fields"),
        ("1,2,3\n1,,3\n", 2, "the item id is empty"),
        ("a,b,3\n,b,3\n", 2, "the user id is empty"),
        ('1,2,3\n"1,2,3\n4",2,3\n', 2, r"bad quotes \(unexpected end of data\); a quoted field"),
        ('1,2,3\n"1"2,2,3\n', 2, "bad quotes"),
        ("1,2,3\n1,2,\n", 2, "the rating must be a decimal number, got ''"),
        ("1,2,x\n", 1, "the rating must be a decimal number, got 'x'"),
        ("a,b,3\n" + "c" * 256 + ",b,3\n", 2, "the user id has 256 bytes, 255 are allowed; is"),
        ("a,b,3\n\u00e9,b,3\n".encode("latin-1"), 2, "the text is not UTF-8: .* at byte 0"),
        ("user,item,rating\n1,2,3\n1,2,3,4\n", 3, "expected 3 fields, as line 1 has, got 4"),
        ("user,item,rating\n1,2\n", 2, "got 2 fields"),
        ("user,item,rating\n\u00e9,2,3\n".encode("latin-1"), 2, "the text is not UTF-8"),
        ("user,film,rating\n1,2,3\n", 1, "can't tell user, item and rating among the columns 'us"),
        ("user,uid,item,rating\n1,1,2,3\n", 1, r"can't tell .*; pass columns=\(user, item, rat"),
        ("a,b,c\n1,2,3\n", 1, "can't tell .* or header=False if these are no names"),
        ("1,2,3\n".encode("utf-16"), 1, "a NUL byte; is this a binary file, or text in UTF-16?"),
    ],
)
@pytest.mark.parametrize("size", [1, 1 << 18])
def test_bad_files_are_refused_with_the_line(text, line, message, size, scratch, monkeypatch):
    monkeypatch.setattr(textio, "CHUNK_BYTES", size)
    with pytest.raises(DataError, match=message) as caught:
        read(scratch, text)
    assert caught.value.line == line


@pytest.mark.parametrize("text", ["", "\n \n\r\n", "\ufeff", "userId,movieId,rating\n\n"])
def test_a_file_without_ratings_is_refused(text, scratch):
    with pytest.raises(DataError, match="the file has no ratings") as caught:
        read(scratch, text)
    assert (caught.value.path, caught.value.line) == (str(scratch), None)


@pytest.mark.parametrize(
    "options, text, message",
    [
        ({"format": "libmf"}, "1,2,3\n", "got 1 field"),
        ({"format": "ratings.csv"}, "1,2,3\n1,2,3\n", "no column 'userId' in the header, which ha"),
        ({"format": "u.data"}, "a\tb\t3\n", "the user id must be an integer, got 'a'"),
        ({"header": False}, "user,item,rating\n", "the rating must be a decimal number, got 'rat"),
        ({"columns": (0, 1, 5)}, "1,2,3\n", "expected 6 fields or more, got 3 fields"),
        ({"columns": ("a", "b", "c")}, "a,b,b,c\n1,2,3,4", "several columns 'b' in the header"),
        ({"columns": ("a", 1, 2), "header": False}, "1,2,3", "'a' is a name, but header=False"),
        ({"ids": "int"}, "a 1 1\n", "the user id must be an integer, got 'a'"),
        ({"dtype": "f8"}, "1 1 1e999\n", "the rating is too large for float64, got '1e999'"),
    ],
)
def test_files_that_are_not_what_the_caller_says_are_refused(options, text, message, scratch):
    with pytest.raises(DataError, match=message) as caught:
        read(scratch, text, **options)
    assert caught.value.line == 1


@pytest.mark.parametrize(
    "options, message",
    [
        ({"format": "csv"}, r"format must be one of 'u.data', .* or None to look; got 'csv'"),
        ({"delimiter": ""}, "delimiter must be a string such as ',' .*; got ''"),
        ({"delimiter": "1"}, "delimiter must be .* got '1'"),
        ({"delimiter": "\n"}, "delimiter must be"),
        ({"columns": (0, 1)}, r"columns must be three different .* got \(0, 1\)"),
        ({"columns": (0, 1, 1)}, "columns must be three different"),
        ({"columns": (0, 1, -1)}, "columns must be three different"),
        ({"columns": (0, 1, 2.0)}, "columns must be three different"),
        ({"ids": "float"}, "ids must be 'auto', 'int' or 'str', got 'float'"),
        ({"duplicates": "first"}, "duplicates must be"),
        ({"dtype": int}, "dtype must be float64 or float32"),
    ],
)
def test_bad_arguments_are_refused(options, message, scratch):
    with pytest.raises(ValueError, match=message):
        read(scratch, "1 2 3\n", **options)


@pytest.mark.parametrize("kind", COMPRESSORS)
def test_damaged_compressed_files_are_refused(kind, scratch):
    content = COMPRESSORS[kind](TAKEN["libmf"].encode() * 50)
    with pytest.raises(DataError, match="ends too early"):
        read(scratch, content[:-9])


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_ratings(tmp_path / "none.txt")


# ---- duplicates ---------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 12, 1 << 18])
def test_a_repeated_pair_is_told_with_its_lines(size, scratch, monkeypatch):
    monkeypatch.setattr(textio, "CHUNK_BYTES", size)
    text = "user item rating\n\n1 1 1\n1 2 1\n\n\n2 1 1\n\n1 2 5\n1 1 5\n"
    with pytest.raises(DataError, match="twice, in lines 4 and 9; duplicates='last'") as caught:
        read(scratch, text, duplicates="error")
    assert caught.value.line == 9
    assert triples(read_ratings(scratch, duplicates="last")) == [(2, 1, 1), (1, 2, 5), (1, 1, 5)]
    assert len(read_ratings(scratch)) == 5


def test_a_file_without_repetition_is_taken_with_the_option(scratch):
    assert triples(read(scratch, TAKEN["libmf"], duplicates="error")) == THREE


# ---- the same, whoever reads --------------------------------------------------------------------

NUMBER = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")


def plainly_read(content, delimiter, as_text):
    """Read three columns in the plainest way: a list of triples, or None if it must be refused."""
    try:
        text = content.decode().removeprefix("\ufeff")
    except UnicodeDecodeError:
        return None
    rows, n_fields = [], None
    for line in text.split("\n"):
        line = line.removesuffix("\r")
        if "\r" in line or "\0" in line:
            return None
        if not line.strip(" \t"):
            continue
        if delimiter == " ":
            fields = [field for field in re.split("[ \t]", line) if field]
        elif delimiter == "," and '"' in line:
            try:
                (fields,) = csv.reader([line], strict=True, skipinitialspace=True)
            except csv.Error:
                return None
            fields = [field.strip(" \t") for field in fields]
        else:
            fields = [field.strip(" \t") for field in line.split(delimiter)]
        n_fields = len(fields) if n_fields is None else n_fields
        if len(fields) != n_fields or n_fields < 3 or not NUMBER.fullmatch(fields[2]):
            return None
        ids = fields[:2]
        if as_text:
            if not all(1 <= len(id.encode()) <= 255 for id in ids):
                return None
        else:
            if not all(re.fullmatch("[-+]?[0-9]+", id) for id in ids):
                return None
            ids = list(map(int, ids))
            if not all(-(2**63) <= id < 2**63 for id in ids):
                return None
        rows.append((*ids, float(fields[2])))
        if math.isinf(rows[-1][2]):
            return None
    return rows or None


PIECES = [b"1", b"20", b"333", b".5", b"4.5", b"3", b"-", b"+", b"e", b"e-1", b".", b"nan",
          b"12345678.25", b"1234567890123456789", b"9223372036854775808", b" ", b"  ", b"\t", b",",
          b"::", b":", b"\n", b"\r\n", b"\n\n", b"\r", b"\0", b'"', b'""', b"x", b"\xc3\xa9",
          b"\xe9", b"\x1f", b"\xef\xbb\xbf"]  # fmt: skip


@st.composite
def contents(draw, delimiter):
    """Return text that is mostly good."""
    pieces = st.sampled_from(PIECES)
    ids = st.integers(0, 99).map(lambda n: b"%d" % n) | pieces
    values = st.floats(0, 5).map(lambda x: repr(x).encode()) | st.sampled_from([b"4.5", b"3", b"1"])
    blanks = st.sampled_from([b""] * 6 + [b" ", b"\t"])
    ends = st.sampled_from([b"\n"] * 6 + [b"\r\n", b"\n\n", b" \n", b""])
    n_fields = draw(st.integers(3, 4))
    text = draw(st.sampled_from([b"", b"", b"\xef\xbb\xbf"]))
    for _ in range(draw(st.integers(0, 6))):
        fields = [draw(ids), draw(ids), draw(values), b"0"][:n_fields]
        if draw(st.integers(0, 9)) == 0:
            fields.append(draw(pieces))
        text += delimiter.encode().join(draw(blanks) + field for field in fields) + draw(ends)
    return text


cases = st.sampled_from([" ", ",", "::", "\t"]).flatmap(
    lambda delimiter: st.tuples(
        st.just(delimiter),
        contents(delimiter) | st.lists(st.sampled_from(PIECES), max_size=20).map(b"".join),
    )
)


@settings(max_examples=600)
@given(cases, st.booleans(), st.integers(1, 40))
@example((" ", b"1 1 1\r"), False, 1)
@example((" ", b"1 1\n1 1 1 1\n"), False, 40)
@example((",", b'"1","2",3\n'), True, 40)
@example((",", b'"1","2",3\n'), False, 40)
@example(("\t", b"1\t2\t3\t\n"), False, 40)
def test_no_bytes_are_read_otherwise_than_a_plain_parser_reads_them(scratch, case, as_text, size):
    delimiter, content = case
    options = {"delimiter": delimiter, "header": False, "dtype": np.float64}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(textio, "CHUNK_BYTES", size)
        try:
            ratings = read(scratch, content, ids="str" if as_text else "int", **options)
        except DataError:
            assert plainly_read(content, delimiter, as_text) is None
            return
    assert triples(ratings) == plainly_read(content, delimiter, as_text)


@settings(max_examples=500)
@given(cases, st.tuples(st.booleans(), st.booleans()), st.integers(3, 4))
@example((" ", b"1 1 1\n1 1\n1 1 1 1\n"), (False, False), 3)
@example((",", b'"1",2,3\n'), (False, False), 3)
def test_the_fast_parser_gives_what_the_strict_one_gives_or_nothing(case, integers, n_fields):
    delimiter, content = case
    layout = Layout(delimiter.encode(), n_fields, (0, 1, 2), integers, 1, False)
    content += b"\n"
    for text in (content, tidy(content, layout.delimiter)):
        fast = parse_chunk(text, layout)
        if fast is None or not np.isfinite(fast.values).all():
            continue
        strict = StrictParser("x", layout, np.dtype(np.float64)).parse(content, 1)
        assert fast.values.tobytes() == strict.values.tobytes()
        for one, two, is_integer in zip(fast[:2], strict[:2], integers, strict=True):
            assert (one.tolist() == two.tolist()) if is_integer else (one == two)


@pytest.mark.parametrize(
    "text",
    [
        b"7::12::3.5::0\n8::12::4::0\n",
        b"7::12::3.25000001::0\n8::12::-1e5::0\n",
    ],
)
def test_clean_chunks_take_the_fast_way(text):
    assert parse_chunk(text, Layout(b"::", 4, (0, 1, 2), (True, True), 1, False)) is not None
    assert parse_chunk(text, Layout(b"::", 4, (0, 1, 2), (False, False), 1, False)) is not None


def test_every_border_between_chunks_gives_the_same_rows(scratch, monkeypatch):
    text = b"\xef\xbb\xbfuser,item,rating\r\n1,10,5\r\n\r\n3, 10,3.5000000000\n\n1,20,5e-1"
    for size in range(1, len(text) + 2):
        monkeypatch.setattr(textio, "CHUNK_BYTES", size)
        assert triples(read(scratch, text)) == THREE


# ---- real files ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, sizes, counts",
    [
        ("ml-100k/u.data", (100_000, 943, 1682), {1: 6110, 2: 11370, 3: 27145, 4: 34174, 5: 21201}),
        ("ml-100k/u1.base", (80_000, 943, 1650), None),
        ("ml-100k/u1.test", (20_000, 459, 1410), None),
        ("ml-1m/ratings.dat", (1_000_209, 6040, 3706),
         {1: 56174, 2: 107557, 3: 261197, 4: 348971, 5: 226310}),
        ("mllib/als/sample_movielens_ratings.txt", (1501, 30, 100),
         {1: 941, 2: 207, 3: 179, 4: 99, 5: 75}),
        ("libmf_demo/binary_matrix.tr.txt", (4937, 1559, 956), {-1: 2465, 1: 2472}),
        ("libmf_demo/all_one_matrix.tr.txt", (5172, 1575, 1571), {1: 5172}),
        ("libmf_demo/real_matrix.te.txt", (794, 540, 112), None),
    ],
)  # fmt: skip
def test_real_files_have_their_known_counts(name, sizes, counts, shared_data):
    ratings = read_ratings(shared_data / name)
    assert (len(ratings), ratings.n_users, ratings.n_items) == sizes
    if counts is not None:
        values, found = np.unique(ratings.r, return_counts=True)
        assert dict(zip(values.tolist(), found.tolist(), strict=True)) == counts


@pytest.mark.parametrize(
    "name, delimiter",
    [("ml-100k/u.data", "\t"), ("libmf_demo/real_matrix.tr.txt", " "),
     ("mllib/als/sample_movielens_ratings.txt", "::")],
)  # fmt: skip
def test_real_files_agree_with_a_plain_loop(name, delimiter, shared_data):
    content = (shared_data / name).read_bytes()
    ratings = read_ratings(shared_data / name, dtype=np.float64)
    assert triples(ratings) == plainly_read(content, delimiter, as_text=False)


# ---- writing ------------------------------------------------------------------------------------


def test_the_formats_written(tmp_path):
    ratings = Ratings([7, 2], [50, 60], [3.5, 4.0])
    expected = {
        "libmf": "7 50 3.5\n2 60 4\n",
        "u.data": "7\t50\t3.5\n2\t60\t4\n",
        "ratings.dat": "7::50::3.5\n2::60::4\n",
        "ratings.csv": "userId,movieId,rating\n7,50,3.5\n2,60,4\n",
    }
    for format, text in expected.items():
        write_ratings(ratings, tmp_path / "x", format=format)
        assert (tmp_path / "x").read_text() == text
    write_ratings(ratings, tmp_path / "x", numbers=True)
    assert (tmp_path / "x").read_text() == "1 0 3.5\n0 1 4\n"


id_lists = st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=8) | st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n"), min_size=1)
    .map(lambda text: text.strip(" \t") or "x"),
    min_size=1, max_size=8,
)  # fmt: skip


@settings(max_examples=200)
@given(id_lists, id_lists, st.data(), st.sampled_from([np.float32, np.float64]))
def test_what_is_written_is_read_back_to_the_bit(scratch, users, items, data, dtype):
    n = min(len(users), len(items))
    width = 32 if dtype == np.float32 else 64
    finite = st.floats(allow_nan=False, allow_infinity=False, width=width)
    values = data.draw(st.lists(finite, min_size=n, max_size=n))
    ratings = Ratings(users[:n], items[:n], values, dtype=dtype)
    format = data.draw(st.sampled_from(["libmf", "ratings.csv", "ratings.dat", "u.data"]))
    ids = "int" if isinstance(users[0], int) and isinstance(items[0], int) else "str"
    try:
        write_ratings(ratings, scratch, format=format)
    except DataError as error:
        assert "can't be written" in error.reason  # noqa: PT017  strings that hold a delimiter
        return
    again = read_ratings(scratch, format=format, ids=ids, dtype=dtype)
    assert [tuple(map(str, row[:2])) for row in triples(again)] == [
        tuple(map(str, row[:2])) for row in triples(ratings)
    ]
    assert again.r.tobytes() == ratings.r.tobytes()
    if ids == "int":
        found = read_ratings(scratch, dtype=dtype)
        assert triples(found) == triples(ratings)


@pytest.mark.parametrize(
    "id, format, message",
    [
        ("", "ratings.csv", "the user id '' can't be written: it is empty, or has a line end"),
        (" a", "ratings.csv", "blanks at its ends"),
        ("a\nb", "ratings.csv", "line end"),
        ("a b", "libmf", "has a delimiter in it; format='ratings.csv' puts it in quotes"),
        ("a::b", "u.data", "has a delimiter in it"),
        ("a:", "ratings.dat", "has a colon at an end"),
        (":", "ratings.dat", "has a colon at an end"),
        ("a" * 256, "libmf", "has more than 255 bytes"),
    ],
)
def test_ids_that_would_be_read_otherwise_are_not_written(id, format, message, tmp_path):
    path = tmp_path / "x"
    ratings = Ratings([id], [1], [1])
    with pytest.raises(DataError, match=message):
        write_ratings(ratings, path, format=format)
    assert not path.exists()
    write_ratings(ratings, path, format=format, numbers=True)
    with pytest.raises(ValueError, match=r"format must be one of 'u\.data'"):
        write_ratings(ratings, path, format="csv")


def test_compressed_output_is_really_compressed(tmp_path):
    write_ratings(Ratings([7], [50], [3.5]), tmp_path / "x.gz")
    assert gzip.decompress((tmp_path / "x.gz").read_bytes()) == b"7 50 3.5\n"


def test_many_ratings_are_written_in_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr("hogwild.data.ratings_writer._AT_A_TIME", 3)
    ratings = Ratings(range(10), range(10), range(10))
    write_ratings(ratings, tmp_path / "x")
    assert triples(read_ratings(tmp_path / "x")) == triples(ratings)


# ---- memory -------------------------------------------------------------------------------------


def test_reading_takes_less_than_four_times_the_result(tmp_path):
    n = 300_000
    rng = np.random.default_rng(0)
    columns = rng.integers(1, 5000, n), rng.integers(1, 20_000, n), rng.integers(1, 11, n) / 2
    rows = zip(*(column.tolist() for column in columns), strict=True)
    path = tmp_path / "ratings.csv"
    path.write_text("userId,movieId,rating,timestamp\n" + "".join(
        map("%d,%d,%.1f,1112486027\n".__mod__, rows)
    ))  # fmt: skip
    read_ratings(path)  # what is imported and compiled once is not counted
    tracemalloc.start()
    try:
        ratings = read_ratings(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert ratings.r.tolist() == columns[2].tolist()
    assert peak < 4 * 12 * n
