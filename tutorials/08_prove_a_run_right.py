# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 8. Prove a run right
#
# **You will** read the trace of a parallel run, check it by hand and by program, run it again in
# one process to the same bits, and then break it in several ways and see which line is named.
#
# **You will learn** what it means that a parallel run was right, why an order of blocks is enough
# to show it, and what a program that is wrong looks like when it isn't checked: like one that is
# right.
#
# **You need** {doc}`lesson 5 <05_a_matrix_cut_in_blocks>` for blocks, {doc}`lesson
# 6 <06_hogwild_dsgd_fpsgd_on_one_loop>` for the schedules, and from {doc}`lesson
# 7 <07_order_is_meaning_levels_are_execution>` that updates without a common row may change
# places.

# %% [markdown]
# ## What the articles say
#
# Gemulla and others (2011) call two ratings *interchangeable* if they share no row and no column.
# Steps on such ratings may change places, so they may also be made at the same time, and the
# result is still that of some run in one process. That is what *right* means here: there is an
# order of the blocks in which one process gets the same bits.
#
# Zhuang and others (2013) keep to it by the rule of the free blocks. Their printed scheduler
# (algorithm 4) says which block to choose. It does not say that the block must be marked in the
# same breath in which it is chosen. The first release of their program, LIBMF 1.0, chose under a
# lock, let go of it, and marked under a lock once more. In between, another thread could choose the
# same block. Such a program trains, its error falls, and it is wrong; once in a while two threads
# write the same rows.
#
# Nobody sees that in the results. So our workers write down what they do: a **trace**.

# %%
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
from IPython.display import Image

from hogwild.data import generate_ratings, read_ratings, write_ratings
from hogwild.engine import (
    FPSGD,
    WAIT,
    Event,
    FreeBlocks,
    Grant,
    Hogwild,
    Trace,
    context_of,
    gantt,
    simulate,
)
from hogwild.models import fit_factors, replay_factors
from hogwild.reference.factors import sgd_factors


def say(sentence):
    """Print a long sentence on several lines."""
    print(textwrap.fill(sentence, 88))


# %% [markdown]
# ## By hand: five grants on a 4 x 4 grid
#
# Make the blocks as small as they can be: four users, four items, a block is one rating. Two
# workers held these, in the order from top to bottom:
#
# | line | worker 0 | worker 1 |
# |---|---|---|
# | 2 | takes (0, 0) | |
# | 3 | | takes (1, 1) |
# | 4 | | gives (1, 1) back |
# | 5 | | takes (2, 1) |
# | 6 | gives (0, 0) back | |
# | 7 | takes (0, 2) | |
# | 8 | | gives (2, 1) back |
# | 9 | | takes (2, 0) |
# | 10 | | gives (2, 0) back |
# | 11 | gives (0, 2) back | |
#
# (Line 1 of the file is a header.) Go down the table and ask of each *takes*: what does the other
# hold, and is it in the same row or column? In line 3 it is (0, 0) against (1, 1): no. In line 5
# (0, 0) against (2, 1): no. In line 7 (2, 1) against (0, 2): no. In line 9 (0, 2) against
# (2, 0): no. The run was right.
#
# In which order could one process have done the five? In that of the *takes*: (0, 0), (1, 1),
# (2, 1), (0, 2), (2, 0). Or in that of the *gives*: (1, 1), (0, 0), (2, 1), (2, 0), (0, 2). They
# differ only where two blocks were held at the same time, and those share nothing.

# %%
done = [
    (0, "acquire", 0, 0), (1, "acquire", 1, 1), (1, "release", 1, 1), (1, "acquire", 2, 1),
    (0, "release", 0, 0), (0, "acquire", 0, 2), (1, "release", 2, 1), (1, "acquire", 2, 0),
    (1, "release", 2, 0), (0, "release", 0, 2),
]  # fmt: skip


def trace_of(done, **header):
    """Return the trace of these moves (worker, event, row, column) on a 4 x 4 grid."""
    events, number = [], -1
    for tick, (worker, event, row, column) in enumerate(done, start=1):
        number += event == "acquire"
        block = 4 * row + column
        events.append(Event(100 * tick, worker, event, number, block, 1, tick))
    return Trace({"schedule": "by hand", "n_workers": 2, "grid": [4, 4], **header}, events)


good = trace_of(done)
by_takes = [event.block for event in good.serial_order()]
by_gives = [event.block for event in good.events if event.event == "release"]
print(by_takes, by_gives)
assert good.conflicts() == []
assert by_takes == [0, 5, 9, 2, 8]
assert by_gives == [5, 0, 9, 8, 2]


def factors_after(blocks):
    """Return the bits of P and Q after one update for each block."""
    P, Q = np.ones((4, 2)), np.ones((4, 2))
    u, i = np.divmod(np.array(blocks), 4)
    sgd_factors(u, i, 1.0 + (3 * u + i) % 5, P, Q, step=0.1, reg=0.05)
    return P.tobytes() + Q.tobytes()


assert factors_after(by_takes) == factors_after(by_gives)
assert factors_after(by_takes) != factors_after(by_takes[::-1])

# %% [markdown]
# Now let worker 1 take (0, 3) in line 9 instead. It is in row 0, where worker 0 is at work.

# %%
bad = trace_of([*done[:7], (1, "acquire", 0, 3), (1, "release", 0, 3), done[9]])
print(bad.conflicts()[0])
assert str(bad.conflicts()[0]).startswith("line 9: worker 1 acquires block 3 while worker 0 holds")
try:
    bad.serial_order()
except ValueError as refusal:
    say(str(refusal))
else:
    raise AssertionError("an order was given")

# %% [markdown]
# ## Plain code
#
# The rule of the free blocks, for a list of events, in a dozen lines:


# %%
def first_conflict(events, columns):
    """Return the first line on which a block is taken that is not free, or None."""
    held = {}
    for line, event in enumerate(events, start=2):
        if event.event == "release":
            del held[event.worker]
            continue
        row, column = divmod(event.block, columns)
        for other in held.values():
            if other[0] == row or other[1] == column:
                return line
        held[event.worker] = row, column
    return None


assert first_conflict(good.events, 4) is None
assert first_conflict(bad.events, 4) == 9

# %% [markdown]
# This takes the order of the lines as the order in which things happened. How does the trace know
# that? Not from the workers' clocks: a worker looks at its clock a little after it got a block, and
# another may get one meanwhile. The schedule itself counts its decisions, under its lock or inside
# its Manager, one at a time. That number is the **tick**, and it goes with each grant. Lines are
# in the order of ticks.
#
# The package's check asks for more than the dozen lines. It knows for each schedule what was
# promised: that an FPSGD worker got one of the free blocks with the fewest updates, that DSGD had
# a barrier after each stratum. And it looks at the clocks as well, in case a worker gave a block
# back before it was done with it. It does not use the schedule's own table; a check that shares
# the code shares the faults.
#
# ## On two processes
#
# A real run now, and what it wrote.

# %%
ratings = generate_ratings(2000, 1000, 100_000, seed=0)
write_ratings(ratings, "ratings.csv")
ratings = read_ratings("ratings.csv")

settings = dict(n_factors=16, step=0.01, epochs=4, seed=1, trace=True, n_workers=2)
fit = fit_factors(ratings, **settings, schedule="fpsgd", grid=4, kernel="numpy")
fit.trace.write("run.jsonl")
say(Path("run.jsonl").read_text().splitlines()[1])
print("...")
for event in fit.trace.events[:6]:
    place = divmod(event.block, 4)
    print(f"tick {event.tick}: worker {event.worker} {event.event}s block {place}")

assert fit.trace.check() is None
assert first_conflict(fit.trace.events, 4) is None
say(fit.trace.summary())

# %% [markdown]
# No two conflicting blocks at the same time, so it must be possible to do it again in one process.
# `replay_factors` takes the ratings and the trace, whose header holds the settings. It starts from
# the same factors and goes through the blocks in the order of the acquires.

# %%
again = replay_factors(fit.trace, ratings)
say(again.sentence)

assert again.same
assert np.array_equal(again.model.P, fit.model.P)
assert np.array_equal(again.model.Q, fit.model.Q)
assert again.n_blocks == 4 * 16

# %% [markdown]
# Two workers, and the bits of one. The trace is worth what it proves: had the processes disturbed
# each other anywhere, a bit would be different.
#
# In the shell it is two commands (`hogwild fit factors RATINGS --trace run.jsonl` writes such a
# file):

# %%
for action in (["check", "run.jsonl"], ["replay", "run.jsonl", "ratings.csv"]):
    command = [sys.executable, "-m", "hogwild", "trace", *action]
    shown = subprocess.run(command, capture_output=True, text=True)
    print("$ hogwild trace", *action)
    say(shown.stdout)
    assert shown.returncode == 0, shown.stderr

# %% [markdown]
# ### What is the same from run to run?
#
# | schedule | another run, the same seed | its trace, replayed |
# |---|---|---|
# | serial | the same bits | the same bits |
# | DSGD, any number of workers on a grid | the same bits | the same bits |
# | FPSGD | others, as a rule: who is done first decides | the same bits |
# | HogWild, two workers or more | others | refused: blocks in conflict |
#
# Try it. DSGD with one worker and with two; FPSGD twice:

# %%
few = dict(settings, kernel="numpy", epochs=2)
dsgd = [fit_factors(ratings, **{**few, "n_workers": n}, schedule="dsgd", grid=4) for n in (1, 2)]
assert np.array_equal(dsgd[0].model.P, dsgd[1].model.P)
assert np.array_equal(dsgd[0].model.Q, dsgd[1].model.Q)

fpsgd = [fit_factors(ratings, **few, schedule="fpsgd", grid=4) for _ in range(2)]
equal = np.array_equal(fpsgd[0].model.P, fpsgd[1].model.P)
print("two runs of FPSGD:", "the same bits, by chance" if equal else "other bits")
assert all(replay_factors(run.trace, ratings).same for run in fpsgd)

# %% [markdown]
# HogWild's blocks are runs of ratings from anywhere. Any two of them may have a row in common, so
# whatever overlaps is a conflict. In virtual time it is certain that two workers overlap:

# %%
wild = simulate(Hogwild(20, context_of(None)), 2, np.ones(20), order=np.arange(20)).trace
say(wild.summary())
assert wild.check() is None  # HogWild promises no more than each block once
assert len(wild.conflicts()) >= 10

# %% [markdown]
# ## The picture
#
# The first epoch of the run above, drawn by the package: `hogwild trace plot run.jsonl` makes the
# same picture. The colour is a block's row. At no moment do two lanes show the same colour, and no
# two labels the same column.

# %% mystnb={"image": {"alt": "Gantt chart of the first epoch: a lane a worker, a bar a block"}}
gantt(fit.trace, (1, 1)).savefig("gantt.png", dpi=130)
Image("gantt.png")

# %% [markdown]
# ## What goes wrong: a schedule with a bug
#
# Plant one. This schedule means to be FPSGD. A block is free if nobody works in its row. The
# columns have been forgotten.


# %%
class OnlyRows:
    """FPSGD with a bug."""

    name = "fpsgd"

    def __init__(self, b):
        self.grid, self.tick = (b, b), 0
        self.updates, self.held = np.zeros(b * b, int), set()

    def start(self, order, updates):
        self.given, self.last = 0, len(order)

    def acquire(self, worker):
        if self.given == self.last:
            return None
        b = self.grid[1]
        rows = {block // b for block in self.held}
        free = [block for block in range(b * b) if block // b not in rows]
        if not free:
            return WAIT
        block = min(free, key=lambda block: self.updates[block])
        self.held.add(block)
        self.given, self.tick = self.given + 1, self.tick + 1
        return Grant(self.given - 1, block, self.tick)

    def release(self, worker, grant):
        self.held.remove(grant.block)
        self.updates[grant.block] += 1
        self.tick += 1
        return self.tick


costs = np.random.default_rng(0).uniform(0.5, 1.5, 16)
found = simulate(OnlyRows(4), 3, costs, epochs=3)
print(f"busy {found.busy_share:.0%}, updates of each block {found.updates}")
say(found.trace.check())

assert found.trace.check().startswith("line 3: block (1, 0) is not free for worker 1")
assert simulate(FPSGD((4, 4), 0), 3, costs, epochs=3).trace.check() is None

# %% [markdown]
# Every worker is busy, every block gets its updates, nothing looks odd, and the check names the
# second grant of all.
#
# ### Two locks instead of one
#
# The fault of LIBMF 1.0 shows only when two threads come at a bad moment. As in lesson 2, cut the
# choice in two moves, with a pause between them, and let a list say who moves next. Where the
# package's table would refuse to hand out a block that isn't free, this one trusts its caller.


# %%
class Trusting:
    """A table that marks what it is told to mark."""

    def __init__(self, b):
        self.b, self.held, self.updates, self.log = b, {}, np.zeros(b * b, int), []

    def choose(self):
        rows = {block // self.b for block in self.held.values()}
        columns = {block % self.b for block in self.held.values()}
        every = range(self.b * self.b)
        free = [n for n in every if n // self.b not in rows and n % self.b not in columns]
        return min(free, key=lambda block: self.updates[block])

    def note(self, worker, event, block):
        self.log.append((worker, event, *divmod(block, self.b)))


def work(table, worker, n_blocks):
    """Take and give back blocks; a yield is where another may come in."""
    for _ in range(n_blocks):
        block = table.choose()  # under the lock, which is let go then
        yield
        table.held[worker] = block  # under the lock once more
        table.note(worker, "acquire", block)
        yield
        del table.held[worker]
        table.updates[block] += 1
        table.note(worker, "release", block)


def run_moves(order):
    """Let two workers move in this order; return the trace."""
    table = Trusting(4)
    workers = [work(table, worker, 2) for worker in (0, 1)]
    for worker in order:
        next(workers[worker], None)
    return trace_of(table.log)


lucky = run_moves([0, 0, 1, 1, 0, 0, 1, 1, 0, 1])
unlucky = run_moves([0, 1, 0, 1, 0, 1, 0, 1, 0, 1])
print(lucky.conflicts())
print(unlucky.conflicts()[0])

assert lucky.conflicts() == []
assert unlucky.conflicts()[0].event.block == unlucky.conflicts()[0].other.block

# %% [markdown]
# How often would it happen? Draw the order of the moves at random:

# %%
random = np.random.default_rng(0)
orders = [random.permutation([0, 1] * 5).tolist() for _ in range(1000)]
wrong = sum(bool(run_moves(order).conflicts()) for order in orders)
print(f"{wrong} of 1000 orders")
assert 300 < wrong < 1000

# %% [markdown]
# On a real machine the pause between the two moves is a few nanoseconds and the block lasts
# milliseconds, so it happens once in a long while. That makes it worse. No test of the results
# finds it, but each trace in which it has happened shows it.
#
# ### A trace that has been tampered with
#
# Does a replay notice? Take the serial order of the run, turn round the blocks of its third epoch,
# and replay that: a trace that breaks no rule of the free blocks, but not the one of this run.


# %%
def in_turn(trace, blocks_of):
    """Return a trace of one worker at a time, with the epochs' blocks as given."""
    events, tick = [], 0
    for epoch, blocks in blocks_of.items():
        for number, block in enumerate(blocks):
            for event in ("acquire", "release"):
                tick += 1
                events.append(Event(100 * tick, 0, event, number, block, epoch, tick))
    return Trace(trace.header, events)


def blocks_of(trace, which):
    """Return the blocks of each epoch in the order of the acquires, or of the releases."""
    found = {}
    for event in trace.events:
        if event.event == which:
            found.setdefault(event.epoch, []).append(event.block)
    return found


true = blocks_of(fit.trace, "acquire")
assert replay_factors(in_turn(fit.trace, true), ratings).same

turned = replay_factors(in_turn(fit.trace, {**true, 3: true[3][::-1]}), ratings)
say(turned.sentence)
assert not turned.same
assert turned.differs_after == 3

# %% [markdown]
# The header keeps a digest of the factors after each epoch, so the replay can tell where it went
# astray.
#
# ## Exercises
#
# Each asks for one thing. The checks below it run on the solution that is folded away; open this
# lesson as a notebook, put your own in its place, and run the checks.
#
# ### 1. How busy were they?
#
# Write the share of the workers' time that was work, from a trace alone: from the first event to
# the last one, for all workers that the header counts.
#
# ```python
# def busy_share(trace):
#     ...
# ```


# %% tags=["hide-input"]
def busy_share(trace):
    """Sum what lies between each acquire and its release."""
    begun, busy = {}, 0
    for event in trace.events:
        if event.event == "acquire":
            begun[event.worker] = event.t
        else:
            busy += event.t - begun.pop(event.worker)
    times = [event.t for event in trace.events]
    return busy / (trace.header["n_workers"] * (max(times) - min(times)))


# %%
for schedule in (FPSGD((4, 4), 1), FPSGD((4, 4), 2), OnlyRows(4)):
    found = simulate(schedule, 3, costs, epochs=3)
    assert abs(busy_share(found.trace) - found.busy_share) < 1e-6
print(f"the two workers above were busy for {busy_share(fit.trace):.0%} of the time")
assert 0.0 < busy_share(fit.trace) <= 1.0

# %% [markdown]
# ### 2. Another order, the same bits
#
# Find for a run without conflicts an order of its blocks, other than that of the acquires where
# there is one, that gives the same bits. It is enough to look at the trace.
#
# ```python
# def other_order(trace):
#     ...                 # return {epoch: list of blocks}
# ```


# %% tags=["hide-input"]
def other_order(trace):
    """That of the releases: it differs only among blocks that were held together."""
    return blocks_of(trace, "release")


# %%
assert other_order(good)[1] == by_gives
for run in (fit, *fpsgd):
    other = other_order(run.trace)
    assert {epoch: sorted(blocks) for epoch, blocks in other.items()} == {
        epoch: sorted(blocks) for epoch, blocks in blocks_of(run.trace, "acquire").items()
    }
    assert replay_factors(in_turn(run.trace, other), ratings).same

# %% [markdown]
# ### 3. Plant a bug of your own
#
# Write a schedule that keeps to the free blocks, but hands out one with the *most* updates. Use
# `FreeBlocks`, which refuses to hand out what isn't free. No run of it has a conflict, and each
# can be replayed. What does the check say?
#
# ```python
# class MostUpdated:
#     name = "fpsgd"
#     ...
# ```


# %% tags=["hide-input"]
class MostUpdated:
    name = "fpsgd"

    def __init__(self, grid):
        self.grid, self.table = grid, FreeBlocks(grid)

    def start(self, order, updates):
        self.given, self.last = 0, len(order)

    def acquire(self, worker):
        if self.given == self.last:
            return None
        free = self.table.free()
        if not free:
            return WAIT
        self.given += 1
        block = max(free, key=lambda block: self.table.counts[block])
        return Grant(self.given - 1, block, self.table.take(worker, block))

    def release(self, worker, grant):
        return self.table.give_back(worker, grant.block)


# %%
found = simulate(MostUpdated((4, 4)), 2, costs, epochs=3)
print(found.updates.reshape(4, 4))
say(found.trace.check())

assert found.trace.conflicts() == []
assert "is acquired while block" in found.trace.check()
assert (found.updates == 0).sum() == 14  # two blocks get it all

# %% [markdown]
# ## Sources
#
# - R. Gemulla, E. Nijkamp, P. J. Haas, Y. Sismanis, *Large-Scale Matrix Factorization with
#   Distributed Stochastic Gradient Descent*, KDD 2011: interchangeable points.
# - Y. Zhuang, W.-S. Chin, Y.-C. Juan, C.-J. Lin, *A Fast Parallel SGD for Matrix Factorization in
#   Shared Memory Systems*, RecSys 2013: section 4.1, algorithm 4.
# - LIBMF 1.0 (September 2013) and its later releases, on
#   [github.com/cjlin1/libmf](https://github.com/cjlin1/libmf): from 1.10 on there is one lock.
# - {doc}`The trace format <../trace>`: for programs in other languages that want to be checked.
