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
# # 6. HogWild, DSGD, FPSGD on one loop
#
# **You will** run four schedules through the same worker loop, first by hand in one process, then
# on two; draw who was busy when; and let up to 64 workers run in virtual time.
#
# **You will learn** what the article's locking problem is and how large it gets, why a grid needs
# a row and a column more than there are workers, and how many workers a Manager can serve.
#
# **You need** {doc}`lesson 5 <05_a_matrix_cut_in_blocks>` for blocks, `acquire` and `release`.

# %% [markdown]
# ## What the article says
#
# Zhuang, Chin, Juan and Lin (2013) start from two ways to let several workers at one matrix.
#
# - **HogWild**: each worker draws ratings from all of $R$ and doesn't care about the others. Two
#   may meet in a row, and one of two updates is lost. Where ratings are sparse that is rare.
# - **DSGD**: the matrix is cut into $s \times s$ blocks for $s$ workers. A *stratum* is $s$ blocks
#   that share no row and no column of the grid. The workers do a stratum, a block each; all wait
#   until the last is done; then comes the next stratum. Nothing is lost.
#
# The waiting is what the article calls the *locking problem* (section 3). The blocks differ in
# their number of ratings, and even equal ones don't take equal time. Its own schedule, **FPSGD**
# (section 4.1), has no such wait. Who is done with a block gets another that is *free*, which
# means that nobody works in its row or its column; of the free ones, one with the fewest updates.
# For that the grid must have $s + 1$ rows and columns at least.

# %%
import multiprocessing
import time

import matplotlib.pyplot as plt
import numpy as np

from hogwild.data import generate_ratings
from hogwild.engine import (
    DSGD,
    FPSGD,
    FreeBlocks,
    Hogwild,
    Serial,
    drain,
    serve,
    simulate,
    strata_order,
)
from hogwild.models import fill, fit_factors, plan_grid
from hogwild.reference.factors import rmse, sgd_factors

plt.rcParams.update(
    {"font.size": 11, "axes.spines.top": False, "axes.spines.right": False, "figure.dpi": 130}
)
RED, BLUE, GREEN, GREY = "#a3341f", "#1f5fa3", "#2c7a4b", "0.4"

# %% [markdown]
# ## By hand: a 4 x 4 grid and a stopwatch
#
# Four workers, sixteen blocks, and the seconds that each block takes:
#
# | | 0 | 1 | 2 | 3 |
# |---|---|---|---|---|
# | 0 | 1 | 2 | 1 | 1 |
# | 1 | 1 | 1 | 3 | 1 |
# | 2 | 2 | 1 | 1 | 1 |
# | 3 | 1 | 1 | 1 | 2 |
#
# DSGD's first stratum is the diagonal: 1, 1, 1 and 2 seconds. It lasts 2 seconds, and three
# workers wait for one of them. The second stratum is one to the right: 2, 3, 1, 1, which lasts 3.
# Then 1, 1, 2, 1, which lasts 2, and 1, 1, 1, 1, which lasts 1. Eight seconds for four workers:
# 32 seconds of working time. The work is 21. A third of the time somebody waited.

# %%
seconds = np.array([[1, 2, 1, 1], [1, 1, 3, 1], [2, 1, 1, 1], [1, 1, 1, 2]])
strata = strata_order(4, np.random.default_rng(0), "seq").reshape(4, 4)
lasts = seconds.ravel()[strata].max(axis=1)
print("strata:", strata.tolist())
print("each lasts", lasts, "so all of them", lasts.sum())

assert lasts.tolist() == [2, 3, 2, 1]
assert seconds.sum() == 21

by_clock = simulate(DSGD((4, 4)), 4, seconds, order=strata.ravel())
assert by_clock.seconds == 8.0
assert by_clock.busy_share == 21 / 32

# %% [markdown]
# `simulate` is a clock that isn't real: it asks the very schedule that the workers of a fit ask,
# and lets each block last as long as you say. You will need it below, for more workers than this
# machine has processors.
#
# Now FPSGD on a grid that is *not* larger than the number of workers. Two workers, 2 x 2 blocks.
# Worker 0 has block 0, worker 1 has block 3. Worker 0 is done. What may it have?

# %%
tight = FreeBlocks((2, 2))
tight.take(0, 0)
tight.take(1, 3)
tight.give_back(0, 0)
print("free on 2 x 2:", tight.free())
assert tight.free() == [0]

roomy = FreeBlocks((3, 3))
roomy.take(0, 0)
roomy.take(1, 4)
roomy.give_back(0, 0)
print("free on 3 x 3:", roomy.free(), "of which least updated:", roomy.least_updated())
assert roomy.free() == [0, 2, 6, 8]
assert roomy.least_updated() == [2, 6, 8]

# %% [markdown]
# On 2 x 2 the only free block is the one that worker 0 has just given back. It will do that one
# again, and again. On 3 x 3 there is a choice of three.
#
# ## Plain code: one loop
#
# You have met the loop in {doc}`lesson 3 <03_hogwild_the_blog_from_start_to_end>`. It is the same
# for factors as for weights, and for every schedule:
#
# ```{literalinclude} /../hogwild/engine/worker_loop.py
# :pyobject: drain
# :language: python
# ```
#
# What differs is the answer to `acquire`. FPSGD's, and DSGD's:
#
# ```{literalinclude} /../hogwild/engine/fpsgd.py
# :pyobject: FPSGD.acquire
# :dedent: 4
# :language: python
# ```
#
# ```{literalinclude} /../hogwild/engine/dsgd.py
# :pyobject: DSGD.acquire
# :dedent: 4
# :language: python
# ```
#
# `WAIT` means: nothing is free now, ask again after the next release. HogWild knows no `WAIT`. It
# hands out the next block of its list, whoever asks:
#
# ```{literalinclude} /../hogwild/engine/schedules.py
# :pyobject: Hogwild.acquire
# :dedent: 4
# :language: python
# ```
#
# Turn the crank by hand. The ratings are made up: 2,000 users, 1,000 items, some of them with very
# many ratings, and stars that come from hidden factors and noise. Cut 8,000 of them into 4 x 4
# blocks. The update of a block is the reference's plain SGD over the ratings of that block.

# %%
ratings = generate_ratings(2000, 1000, 100_000, seed=0)
train, test = ratings.split(0.1, seed=0)
few = train.rows(np.random.default_rng(0).permutation(len(train))[:8000])

plan = plan_grid(few, 4, seed=1)
u, i = np.empty(len(few), np.int32), np.empty(len(few), np.int32)
r = np.empty(len(few))
fill(plan, few, u, i, r, seed=1)
users, items = plan.user_row[test.u], plan.item_row[test.i]  # rows of P and of Q
print(f"each of the {plan.n_blocks} blocks has {plan.sizes.min()} to {plan.sizes.max()} ratings")
assert plan.sizes.sum() == len(few)


def begun():
    """The same small random factors each time."""
    random = np.random.default_rng(2)
    return 0.5 * random.random((few.n_users, 8)), 0.5 * random.random((few.n_items, 8))


def update_with(P, Q):
    """Return the update of one block, for the loop."""

    def update(grant, task):
        rows = slice(plan.starts[grant.block], plan.starts[grant.block + 1])
        sgd_factors(u[rows], i[rows], r[rows], P, Q, step=0.02, reg=0.05)
        return 0.0

    return update


# %% [markdown]
# HogWild would draw from the whole matrix; here it gets the same blocks as the others, so that
# nothing but the schedule differs.

# %%
context = multiprocessing.get_context()
schedules = {
    "serial": Serial(),
    "hogwild": Hogwild(16, context),
    "dsgd": DSGD((4, 4)),
    "fpsgd": FPSGD((4, 4), seed=5),
}
reached = {}
for name, schedule in schedules.items():
    P, Q = begun()
    for _ in range(4):
        blocks = strata_order(4, np.random.default_rng(0)) if name == "dsgd" else np.arange(16)
        schedule.start(blocks, plan.sizes[blocks])
        report = drain(schedule, 0, update_with(P, Q), traced=True)
    granted = [event.block for event in report.events if event.event == "acquire"]
    reached[name] = rmse(users, items, test.r, P, Q)
    print(f"{name:8} RMSE {reached[name]:.4f}   the last blocks: {granted[:8]} ...")
    assert len(granted) == 16

assert reached["serial"] == reached["hogwild"]  # with one worker, the same blocks in turn
assert max(reached.values()) - min(reached.values()) < 0.02

# %% [markdown]
# The loop, the update and the factors are the same, so with one worker nothing happens but
# another order of blocks. The results differ a little, and none is the right one.
#
# ## On two processes
#
# `fit_factors` puts the ratings and the factors in shared memory, starts the workers, serves the
# schedule to them, and runs this loop in each. All 90,000 ratings, 32 factors, and numpy's kernel,
# so that a block lasts some milliseconds and can be seen.

# %%
common = dict(n_factors=32, step=0.02, epochs=8, kernel="numpy", seed=1, validation=test)
common["coordination"] = "shared"  # where the schedule is; more of that below
runs = {
    "serial": dict(schedule="serial", grid=3),
    "hogwild": dict(schedule="hogwild", n_workers=2),
    "dsgd": dict(schedule="dsgd", n_workers=2, grid=2),
    "fpsgd": dict(schedule="fpsgd", n_workers=2, grid=3),
}
fits = {name: fit_factors(train, **common, **choice, trace=True) for name, choice in runs.items()}
print("          RMSE    ms an epoch   share of the time without a block")
for name, fit in fits.items():
    spent = sum(record.seconds for record in fit.history)
    idle = np.sum([record.idle for record in fit.history], axis=0) / spent
    error = fit.history[-1].validation["rmse"]
    millis = 1000 * np.median([record.seconds for record in fit.history])
    print(f"{name:8} {error:.4f}   {millis:10.1f}   {'  '.join(f'{x:.0%}' for x in idle)}")
    assert abs(error - fits["serial"].history[-1].validation["rmse"]) < 0.03
    assert fit.trace.check() is None  # lesson 8 says what this has looked at

# %% [markdown]
# The four arrive at about the same error. The times and the idle shares are those of the machine
# that built this page, at that moment; whatever else it did is in them.
#
# ## The picture
#
# Each fit was traced: every worker notes when it got a block and when it gave it back. Draw the
# last two epochs of each, a lane for a worker, a bar for a block. White is waiting.


# %%
def lanes(axes, trace, epochs, colour):
    """Draw a bar for each block: its row of the grid tells its shade."""
    events = [event for event in trace.events if event.epoch in epochs]
    begin, got = min(event.t for event in events), {}
    whole = max(event.t - begin for event in events) / 1e6
    columns = trace.header.get("grid", [1, trace.header["n_blocks"]])[1]
    for event in events:
        if event.event == "acquire":
            got[event.worker] = event.t
            continue
        span = (got[event.worker] - begin) / 1e6, (event.t - got[event.worker]) / 1e6
        shade = 0.35 + 0.25 * (event.block // columns % 3)
        axes.broken_barh([span], (event.worker - 0.4, 0.8), color=colour, alpha=shade)
        if span[1] > 0.03 * whole:
            label = divmod(event.block, columns) if "grid" in trace.header else event.block
            axes.text(
                span[0] + span[1] / 2, event.worker, str(label).strip("()").replace(" ", ""),
                ha="center", va="center", fontsize=7.5,
            )  # fmt: skip
    workers = sorted({event.worker for event in events})
    axes.set_yticks(workers, [f"worker {worker}" for worker in workers])
    axes.set_ylim(-0.5, len(workers) - 0.5)
    axes.set_xlim(0, whole)


# %% mystnb={"image": {"alt": "Who was busy when: HogWild, DSGD, FPSGD on two workers"}}
figure, panels = plt.subplots(3, 1, figsize=(9, 5), layout="constrained")
colours = {"hogwild": RED, "dsgd": BLUE, "fpsgd": GREEN}
for axes, (name, colour) in zip(panels, colours.items(), strict=True):
    lanes(axes, fits[name].trace, (7, 8), colour)
    axes.set_title(name, loc="left", fontsize=11)
panels[-1].set_xlabel("milliseconds, two epochs")
plt.show()

# %% [markdown]
# HogWild's bars are runs of ratings from anywhere, numbered; the others' are blocks, row and
# column. In DSGD's lanes nobody begins with the next two blocks before both workers are done with
# these. FPSGD's workers change whenever they are ready, except at the end of an epoch: there every
# schedule stops, so that the model can be measured while nobody writes. Other gaps are the
# machine's: where processes are more than processors, a worker also waits for one of those.
#
# ## Four to 64 workers, in virtual time
#
# Two workers show little. Take the shape of MovieLens 1M, a million ratings of 6,040 users for
# 3,706 items, and let each rating take 10 nanoseconds. For $s$ workers DSGD gets $s \times s$
# blocks, FPSGD $(s+1) \times (s+1)$. The blocks' sizes come from the shuffled matrix. HogWild has
# runs of 4,096 ratings.

# %%
million = generate_ratings(6040, 3706, 1_000_209, seed=0)
A_RATING = 10e-9  # seconds


def costs(b):
    """Seconds of each block of a b x b grid."""
    return plan_grid(million, b, seed=1).sizes * A_RATING


sizes = (4, 8, 16, 32, 64)
runs = np.append(np.full(244, 4096), len(million) - 244 * 4096) * A_RATING
virtual = {
    "HogWild": [
        simulate(Hogwild(245, context), s, runs, epochs=4, order=np.arange(245)) for s in sizes
    ],
    "DSGD": [simulate(DSGD((s, s)), s, costs(s), epochs=4) for s in sizes],
    "FPSGD": [simulate(FPSGD((s + 1, s + 1), 1), s, costs(s + 1), epochs=4) for s in sizes],
    "FPSGD, no stops": [
        simulate(FPSGD((s + 1, s + 1), 1), s, costs(s + 1), epochs=4, barrier=False) for s in sizes
    ],
}
print("busy share     " + "".join(f"{s:7}" for s in sizes) + "  workers")
for name, found in virtual.items():
    print(f"{name:15}" + "".join(f"{run.busy_share:7.2f}" for run in found))

dsgd, fpsgd = ([run.busy_share for run in virtual[name]] for name in ("DSGD", "FPSGD"))
assert dsgd[0] > 0.9 > 0.75 > dsgd[-1]
assert sorted(dsgd, reverse=True) == dsgd
assert all(run.busy_share > 0.97 for run in virtual["FPSGD, no stops"])
assert all(f > d for f, d in zip(fpsgd[1:], dsgd[1:], strict=True))

# %% [markdown]
# That is the locking problem. The more blocks, the more they differ, and the more workers, the
# likelier it is that one of them has drawn a heavy block. At 64 workers DSGD wastes almost a third
# of the processors. FPSGD wastes nearly nothing.
#
# With four workers FPSGD too loses a tenth, for another reason: its 25 blocks don't divide by
# four, and at the end of each epoch three workers wait for one. Without a stop between epochs, as
# in the article, that goes away (the last line). A finer grid shortens it; `fit_factors` takes
# $2s \times 2s$ blocks where you don't say.

# %%
waits = {}
for name, schedule, grid in (("DSGD", DSGD((8, 8)), 8), ("FPSGD", FPSGD((9, 9), 1), 9)):
    waits[name] = simulate(schedule, 8, costs(grid))

# %% mystnb={"image": {"alt": "Eight workers in virtual time: DSGD waits at each barrier"}}
figure, panels = plt.subplots(2, 1, figsize=(9, 5.2), layout="constrained", sharex=True)
for axes, (name, found), colour in zip(panels, waits.items(), (BLUE, GREEN), strict=True):
    lanes(axes, found.trace, (1,), colour)
    axes.set_yticks([])
    axes.set_title(f"{name}, 8 workers, busy {found.busy_share:.0%}", loc="left", fontsize=11)
panels[0].set_xlim(0, 1000 * max(found.seconds for found in waits.values()))
panels[1].set_xlabel("milliseconds, one epoch, in virtual time")
plt.show()

# %% [markdown]
# ## What goes wrong: a grid without a row to spare
#
# FPSGD's rule on $s \times s$ blocks, without a stop between epochs. Every worker is busy all the
# time, and each works on a free block.

# %%
print("workers  grid      busy  blocks never done   updates a block")
for s in (2, 4, 8, 16):
    for b in (s, s + 1):
        found = simulate(FPSGD((b, b), 1), s, costs(b), epochs=20, barrier=False)
        never = int((found.updates == 0).sum())
        span = f"{found.updates.min()} to {found.updates.max()}"
        print(f"{s:7}  {b:2} x {b:2} {found.busy_share:8.2f} {never:18}   {span}")
        assert never == (s * s - s if b == s else 0)
        assert found.trace.conflicts() == []
        assert (found.trace.check() is None) == (b > s)

# %% [markdown]
# On $s \times s$ only $s$ blocks are ever done, the ones that the workers began with: whoever
# gives one back finds no other that is free. All the other ratings are never seen. With one row
# and column more, all blocks get their share.
#
# What would a fit on such a grid look like? Busy workers, no error, and a model that knows a part
# of the data. In `fit_factors` the stop after each epoch hides some of it, for then the workers
# choose anew. The check of a trace finds it: the last assert is that. Lesson 8 has more of it.
#
# ## What goes wrong: blocks too small for a Manager
#
# The free-block table must be asked for each block. As the article's threads share one table, our
# processes share one in a `multiprocessing` Manager, or in shared memory under a lock. What does
# a call cost? Ask two thousand times:

# %%
measured = {}
for where in ("manager", "shared"):
    served = serve(FPSGD((3, 3), 1), where, context)
    served.start(np.arange(2000), np.ones(2000, np.int64))
    grant, begin = served.acquire(0), time.perf_counter()
    while grant is not None:
        _, grant = served.swap(0, grant)
    measured[where] = (time.perf_counter() - begin) / 2000
    served.close()
    print(f"{where:8} {1e6 * measured[where]:6.1f} microseconds a call")

# %% [markdown]
# A Manager answers one call after the other. If a call takes 60 microseconds, it can't give out
# more than 17,000 blocks a second, however many workers there are. Put that into the virtual
# clock, and 5 microseconds for the lock:

# %%
paid = {}
for name, call in (("no cost", 0.0), ("lock, 5", 5e-6), ("Manager, 60", 60e-6)):
    paid[name] = [
        simulate(FPSGD((s + 1, s + 1), 1), s, costs(s + 1), epochs=4, overhead=call).busy_share
        for s in sizes
    ]
    print(f"{name:12}" + "".join(f"{share:7.2f}" for share in paid[name]))

assert paid["Manager, 60"][0] > 0.7
assert paid["Manager, 60"][1] < 0.3
assert paid["lock, 5"][1] > 0.85

# %% mystnb={"image": {"alt": "Busy share falls with the workers, by the cost of a call"}}
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
for name, colour in zip(virtual, (RED, BLUE, GREEN, GREY), strict=True):
    dashes = "--" if name.endswith("stops") else "-"
    left.plot(sizes, [run.busy_share for run in virtual[name]], "o" + dashes, color=colour)
left.text(18, 0.8, "DSGD", color=BLUE)
left.text(4.1, 0.94, "FPSGD", color=GREEN)
left.text(4.1, 1.013, "FPSGD, no stops", color=GREY)
left.text(62, 0.92, "HogWild", color=RED, ha="right")
left.set_title("calls cost nothing", fontsize=11)
for name, colour, place in (
    ("no cost", GREEN, (12, 1.02)), ("lock, 5", BLUE, (15, 0.6)), ("Manager, 60", RED, (4.1, 0.1))
):  # fmt: skip
    right.plot(sizes, paid[name], "o-", color=colour)
    right.text(*place, f"{name} µs" if "," in name else name, color=colour)
right.set_title("FPSGD, by the cost of a call", fontsize=11)
for axes in (left, right):
    axes.set(xscale="log", xlabel="workers")
    axes.set_xticks(sizes, sizes)
    axes.minorticks_off()
left.set(ylabel="share of the time that is work", ylim=(0.5, 1.06))
right.set(ylim=(0, 1.12))
plt.show()

# %% [markdown]
# A million ratings are 10 milliseconds of work. Cut for eight workers, a block lasts 120
# microseconds; eight workers then want a block each 15 microseconds, and the Manager has one each
# 60. The lock lasts to about ten workers. Then it fails for the same reason: twice the workers have
# blocks a quarter as long, so they ask eight times as often. Twice the workers need eight times
# the data.
#
# ## Exercises
#
# Each asks for one function. The checks below it run on the solution that is folded away; open
# this lesson as a notebook, put your own function in its place, and run the checks.
#
# ### 1. DSGD without a clock
#
# Write the time of an epoch of DSGD from the table of costs alone, for the strata of "seq".
#
# ```python
# def dsgd_seconds(costs):
#     ...                 # costs has shape (s, s)
# ```


# %% tags=["hide-input"]
def dsgd_seconds(costs):
    """A stratum lasts as long as its slowest block."""
    s = len(costs)
    rows = np.arange(s)
    return sum(costs[rows, (rows + shift) % s].max() for shift in range(s))


# %%
assert dsgd_seconds(seconds) == 8
for s in (4, 8, 16):
    table = costs(s).reshape(s, s)
    assert np.isclose(dsgd_seconds(table), simulate(DSGD((s, s)), s, table).seconds)

# %% [markdown]
# ### 2. How many workers can it feed?
#
# An epoch is `seconds` of work, cut for $s$ workers into $(s+1)^2$ blocks, and each call takes
# `call` seconds, one at a time. Write the largest $s$ for which the calls of an epoch take no
# longer than its work takes $s$ workers.
#
# ```python
# def most_workers(seconds, call):
#     ...
# ```


# %% tags=["hide-input"]
def most_workers(seconds, call):
    """About the cube root of seconds / call: s (s + 1)^2 call <= seconds."""
    s = 1
    while (s + 1) * (s + 2) ** 2 * call <= seconds:
        s += 1
    return s


# %%
epoch = len(million) * A_RATING
for call in (60e-6, 5e-6):
    once, eight = most_workers(epoch, call), most_workers(8 * epoch, call)
    print(f"{1e6 * call:2.0f} microseconds a call: {once:2} workers, {eight} with 8 times the data")

assert most_workers(epoch, 60e-6) == 4
assert most_workers(epoch, 5e-6) == 11
assert most_workers(1000 * epoch, 60e-6) in range(10 * 4, 10 * 6)  # the cube root of 1000 is 10

# %% [markdown]
# ### 3. One heavy block
#
# On a 3 x 3 grid all blocks cost 1, but the middle one costs `heavy`. Two workers, FPSGD, 40
# epochs without stops. Write the updates of each block, shape (3, 3). Before you run it: which
# blocks will get ahead of the others, and why?
#
# ```python
# def updates_with(heavy):
#     ...
# ```


# %% tags=["hide-input"]
def updates_with(heavy):
    """While one holds the middle, the other can only have the corners."""
    table = np.ones((3, 3))
    table[1, 1] = heavy
    return simulate(FPSGD((3, 3), 1), 2, table, epochs=40, barrier=False).updates.reshape(3, 3)


# %%
even, uneven = updates_with(1.0), updates_with(20.0)
print(even, uneven, sep="\n\n")
corners = uneven[::2, ::2]

assert even.max() - even.min() <= 2
assert corners.min() > 3 * uneven[1, 1]
assert even.sum() == uneven.sum() == 40 * 9

# %% [markdown]
# ## Sources
#
# - Y. Zhuang, W.-S. Chin, Y.-C. Juan, C.-J. Lin, *A Fast Parallel SGD for Matrix Factorization in
#   Shared Memory Systems*, RecSys 2013: section 3 for the two problems, 4.1 for the schedule.
# - R. Gemulla, E. Nijkamp, P. J. Haas, Y. Sismanis, *Large-Scale Matrix Factorization with
#   Distributed Stochastic Gradient Descent*, KDD 2011: DSGD.
# - F. Makari, C. Teflioudi, R. Gemulla, P. Haas, Y. Sismanis, *Shared-memory and shared-nothing
#   stochastic gradient descent algorithms for matrix completion*, Knowledge and Information
#   Systems 2013: the orders of the strata.
# - F. Niu, B. Recht, C. Ré, S. J. Wright, *Hogwild!: A Lock-Free Approach to Parallelizing
#   Stochastic Gradient Descent*, NIPS 2011, [arXiv:1106.5730](https://arxiv.org/abs/1106.5730).
