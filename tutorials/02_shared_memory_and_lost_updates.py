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
# # 2. Shared memory and lost updates
#
# **You will** put weights where several processes see them, watch a program train nothing
# without an error, make an update vanish on purpose, and count how many vanish by themselves.
#
# **You will learn** what `w[j] += d` is made of, what a lost update is and what it is not, and
# how to measure it so that the measurement can be believed.
#
# **You need** lesson 1. The last count uses the extra `fast` and is left out without it. The
# shares below were measured on the machine that built this page. Yours will give others, and so
# will the next run.

# %% [markdown]
# ## What the articles say
#
# The blog puts its ten weights into an array of C doubles in shared memory and takes no lock.
# Each process looks at the same bytes through numpy, and changes them one coordinate at a time.
# Two processes may want to change the same weight at the same moment. The blog holds this to be
# harmless, because adding to a single coordinate is atomic: it happens as a whole or not at
# all.
#
# The paper (section 3) says so as well, as an assumption about the machine. Its C++ can keep to
# it, with an instruction that compares and swaps. In Python nothing does. This lesson looks at
# what comes of it.

# %% [markdown]
# ## By hand: one addition, two moves
#
# `w[j] += delta` first reads `w[j]`. Then it adds and stores. Between the two the operating
# system may put the process to sleep, or another processor may be busy with the same weight. We
# write the addition as a generator that pauses there. A list of worker numbers then says who
# makes the next move.


# %%
def add_in_moves(w, j, delta):
    """w[j] += delta, with a pause after the read."""
    old = w[j]
    yield
    w[j] = old + delta


def run(workers, order):
    """Let the workers move in this order."""
    for p in order:
        next(workers[p], None)


w = [0.0]
run([add_in_moves(w, 0, 1.0), add_in_moves(w, 0, 1.0)], order=[0, 1, 0, 1])
assert w == [1.0]

# %% [markdown]
# Two additions of 1, and the weight is 1. Both workers read 0. Worker 0 stored 1. Worker 1,
# which still knew the old 0, stored 1 over it. The update of worker 0 is **lost**.
#
# There are only six orders. Try them all:

# %%
from itertools import combinations


def interleavings(a, b):
    """Return every order of a moves of worker 0 and b moves of worker 1."""
    orders = []
    for places in combinations(range(a + b), a):
        orders.append([0 if t in places else 1 for t in range(a + b)])
    return orders


ends = []
for order in interleavings(2, 2):
    w = [0.0]
    run([add_in_moves(w, 0, 1.0), add_in_moves(w, 0, 1.0)], order)
    ends.append(w[0])
    print(order, "->", w[0])

assert sorted(ends) == [1.0, 1.0, 1.0, 1.0, 2.0, 2.0]

# %% [markdown]
# Only those two orders are right in which one worker is done before the other begins.
#
# ### A whole step, on the four rows
#
# | row | $x_0$ | $x_1$ | $x_2$ | $x_3$ | $y$ |
# |---|---|---|---|---|---|
# | 0 | 1 | . | 2 | . | −1 |
# | 1 | . | 1 | . | 1 | 2.5 |
# | 2 | . | . | 1 | 3 | 0.5 |
# | 3 | 2 | . | . | . | 2 |
#
# A step makes more moves: it predicts, and then reads and stores each of its coordinates. It
# also notes in `applied` what it added, in a place of its own where nobody can overwrite it.

# %%
rows = [
    [(0, 1.0), (2, 2.0)],
    [(1, 1.0), (3, 1.0)],
    [(2, 1.0), (3, 3.0)],
    [(0, 2.0)],
]
y = [-1.0, 2.5, 0.5, 2.0]


def step_in_moves(w, i, applied, step=0.05):
    """The SGD step of row i: 1 move, and 2 more for each entry."""
    prediction = sum(x * w[j] for j, x in rows[i])
    yield
    for j, x in rows[i]:
        delta = -step * 2.0 * (prediction - y[i]) * x
        old = w[j]
        yield
        w[j] = old + delta
        applied[j] += delta
        yield


def outcomes(first, second):
    """Run two rows in every order; return the ends, each with what is missing from it."""
    found = []
    for order in interleavings(1 + 2 * len(rows[first]), 1 + 2 * len(rows[second])):
        w, applied = [0.0] * 4, [0.0] * 4
        run([step_in_moves(w, first, applied), step_in_moves(w, second, applied)], order)
        missing = sum(abs(a - b) for a, b in zip(w, applied, strict=True))
        found.append((tuple(w), missing))
    return found


# %% [markdown]
# Rows 0 and 1 share no column. Whatever the order, the weights end the same, to the last bit:

# %%
apart = outcomes(0, 1)
print(len(apart), "orders,", len({w for w, _ in apart}), "result")

assert len(apart) == 252
assert len({w for w, _ in apart}) == 1

# %% [markdown]
# Rows 0 and 3 share column 0. Now three things can happen.

# %%
together = outcomes(0, 3)
one_by_one = {together[0][0], together[-1][0]}  # first all of row 0, or first all of row 3
kinds = {"as one after the other": 0, "stale, nothing lost": 0, "lost": 0}
for end, missing in together:
    if missing > 1e-12:
        kinds["lost"] += 1
    elif end in one_by_one:
        kinds["as one after the other"] += 1
    else:
        kinds["stale, nothing lost"] += 1

print(len(together), "orders:", kinds)
assert all(count > 0 for count in kinds.values())
assert sum(kinds.values()) == 56

# %% [markdown]
# **Stale** means: a worker predicted, then the other one changed a weight, and then the first
# wrote its step. Its gradient belongs to old weights. But all that was added is there. The
# paper expects this, and its theory allows for gradients that are some updates old.
#
# **Lost** means: something that was added is not there. The theory excludes it, for it takes
# additions to be atomic.
#
# Look at the weights alone and you can't tell the two apart. Compare with the sums of what was
# added, and you can. This is how the package measures it.

# %% [markdown]
# ## Plain code: shared memory
#
# `RawArray` takes a piece of memory that child processes will see too. "Raw" means that it
# comes without a lock. `np.frombuffer` makes a numpy array of those bytes. It copies nothing.

# %%
from multiprocessing.sharedctypes import RawArray

import numpy as np

raw = RawArray("d", 4)  # four doubles, all 0
w = np.frombuffer(raw)
w[2] = 0.5
assert list(raw) == [0.0, 0.0, 0.5, 0.0]

# %% [markdown]
# A numpy array does not make the addition any safer. Python itself tells what it does:

# %%
import dis


def update(w, ix, g):
    w[ix] += g


dis.dis(update)

moves = [instruction.opname for instruction in dis.get_instructions(update)]
assert moves.index("BINARY_OP") < moves.index("STORE_SUBSCR")

# %% [markdown]
# A read, an addition, a store. With several columns in `ix` the read copies all of them, and
# the store puts all of them back. The more there is to copy, the longer the pause between a
# weight's read and its store.

# %% [markdown]
# ## On two processes
#
# ### A program that trains nothing
#
# In the blog's program the weights `w` are a global variable of the module. This is the
# function that the workers call, as the package keeps it:
#
# ```{literalinclude} /../hogwild/reference/hogwild.py
# :pyobject: update
# :language: python
# ```
#
# A process can be started in several ways. Under `fork` the child is a copy of its parent, and
# the global is there, with its memory. Under `spawn` and `forkserver` the child is a fresh
# Python that imports the module again. It gets a global of its own. Let a spawned worker make a
# step on each of 1,000 rows:

# %%
import multiprocessing

from hogwild.reference import hogwild as blog

X, labels, w_true = blog.make_data(seed=0, n_rows=1000)
blog.share(np.zeros(10))
before = blog.report(X, labels, blog.w, w_true)

with multiprocessing.get_context("spawn").Pool(1) as pool:
    pool.map(blog.update, zip(X, labels, strict=True))

after = blog.report(X, labels, blog.w, w_true)
print("mean error before", before[0])
print("mean error after ", after[0])
assert after == before

# %% [markdown]
# No error, and not a digit has moved. The worker trained zeros of its own and took them along
# when it left. `fork` was the default on Linux up to Python 3.13; from 3.14 on it is
# `forkserver`. macOS and Windows have long used `spawn`.
#
# The cure: hand the memory over when the worker is started. A pool has an *initializer* for
# this. It runs once in each worker, and its arguments may contain a `RawArray`. Ours also hands
# over a barrier and a lock, for later. Such functions must stand in a module: a fresh Python
# finds a function by its module's name, and a notebook has none.
#
# ```{literalinclude} /../hogwild/reference/lessons.py
# :pyobject: open_memory
# :language: python
# ```

# %%
from hogwild.engine import Pool
from hogwild.reference import lessons

context = multiprocessing.get_context("spawn")
raw = RawArray("d", 10_000)
shared = np.frombuffer(raw)
handed_over = (raw, context.Barrier(2), context.Lock())
pool = Pool(2, lessons.open_memory, handed_over, start_method="spawn")

pool.map(blog.update, zip(X, labels, strict=True))

after = blog.report(X, labels, shared[:10], w_true)
print("mean error before", before[0])
print("mean error after ", after[0])
assert after[0] < before[0]

# %% [markdown]
# Same function, same start method, and it learns. The package's `Pool` has the face of the
# standard one; it also can call a function exactly once on each worker, which we need now.

# %% [markdown]
# ### Counting
#
# How many updates get lost? Real gradients are hard to count. So let all workers add 1.0, over
# and over, to weights that begin at 0. Each knows how often it added. The sum of the weights
# should be the sum of those counts; what is missing was lost. Doubles hold whole numbers
# exactly, so no rounding blurs the count.
#
# ```{literalinclude} /../hogwild/reference/lessons.py
# :pyobject: add_ones
# :language: python
# ```
#
# Three things make this count honest:
#
# - The workers wait for each other at a barrier. A worker that is done before the other has
#   begun loses nothing, and proves nothing.
# - Each reports when it began and when it ended, by one clock, so that the *overlap* can be
#   given: the share of the time in which both were adding.
# - Nothing in the loop counts. The instrument would make the steps longer, and so the losses
#   rarer.
#
# These are four ways to add 1.0 to the weights `ix`:
#
# ```{literalinclude} /../hogwild/reference/lessons.py
# :pyobject: _add_round
# :language: python
# ```

# %%
from statistics import mean, median

seeds = iter(range(1000))


def count_lost(write, n_features, seconds=(0.05, 0.05)):
    """Return the share of additions lost by two workers, and their overlap."""
    shared[:] = 0.0
    tasks = [lessons.Task(write, n_features, nnz=4, seconds=s, seed=next(seeds)) for s in seconds]
    counts = pool.run_on_each(lessons.add_ones, tasks)
    wanted = counts[0].added + counts[1].added
    got = shared[:n_features]
    assert (got <= wanted).all()  # an update may get lost, none is ever gained
    return float((wanted - got).sum() / wanted.sum()), lessons.overlap(counts)


n_runs = 5
on_four = {write: [count_lost(write, 4) for _ in range(n_runs)] for write in lessons.WRITES}

print("four weights, all of them in each addition; five runs")
print(f"{'':12s} {'median':>9s} {'largest':>9s}   overlap")
for write, runs in on_four.items():
    shares = [share for share, _ in runs]
    least = min(overlap for _, overlap in runs)
    print(f"{write:12s} {median(shares):9.3%} {max(shares):9.3%}   {least:.2f} or more")

assert all(share == 0.0 for share, _ in on_four["locked"])

# %% [markdown]
# Under the lock nothing gets lost; this is checked, not hoped. The other rows differ by how
# long the pause between read and store lasts:
#
# - `plain` reads all four weights, adds, and stores all four, in three calls of numpy.
# - `one by one` does the same for a single weight, so the pause is shorter. This is what the
#   blog does.
# - `np.add.at` adds in one compiled loop. Between a weight's read and its store lie a few
#   instructions.
#
# So `np.add.at` is as near as numpy comes to the paper's addition. It is not atomic either.
# Losses come in bursts: a process that is put to sleep at the wrong moment wakes up and stores
# an old value over all that the other has done meanwhile. This is why one run says little, and
# why the largest of several stands beside their median.

# %% [markdown]
# ### In a real training step
#
# With gradients in place of ones there is no sum known beforehand. The package does what the
# generators did above. Each worker adds its deltas also to an array of its own. After each
# epoch, when nobody writes, those sums are compared with what the weights hold. Ask for it with
# `lost_updates=True`. Two things to know: deltas of opposite sign that are both lost cancel, so
# the share is a lower bound; and noting each delta makes a step longer, so losses are rarer
# than without.
#
# One process is the control. It must show rounding and nothing else.

# %%
from hogwild.data import blog_data, blog_start
from hogwild.models import fit_linear

examples = blog_data(seed=0)[0].rows(slice(0, 8000))
settings = {
    "step": 0.001,
    "epochs": 3,
    "start": blog_start(seed=0),
    "intercept": False,
    "kernel": "numpy",  # w[ix] += delta, row by row
    "seed": 0,
    "lost_updates": True,
}
alone = fit_linear(examples, **settings, schedule="serial")
two = fit_linear(examples, **settings, n_workers=2, start_method="spawn")

for name, fit in (("one process", alone), ("two processes", two)):
    lost = fit.lost_updates
    print(f"{name:14s} {lost.updates} writes, lost {lost.share:.1e} of the way")

assert alone.lost_updates.share < 1e-10
assert alone.lost_updates.updates == two.lost_updates.updates == 3 * examples.nnz

# %% [markdown]
# And does it matter? The objective after each pass, for both:

# %%
for a, b in zip(alone.history, two.history, strict=True):
    print(f"pass {a.epoch}:  {a.objective:.2e}  {b.objective:.2e}")

assert two.history[-1].objective < two.history[0].objective

# %% [markdown]
# It learns all the same. A lost step is a step not taken; another row will ask for it again.
# Two numbers that differ here say nothing about losses: stale reads and another order of the
# rows move them too. **The loss is no detector of lost updates.**

# %% [markdown]
# ## The picture
#
# The same count, with the four weights of each addition drawn from more and more. Each dot is a
# run, the lines join the means. Five runs a point are few, and one bad run lifts a mean. Under
# the lock none is lost for any number of weights. The bottom line is for runs that lost nothing
# at all.

# %% mystnb={"image": {"alt": "Share of additions lost, by number of weights"}}
import matplotlib.pyplot as plt

n_weights = (4, 10, 100, 1_000, 10_000)
floor = 1e-6  # where a run without losses is drawn
shades = {"plain": "#a3341f", "one by one": "#b8741a", "add_at": "#1f5fa3"}

figure, axes = plt.subplots(figsize=(8, 4.6), layout="constrained")
for write, shade in shades.items():
    runs = {n: [count_lost(write, n) for _ in range(n_runs)] for n in n_weights[1:]}
    runs[4] = on_four[write]
    means = []
    for n in n_weights:
        shares = [share for share, _ in runs[n]]
        drawn = [max(share, floor) for share in shares]
        axes.plot([n] * n_runs, drawn, "o", color=shade, markersize=4, alpha=0.5)
        means.append(max(mean(shares), floor))
    axes.plot(n_weights, means, color=shade)
    axes.text(3.2, means[0], write, color=shade, ha="right", va="center")
axes.set(xscale="log", yscale="log", xlim=(0.8, 15_000), ylim=(floor / 2, 1))
axes.set_xticks(n_weights, [f"{n:,}" for n in n_weights])
ticks = {floor: "none", 1e-4: "0.01 %", 1e-3: "0.1 %", 1e-2: "1 %", 1e-1: "10 %", 1: "100 %"}
axes.set_yticks(list(ticks), list(ticks.values()))
axes.minorticks_off()
axes.set(xlabel="number of weights", title="Share of additions lost, two processes")
axes.grid(color="0.93")
axes.set_axisbelow(True)
axes.spines[["top", "right"]].set_visible(False)
plt.show()

# %% [markdown]
# The more weights there are, the rarer two processes meet at one of them. This is what "sparse"
# is for in the paper. The blog's ten weights stand near the left end. Lesson 4 puts numbers on
# it.

# %% [markdown]
# ## What goes wrong
#
# ### A zero that proves nothing
#
# Let worker 1 have no time at all. The other adds alone, in the plainest way to the fewest
# weights, and nothing gets lost:

# %%
share, together = count_lost("plain", 4, seconds=(0.05, 0.0))
print(f"lost {share:.0%}, overlap {together:.3f}")
assert share == 0.0

# %% [markdown]
# Without the overlap beside it that zero would look like good news. It happens unplanned: a
# compiled loop may be through all its rows before the other worker wakes up.
#
# ### The view instead of the memory
#
# Whatever is sent to a running process is pickled. A numpy array is pickled by copying its
# numbers, so a worker that gets the *view* trains a copy of its own. A `RawArray` can be handed
# over while a process is being started. Later it refuses:

# %%
import pickle
from multiprocessing.reduction import ForkingPickler  # what a pool sends with

received = pickle.loads(ForkingPickler.dumps(w))
received[2] = 99.0
assert w[2] == 0.5  # the sender sees nothing of it

try:
    ForkingPickler.dumps(raw)
except RuntimeError as error:
    refused = error
    print(error)
assert "inheritance" in str(refused)

# %% [markdown]
# The package's `SharedArray` is a `RawArray` with its view. It refuses in the same way, and
# says what to do.
#
# We are done with the pool.

# %%
pool.close()
pool.join()

# %% [markdown]
# ### Compiled code loses updates too
#
# Compiling makes the pause shorter; it does not close it. But compiled code can do what numpy
# can't: processors have an atomic addition, and with the extra `fast` the package uses it for
# `write="atomic"`. Two threads are enough to see the difference, for compiled code here runs
# without Python's own lock, and the race is that of two processes. Expect the plain loop to do
# badly. It may keep the weight in a register while it adds, and then its pause is as long as
# the whole loop.

# %%
from threading import Barrier, Thread

from hogwild.kernels.compiled import atomics, have_numba, jit

if have_numba():
    atomic_add = atomics().add

    @jit
    def add_plainly(w, n):
        for _ in range(n):
            w[0] += 1.0

    @jit
    def add_atomically(w, n):
        for _ in range(n):
            atomic_add(w, 0, 1.0)

    def add_together(add, w, n, barrier):
        barrier.wait()
        add(w, n)

    n = 5_000_000
    for name, add in (("plain", add_plainly), ("atomic", add_atomically)):
        add(np.zeros(1), 1)  # compiles it
        weight = np.zeros(1)
        job = (add, weight, n, Barrier(2))
        threads = [Thread(target=add_together, args=job) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(f"{name:7s} lost {1 - weight[0] / (2 * n):.1%} of {2 * n:,}")
        assert weight[0] <= 2 * n
    assert weight[0] == 2 * n  # the atomic one, which was the last
else:
    print("not run: pip install 'hogwild[fast]'")

# %% [markdown]
# ## Exercises
#
# Each asks for one function. The checks below it run on the solution that is folded away; open
# this lesson as a notebook, put your own function in its place, and run the checks.
#
# ### 1. Three workers, one survivor
#
# Three workers add 1.0 to the same weight with `add_in_moves`. Return an order of their six
# moves after which the weight is 1.
#
# ```python
# def worst_order():
#     ...
# ```


# %% tags=["hide-input"] mystnb={"code_prompt_show": "Show a solution"}
def worst_order():
    """Everybody reads before anybody stores."""
    return [0, 1, 2, 0, 1, 2]


# %%
order = worst_order()
assert sorted(order) == [0, 0, 1, 1, 2, 2]
weight = [0.0]
run([add_in_moves(weight, 0, 1.0) for _ in range(3)], order)
assert weight == [1.0]

# %% [markdown]
# ### 2. A lock
#
# Write the addition in moves with a lock. `taken` is a list with one truth value that all
# workers see. A worker that finds it true waits: it makes a move in which nothing happens. What
# it does between two `yield`s nobody can interrupt.
#
# ```python
# def locked_add_in_moves(w, j, delta, taken):
#     ...
# ```


# %% tags=["hide-input"] mystnb={"code_prompt_show": "Show a solution"}
def locked_add_in_moves(w, j, delta, taken):
    """Wait for the lock, add, give it back."""
    while taken[0]:
        yield
    taken[0] = True  # in the same move as the last look: nobody else can come between
    old = w[j]
    yield
    w[j] = old + delta
    taken[0] = False


# %%
for order in interleavings(4, 4):
    weight, taken = [0.0], [False]
    workers = [locked_add_in_moves(weight, 0, 1.0, taken) for _ in range(2)]
    run(workers, order + [0, 1, 0, 1])  # time enough for both to end
    assert weight == [2.0]
    assert taken == [False]

# %% [markdown]
# ### 3. How often do two rows meet?
#
# Two rows have `k` columns each, drawn at random from `n`. Return the probability that they
# share at least one. It is 5/6 for 2 columns of 4.
#
# ```python
# def chance_to_meet(n, k):
#     ...
# ```

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Show a solution"}
from math import comb


def chance_to_meet(n, k):
    """One minus the chance that the second row's columns all lie outside the first's."""
    return 1.0 - comb(n - k, k) / comb(n, k)


# %%
assert abs(chance_to_meet(4, 2) - 5 / 6) < 1e-12
assert chance_to_meet(4, 4) == 1.0
assert chance_to_meet(100, 0) == 0.0

random = np.random.default_rng(0)
pairs = [(random.permutation(20)[:3], random.permutation(20)[:3]) for _ in range(2000)]
met = sum(len(np.intersect1d(a, b)) > 0 for a, b in pairs) / len(pairs)
assert abs(chance_to_meet(20, 3) - met) < 0.05

for n in n_weights:
    print(f"4 of {n:6,}: {chance_to_meet(n, 4):.4f}")
assert 9 < chance_to_meet(1_000, 4) / chance_to_meet(10_000, 4) < 10

# %% [markdown]
# With ten times the weights two rows meet about a tenth as often. Compare with the slope of the
# lines in the picture.
#
# ## Sources
#
# - S. Rome, *Hogwild!? Implementing Async SGD in Python*, 2017,
#   [srome.github.io](https://srome.github.io): the shared array without a lock, and the weights
#   as a global.
# - F. Niu, B. Recht, C. Ré, S. J. Wright, *Hogwild!: A Lock-Free Approach to Parallelizing
#   Stochastic Gradient Descent*, NIPS 2011, [arXiv:1106.5730](https://arxiv.org/abs/1106.5730),
#   section 3: additions to one component are atomic, gradients may be some updates old.
# - [`multiprocessing`](https://docs.python.org/3/library/multiprocessing.html) in Python's
#   documentation: start methods, and the remark at `Value` that `+=` is not atomic.
