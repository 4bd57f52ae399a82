"""The trace: written and read without a loss, judged in one sentence, robust to any file.

``histories/`` holds runs as files: ``good_*.jsonl``, and ``bad_*.jsonl`` with the sentence in BAD.
"""

import contextlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hogwild.engine.trace import Event, Trace
from hogwild.errors import DataError

HISTORIES = Path(__file__).parent / "histories"
GOOD = sorted(HISTORIES.glob("good_*.jsonl"))
BAD = {
    "bad_clock": "line 4: the clock runs back, from 30 to 20",
    "bad_two_at_once": "line 3: worker 0 acquires block 1 while it holds block 0",
    "bad_twice": "line 6: block 0 is granted a second time in epoch 1",
    "bad_twice_by_another": "line 3: block 0 is granted a second time in epoch 1",
    "bad_release_of_another": "line 3: worker 0 releases block 1 while it holds block 0",
    "bad_release_of_nothing": "line 2: worker 1 releases block 0 while it holds nothing",
    "bad_never_released": "worker 1 never released block 1 of epoch 1",
    "bad_missing_block": "epoch 2 granted 1 of 2 blocks",
    "bad_serial_overlap": "line 3: block 1 is acquired while another is held, in a serial run",
}
UNREADABLE = {  # what is in the file: the reason, and the line
    "": ("an empty file is not a trace", None),
    "hello\n": ("not JSON", 1),
    "[1]\n": ("expected an object", 1),
    '{"format": "hogwild-trace", "version": 2}\n': ("expected the header of a hogwild-trace", 1),
    '{"version": 1}\n': ("expected the header", 1),
}
HEAD = '{"format": "hogwild-trace", "version": 1, "schedule": "hogwild"}\n'
EVENT = '{"t": 1, "worker": 0, "event": "acquire", "number": 0, "block": 0, "epoch": 1}'


def test_the_history_files_are_the_ones_listed():
    assert {path.stem for path in HISTORIES.glob("bad_*.jsonl")} == set(BAD)
    assert len(GOOD) >= 3


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_good_history_has_nothing_wrong(path):
    assert Trace.read(path).check() is None


@pytest.mark.parametrize("name", sorted(BAD))
def test_a_bad_history_is_told_in_one_sentence(name):
    assert Trace.read(HISTORIES / f"{name}.jsonl").check() == BAD[name]


@pytest.mark.parametrize("content", UNREADABLE, ids=repr)
def test_a_file_that_is_no_trace_is_refused_with_its_line(tmp_path, content):
    path = tmp_path / "t.jsonl"
    path.write_text(content)
    reason, line = UNREADABLE[content]
    with pytest.raises(DataError, match=reason) as caught:
        Trace.read(path)
    assert (caught.value.path, caught.value.line) == (str(path), line)


BAD_EVENTS = [
    ('{"t": 1}', "missing or unknown fields: block, epoch, event, number, worker"),
    (EVENT.replace('"t": 1', '"t": 1, "who": 3'), "missing or unknown fields: who"),
    (EVENT.replace("acquire", "take"), "event must be acquire or release, got 'take'"),
    (EVENT.replace('"block": 0', '"block": 0.5'), "block must be a whole number, got 0.5"),
    (EVENT.replace('"block": 0', '"block": true'), "block must be a whole number, got True"),
    (EVENT.replace('"epoch": 1', '"epoch": null'), "epoch must be a whole number, got None"),
    (EVENT.replace('"acquire"', '["acquire"]'), "event must be acquire or release"),
    (EVENT[:-5], "not JSON"),
    ("[" * 100_000, "not JSON"),
    ("1" * 5000, "not JSON"),
    ("7", "expected an object, got '7'"),
    ("", "not JSON"),
]


@pytest.mark.parametrize("line, reason", BAD_EVENTS, ids=lambda text: text[:20])
def test_a_bad_event_is_refused_with_its_line(tmp_path, line, reason):
    path = tmp_path / "t.jsonl"
    path.write_text(f"{HEAD}{EVENT}\n{line}\n")
    with pytest.raises(DataError) as caught:
        Trace.read(path)
    assert str(caught.value).startswith(f"{path}, line 3: {reason}")


def test_line_ends_are_those_of_json_lines_only(tmp_path):
    path = tmp_path / "t.jsonl"
    head = HEAD.replace('"hogwild"}', '"a\u2028b\u0085c"}').replace("\n", "\r\n")
    path.write_text(f"{head}{EVENT}\r\n", encoding="utf-8", newline="")
    trace = Trace.read(path)
    assert trace.header == {"schedule": "a\u2028b\u0085c"}
    assert len(trace.events) == 1


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_bytes(b"\xff\xfe{}")
    with pytest.raises(DataError):
        Trace.read(path)


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
@settings(max_examples=80, deadline=None)
def test_the_reader_raises_nothing_but_data_error(tmp_path_factory, tail):
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_bytes(HEAD.encode() + EVENT.encode() + b"\n" + tail)
    with contextlib.suppress(DataError):
        Trace.read(path)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from([*Event._fields, "more"]), values))
@settings(max_examples=80, deadline=None)
def test_any_json_as_an_event_is_an_event_or_a_data_error(tmp_path_factory, record):
    path = tmp_path_factory.getbasetemp() / "json.jsonl"
    path.write_text(HEAD + json.dumps(record) + "\n")
    with contextlib.suppress(DataError):
        assert Trace.read(path).events == [Event(**record)]


events = st.builds(
    Event, t=st.integers(0, 2**63), worker=st.integers(0, 9),
    event=st.sampled_from(["acquire", "release"]), number=st.integers(0, 99),
    block=st.integers(0, 99), epoch=st.integers(1, 9),
)  # fmt: skip
headers = st.fixed_dictionaries(
    {"schedule": st.text(max_size=5), "n_blocks": st.integers(0, 9)},
    optional={"note": st.text(max_size=5), "list": st.lists(st.integers(), max_size=2)},
)


@given(headers, st.lists(events, max_size=5))
@settings(max_examples=60, deadline=None)
def test_what_is_written_is_read_again(tmp_path_factory, header, events):
    path = tmp_path_factory.getbasetemp() / "again.jsonl"
    trace = Trace(header, events)
    trace.write(path)
    assert Trace.read(path) == trace
    trace.check()  # says what it thinks, and raises nothing


def test_the_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "t.jsonl"
    Trace({"schedule": "serial"}).write(path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="JSON compliant"):
        Trace({"value": float("nan")}).write(path)
    with pytest.raises(TypeError):
        Trace({"value": {1, 2}}).write(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["t.jsonl"]


def test_a_link_stays_a_link_and_a_pipe_a_pipe(tmp_path):
    trace = Trace({"schedule": "serial"})
    link, target = tmp_path / "link.jsonl", tmp_path / "target.jsonl"
    target.write_text("old")
    link.symlink_to(target)
    trace.write(link)
    assert link.is_symlink()
    assert Trace.read(target) == trace
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        trace.write(pipe)
        assert os.read(reader, 4096) == target.read_bytes()
    finally:
        os.close(reader)
    assert pipe.is_fifo()


@pytest.mark.parametrize(
    "suffix, magic", [(".gz", b"\x1f\x8b"), (".bz2", b"BZh"), (".xz", b"\xfd7z")]
)
def test_a_compressed_trace_is_read_again(tmp_path, suffix, magic):
    path = tmp_path / f"t.jsonl{suffix}"
    trace = Trace({"schedule": "serial"}, [Event(1, 0, "acquire", 0, 0, 1)])
    trace.write(path)
    assert path.read_bytes().startswith(magic)
    assert Trace.read(path) == trace


def test_an_event_a_line_after_the_header(tmp_path):
    trace = Trace({"schedule": "hogwild", "n_workers": 1, "n_blocks": 1})
    trace.add(1, [Event(20, 0, "release", 0, 5), Event(10, 0, "acquire", 0, 5)])
    trace.write(tmp_path / "t.jsonl")
    lines = (tmp_path / "t.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {
            "format": "hogwild-trace", "version": 1, "schedule": "hogwild", "n_workers": 1,
            "n_blocks": 1,
        },
        {"t": 10, "worker": 0, "event": "acquire", "number": 0, "block": 5, "epoch": 1},
        {"t": 20, "worker": 0, "event": "release", "number": 0, "block": 5, "epoch": 1},
    ]  # fmt: skip


def test_adding_sorts_an_epoch_s_events_by_the_clock_and_dates_them():
    trace = Trace()
    trace.add(3, [Event(7, 1, "acquire", 1, 1), Event(5, 0, "acquire", 0, 0)])
    assert [(event.t, event.epoch) for event in trace.events] == [(5, 3), (7, 3)]
