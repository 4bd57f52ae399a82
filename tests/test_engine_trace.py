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
    "bad_never_released": "worker 1 never released block 1 of epoch 1, acquired in line 3",
    "bad_nothing_happened": "the trace holds no event",
    "bad_missing_block": "epoch 2 granted 1 of 2 blocks",
    "bad_serial_overlap": "line 3: block 1 is acquired while another is held, in a serial run",
    "bad_fpsgd_column": (
        "line 7: block (0, 0) is not free for worker 1: it shares column 0 with block (1, "
        "0), which worker 0 holds since line 2"
    ),
    "bad_fpsgd_row": (
        "line 7: block (1, 2) is not free for worker 1: it shares row 1 with block (1, 0), "
        "which worker 0 holds since line 2"
    ),
    "bad_fpsgd_given_twice": (
        "line 7: block (1, 0) is not free for worker 1: worker 0 holds it since line 2"
    ),
    "bad_fpsgd_most_updated": (
        "line 11: block (0, 2) with 1 update is acquired while block (0, 0) with 0 updates is free"
    ),
    "bad_fpsgd_short_epoch": "epoch 3 has 8 grants, not 9",
    "bad_fpsgd_tick_twice": "line 9: tick 7 comes after tick 7",
    "bad_fpsgd_tick_missing": "line 9: some events have a tick and some have none",
    "bad_fpsgd_number": "line 9: grant 7 of epoch 1 comes where 4 is due",
    "bad_fpsgd_no_grid": "line 1: a run of fpsgd needs its grid, [rows, columns], in the header",
    "bad_fpsgd_half_a_grid": "line 1: grid must be [rows, columns], each 1 or more, got [3]",
    "bad_fpsgd_no_such_block": "line 7: there is no block 9: the grid has 9, from 0",
    "bad_fpsgd_no_such_worker": "line 3: there is no worker 1: there are 1, from 0",
    "bad_fpsgd_early_release": (
        "line 4: worker 1 begins block (0, 1) at t=40, while by its own clock worker 0 works "
        "on block (0, 0), which shares row 0 with it, until t=50 (acquired in line 2)"
    ),
    "bad_fpsgd_worker_clock": "line 4: the clock runs back, from 50 to 40",
    "bad_fpsgd_starved": (
        "line 9: block (0, 1) starves with 0 updates: block (0, 0) with 2 updates was the "
        "only free one; a 2 x 2 grid is too small for 2 workers"
    ),
    "bad_dsgd_barrier": (
        "line 5: the barrier is broken: block (0, 1) of stratum 1 is acquired while worker 1 "
        "holds block (1, 1) of stratum 0 since line 3"
    ),
    "bad_dsgd_stratum": (
        "line 4: stratum 0 of epoch 1 is none: block (0, 1) shares row 0 with block (0, 0) "
        "of line 2"
    ),
    "bad_dsgd_block_twice": "line 6: block 3 is granted a second time in epoch 1",
    "bad_dsgd_block_missing": "epoch 1 granted 2 of 4 blocks",
    "bad_fpsgd_foreign": (
        "line 5: block (0, 2) is not free for worker 0: it shares column 2 with block (1, "
        "2), which worker 1 holds since line 3"
    ),
}
UNREADABLE = {  # what is in the file: the reason, and the line
    "": ("an empty file is not a trace", None),
    "hello\n": ("not JSON", 1),
    "[1]\n": ("expected an object", 1),
    '{"format": "hogwild-trace", "version": 2}\n': ("hogwild-trace, version 1, got version 2", 1),
    '{"format": "hogwild-trace"}\n': ("hogwild-trace, version 1, got no version", 1),
    '{"version": 1}\n': ("expected the header", 1),
}
HEAD = '{"format": "hogwild-trace", "version": 1, "schedule": "hogwild"}\n'
EVENT = '{"t": 1, "worker": 0, "event": "acquire", "number": 0, "block": 0, "epoch": 1}'


def test_the_history_files_are_the_ones_listed():
    assert {path.stem for path in HISTORIES.glob("bad_*.jsonl")} == set(BAD)
    assert len(GOOD) >= 9


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
    (EVENT.replace('"t": 1', '"t": 1, "tick": 0.5'), "tick must be a whole number, got 0.5"),
    ('{"t": 1}', "missing fields 'block', 'epoch', 'event', 'number', 'worker'"),
    (EVENT.replace('"t": 1', '"t": 1, "who": 3'), "unknown field 'who'"),
    (EVENT.replace('"block"', '"blok"'), "missing field 'block'; unknown field 'blok'"),
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
    block=st.integers(0, 99), epoch=st.integers(1, 9), tick=st.integers(-1, 99),
)  # fmt: skip
headers = st.fixed_dictionaries(
    {
        "schedule": st.sampled_from(["fpsgd", "dsgd", "serial", "hogwild"]) | st.text(max_size=5),
        "n_blocks": st.integers(0, 9) | st.text(max_size=2),
    },
    optional={
        "note": st.text(max_size=5),
        "list": st.lists(st.integers(), max_size=2),
        "n_workers": st.integers(0, 9) | st.none(),
        "grid": st.lists(st.integers(0, 5), max_size=3) | st.just("x"),
    },
)


@given(headers, st.lists(events, max_size=5))
@settings(max_examples=60, deadline=None)
def test_what_is_written_is_read_again(tmp_path_factory, header, events):
    path = tmp_path_factory.getbasetemp() / "again.jsonl"
    trace = Trace(header, events)
    trace.write(path)
    assert Trace.read(path) == trace
    if trace.check() is None:  # says what it thinks, and raises nothing
        assert trace.summary()


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


def test_adding_sorts_by_the_tick_where_there_is_one():
    trace = Trace()
    trace.add(1, [Event(9, 1, "release", 0, 0, tick=2), Event(30, 1, "acquire", 0, 0, tick=1)])
    assert [event.tick for event in trace.events] == [1, 2]


def test_a_tick_is_a_field_of_the_line_only_where_there_is_one(tmp_path):
    path = tmp_path / "t.jsonl"
    Trace({}, [Event(1, 0, "acquire", 0, 0, 1, 7), Event(2, 0, "release", 0, 0, 1)]).write(path)
    first, second = (json.loads(line) for line in path.read_text().splitlines()[1:])
    assert first["tick"] == 7
    assert "tick" not in second
    assert [event.tick for event in Trace.read(path).events] == [7, -1]


def test_a_header_that_is_wrong_is_told_with_its_line():
    must = "must be a whole number of 1 or more"
    assert Trace({"n_workers": "2"}).check() == f"line 1: n_workers {must}, got '2'"
    assert Trace({"n_workers": -2}).check() == f"line 1: n_workers {must}, got -2"
    assert Trace({"n_blocks": True}).check() == f"line 1: n_blocks {must}, got True"
    assert Trace({}).check() == "line 1: the header names no schedule, and so no rules to check"


def test_epochs_count_from_1():
    trace = kept_run()
    early = [event._replace(epoch=event.epoch - 1) for event in trace.events]
    assert Trace(trace.header, early).check() == "line 2: epochs count from 1, got 0"


def test_blocks_that_were_all_updated_as_often_are_said_to_be():
    first = Trace({"schedule": "fpsgd", "n_workers": 1, "grid": [1, 1]})
    first.add(1, [Event(1, 0, "acquire", 0, 0), Event(2, 0, "release", 0, 0)])
    assert first.check() is None
    assert first.summary().endswith("; 1 update each")


def test_a_run_that_was_resumed_counts_ticks_and_updates_anew():
    first = Trace.read(HISTORIES / "good_fpsgd_manager.jsonl")
    second = [event._replace(t=event.t + 10**9, epoch=event.epoch + 3) for event in first.events]
    both = Trace(first.header, [*first.events, *second])
    assert both.check() is None
    assert len(both.serial_order()) == 54
    assert both.summary().endswith("; updates counted anew from epoch 4 on, as in a resumed run")
    assert "anew" not in first.summary()


# conflicts, the serial order, the summary


def of(header, *spans):
    """A trace of (worker, block, begin, end), lines in the order of the clock."""
    events = []
    for number, (worker, block, begin, end) in enumerate(spans):
        events += [Event(begin, worker, "acquire", number, block, 1)]
        events += [Event(end, worker, "release", number, block, 1)]
    return Trace(header, sorted(events))


def test_random_runs_held_at_once_are_conflicts_with_their_lines():
    trace = of(
        {"schedule": "hogwild"}, (0, 0, 0, 10), (1, 1, 5, 25), (0, 2, 12, 20), (0, 3, 25, 30)
    )
    found = trace.conflicts()
    assert [pair[:2] for pair in found] == [(3, 2), (5, 3)]
    assert str(found[0]) == (
        "line 3: worker 1 acquires block 1 while worker 0 holds block 0 since line 2"
    )
    assert trace.summary() == (
        "hogwild: 4 grants in 1 epoch to 2 workers; each block once an epoch; "
        "2 conflicts of blocks held at the same time, the first in lines 2 and 3"
    )
    with pytest.raises(ValueError, match=r"there are 2 conflicts; the first: line 3: worker 1"):
        trace.serial_order()


def test_blocks_of_a_grid_are_in_conflict_only_in_a_row_or_a_column():
    header = {"schedule": "hogwild", "grid": [2, 2]}
    assert of(header, (0, 0, 0, 10), (1, 3, 5, 15)).conflicts() == []
    for block in (0, 1, 2):
        assert len(of(header, (0, 0, 0, 10), (1, block, 5, 15)).conflicts()) == 1
    assert of(header, (0, 0, 0, 10), (1, 0, 10, 15)).conflicts() == []  # ends as the other begins


def test_conflicts_are_seen_by_the_ticks_and_by_the_clocks():
    def ticked(*events):
        return Trace({"schedule": "fpsgd", "grid": [1, 2]}, [Event(*event) for event in events])

    by_clock = ticked(
        (0, 0, "acquire", 0, 0, 1, 1), (50, 0, "release", 0, 0, 1, 2),
        (40, 1, "acquire", 1, 1, 1, 3), (60, 1, "release", 1, 1, 1, 4),
    )  # fmt: skip
    by_tick = ticked(
        (0, 0, "acquire", 0, 0, 1, 1), (40, 1, "acquire", 1, 1, 1, 2),
        (30, 0, "release", 0, 0, 1, 3), (60, 1, "release", 1, 1, 1, 4),
    )  # fmt: skip
    assert [len(trace.conflicts()) for trace in (by_clock, by_tick)] == [1, 1]


def test_without_a_conflict_the_acquires_are_a_serial_order():
    trace = Trace.read(HISTORIES / "good_fpsgd_shared.jsonl")
    order = trace.serial_order()
    assert [event.number for event in order] == 3 * list(range(9))
    assert {event.event for event in order} == {"acquire"}
    last = {}
    for event in order:  # two blocks that share a row or a column stand in the order of the clock
        for line in (("row", event.block // 3), ("column", event.block % 3)):
            assert event.t > last.get(line, -1)
            last[line] = event.t


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_every_good_history_has_a_summary_and_hogwilds_their_conflicts(path):
    trace = Trace.read(path)
    words = trace.summary()
    assert words.startswith(trace.header["schedule"])
    assert ("conflicts of blocks" in words) == (len(trace.conflicts()) > 1)


def test_the_summary_says_what_was_looked_at():
    def summary(name):
        return Trace.read(HISTORIES / f"{name}.jsonl").summary()

    assert "only free blocks, the least updated first, nobody starved" in summary(
        "good_fpsgd_manager"
    )
    assert "(without ticks it can't be told whether the least updated)" in summary(
        "good_fpsgd_foreign"
    )
    assert "each block once an epoch, only free blocks, a barrier" in summary("good_dsgd_manager")
    assert "once an epoch" not in summary("good_dsgd_wr_shared")
    assert summary("good_serial").endswith("each block once an epoch; no conflict")
    assert summary("bad_nothing_happened") == "hogwild: 0 grants in 0 epochs to 0 workers"


def kept_run():
    """Return a run of two epochs of two blocks by two workers, which breaks no rule."""
    lines = [
        (0, "acquire", 0, 1), (1, "acquire", 1, 1), (0, "release", 0, 1), (1, "release", 1, 1),
        (0, "acquire", 0, 2), (0, "release", 0, 2), (1, "acquire", 1, 2), (1, "release", 1, 2),
    ]  # fmt: skip
    events = [
        Event(10 * t, worker, what, number, number, epoch)
        for t, (worker, what, number, epoch) in enumerate(lines)
    ]
    header = {"schedule": "hogwild", "n_workers": 2, "n_blocks": 2}
    return Trace({**header, "run": {"epochs": ["a", "b"]}}, events)


def test_a_release_goes_by_the_number_and_the_epoch_of_its_acquire():
    trace = kept_run()
    assert trace.check() is None
    trace.events[2] = trace.events[2]._replace(number=1)
    assert trace.check() == (
        "line 4: worker 0 releases block 0 as grant 1 of epoch 1, while it was grant 0 of epoch 1"
    )
    trace.events[2] = trace.events[2]._replace(number=0, epoch=2)
    assert trace.check() == (
        "line 4: worker 0 releases block 0 as grant 0 of epoch 2, while it was grant 0 of epoch 1"
    )


def test_an_epoch_left_out_is_told():
    trace = kept_run()
    later = [event._replace(epoch=3) for event in trace.events[4:]]
    wrong = Trace(trace.header, trace.events[:4] + later).check()
    assert wrong == "line 6: epoch 3 comes where epoch 1 or 2 is due"
    back = [event._replace(epoch=0) for event in trace.events[4:]]
    wrong = Trace(trace.header, trace.events[:4] + back).check()
    assert wrong == "line 6: epoch 0 comes where epoch 1 or 2 is due"


@pytest.mark.parametrize("kept, found", [(4, 1), (0, 0)])
def test_a_file_cut_off_between_two_epochs_is_told_where_the_header_counts_them(kept, found):
    trace = kept_run()
    cut = Trace(trace.header, trace.events[:kept])
    assert cut.check() == f"line 1: the run had 2 epochs, the lines have {found}"


def test_a_run_that_went_on_from_a_later_epoch_is_right():
    trace = kept_run()
    later = [event._replace(epoch=event.epoch + 6) for event in trace.events]
    assert Trace(trace.header, later).check() is None


def test_blocks_are_those_that_the_header_counts_also_without_a_grid():
    trace = kept_run()
    moved = [event._replace(block=7) if event.block == 1 else event for event in trace.events]
    wrong = Trace(trace.header, moved).check()
    assert wrong == "line 3: there is no block 7: the run has 2, from 0"
    wrong = Trace({**trace.header, "grid": [3, 3]}, trace.events).check()
    assert wrong == "line 1: a grid of 3 x 3 has not 2 blocks"
