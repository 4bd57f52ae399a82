"""The Gantt chart: which bars, for which epochs; that it can be drawn, and why it can't."""

import builtins
import io
import itertools

import numpy as np
import pytest

from hogwild.engine import gantt as gantt_function
from hogwild.engine.dsgd import DSGD
from hogwild.engine.fpsgd import FPSGD
from hogwild.engine.gantt import FEW, Bar, bars
from hogwild.engine.schedules import Serial
from hogwild.engine.simulate import simulate
from hogwild.engine.trace import Trace
from hogwild.errors import MissingExtra


def traced(schedule=None, n_workers=2, epochs=3, b=3):
    schedule = FPSGD((b, b), 1) if schedule is None else schedule
    return simulate(schedule, n_workers, np.full((b, b), 1e-3), epochs=epochs).trace


def test_a_bar_lasts_from_the_acquire_to_the_release():
    found = bars(traced(Serial(), 1, epochs=1, b=2))
    assert found == [Bar(0, n * 10**6, (n + 1) * 10**6, n, 1) for n in range(4)]


def test_epochs_are_chosen_and_counted_from_1():
    trace = traced()
    assert {bar.epoch for bar in bars(trace)} == {1, 2, 3}
    assert {bar.epoch for bar in bars(trace, (2, 3))} == {2, 3}
    assert len(bars(trace, (2, 2))) == 9
    with pytest.raises(ValueError, match="the trace has epochs 1 to 3, none of 4 to 9"):
        bars(trace, (4, 9))


def test_of_a_long_run_the_first_epochs_are_drawn_that_can_be_told_apart():
    found = bars(traced(epochs=40))
    assert len(found) <= FEW
    assert {bar.epoch for bar in found} == set(range(1, 17))  # 16 epochs of 9
    assert len(bars(traced(b=13, epochs=2))) == 169  # one epoch at least


def test_a_trace_without_blocks_can_not_be_drawn():
    with pytest.raises(ValueError, match="no block that was acquired and released"):
        bars(Trace())


@pytest.mark.parametrize(
    "trace, words",
    [
        (traced(), "fpsgd, epochs 1 to 3 of 3, 3 x 3 grid"),
        (traced(DSGD((3, 3)), epochs=1), "dsgd, epoch 1 of 1, 3 x 3 grid"),
        (traced(Serial(), 1, epochs=2), "serial, epochs 1 to 2 of 2; a bar is a block"),
    ],
    ids=["fpsgd", "dsgd", "serial"],
)
def test_the_picture_says_what_it_shows(trace, words):
    pytest.importorskip("matplotlib")
    figure = gantt_function(trace)
    file = io.BytesIO()
    figure.savefig(file, format="svg", metadata={"Date": None})
    assert figure.axes[0].get_title(loc="left").startswith(words)
    lanes = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert lanes == [f"worker {worker}" for worker in range(trace.header["n_workers"])]
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert sum(text.endswith("busy") for text in texts) == len(lanes)
    if "grid" in trace.header:
        assert "1,2" in texts  # row and column
    assert len(file.getvalue()) > 1000


def test_without_matplotlib_one_sentence_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **named):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match=r"drawing a trace needs the extra 'plot': pip install"):
        gantt_function(traced())


def test_labels_of_epochs_do_not_overlap():
    pytest.importorskip("matplotlib")
    figure = gantt_function(traced(epochs=16, b=3))
    figure.draw_without_rendering()
    texts = [text for text in figure.axes[0].texts if text.get_text().startswith(" epoch")]
    boxes = [text.get_window_extent() for text in texts]
    assert 4 < len(boxes) < 16
    assert all(left.x1 <= right.x0 for left, right in itertools.pairwise(boxes))
