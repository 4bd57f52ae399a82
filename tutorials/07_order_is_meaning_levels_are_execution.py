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
# # 7. Order is meaning, levels are execution
#
# **You will** sort the ratings of a block in several ways and look at the bits that come out. You
# will find out by hand which updates may change places, give each rating a level, and let numpy
# do a whole level at a time.
#
# **You will learn** what the order of the ratings decides and what it doesn't, why "by user" and
# "by item" are one method, what the article's random, ordered and partial random methods differ
# in, and how numpy alone does sequential SGD some tens of times as fast as a loop.
#
# **You need** {doc}`lesson 5 <05_a_matrix_cut_in_blocks>` for the update and for the blocks. The
# last line of the table of speeds uses the extra `fast` and is left out without it.

# %% [markdown]
# ## What the article says
#
# Zhuang, Chin, Juan and Lin (2013, section 4.2) ask in which order one worker should go through
# its ratings. Taken at *random*, each rating jumps to another row of $P$ and another row of $Q$,
# and the processor waits for memory. Taken *ordered*, all of one user and then all of the next, a
# row of $P$ stays at hand until it is done with. But the article finds that the ordered method is
# not stable: with a larger step its error stays far above the others'. Its answer is the
# *partial random* method. Inside a block the ratings are ordered; which block comes next is left
# to chance.
#
# That was about memory. Today's processors have a second reason to dislike the order by user:
# consecutive ratings write the same row, so each update waits for the one before. And numpy can't
# do two updates at a time if the second needs the first. This lesson takes the two things apart:
# the order that is *meant*, and the order in which it is *carried out*.

# %%
import time
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np

from hogwild.data import generate_ratings
from hogwild.kernels.compiled import have_numba
from hogwild.models import fill, fit_factors, plan_grid
from hogwild.reference.factors import rmse, sgd_factors
from hogwild.reference.levels import by_level, levels

plt.rcParams.update(
    {"font.size": 11, "axes.spines.top": False, "axes.spines.right": False, "figure.dpi": 130}
)
RED, BLUE, GREY = "#a3341f", "#1f5fa3", "0.4"

# %% [markdown]
# ## By hand: four users, four items
#
# | | item 0 | item 1 | item 2 | item 3 |
# |---|---|---|---|---|
# | user 0 | 5 | 3 | . | 1 |
# | user 1 | . | 4 | 2 | . |
# | user 2 | 4 | . | 5 | . |
# | user 3 | . | . | . | 2 |
#
# An update reads and writes the row of its user and the row of its item, and nothing else. Give
# each user and each item one factor, 1 to begin with, and take a step of 0.1 without a penalty.
# User 0 rates item 0 with 5: the error is $5 - 1 \cdot 1 = 4$, and both factors become $1 + 0.1
# \cdot 4 \cdot 1 = 1.4$. His rating of item 1 comes next: the error is $3 - 1.4 = 1.6$, and his
# factor becomes $1.4 + 0.16 = 1.56$. Had item 1 come first, he would have ended at 1.58.

# %%
u4 = np.array([0, 0, 0, 1, 1, 2, 2, 3])
i4 = np.array([0, 1, 3, 1, 2, 0, 2, 3])
r4 = np.array([5.0, 3.0, 1.0, 4.0, 2.0, 4.0, 5.0, 2.0])


def after(order):
    """Return the factors after updates in this order, from ones."""
    P, Q = np.ones((4, 1)), np.ones((4, 1))
    sgd_factors(u4[order], i4[order], r4[order], P, Q, step=0.1, reg=0.0)
    return P.ravel(), Q.ravel()


print("0 then 1:", after([0, 1])[0].round(4), after([0, 1])[1].round(4))
print("1 then 0:", after([1, 0])[0].round(4), after([1, 0])[1].round(4))
assert abs(after([0, 1])[0][0] - 1.56) < 1e-12
assert abs(after([1, 0])[0][0] - 1.58) < 1e-12

# %% [markdown]
# The rating of user 0 for item 1 and that of user 2 for item 0 have nothing in common. Each works
# on two numbers that the other never looks at, so it makes no difference which goes first. Not
# *hardly any* difference: the same operations get the same operands, and the bits are the same.

# %%
for one, other in zip(after([1, 5]), after([5, 1]), strict=True):
    assert np.array_equal(one, other)

# %% [markdown]
# Now go through all eight, by user, and ask of each rating how many updates must be over before
# it may start. The first waits for none: level 0. The next has the same user, so it comes after
# it: level 1. In general a rating comes right after the latest of its user's and its item's
# earlier ratings.
#
# | level | item 0 | item 1 | item 2 | item 3 |
# |---|---|---|---|---|
# | user 0 | 0 | 1 | . | 2 |
# | user 1 | . | 2 | 3 | . |
# | user 2 | 1 | . | 4 | . |
# | user 3 | . | . | . | 3 |
#
# Eight updates, but only five levels. No row and no column of the table has a number twice, so
# the ratings of one level are disjoint and may be done in any order, or at the same time.

# %%
level4 = levels(u4, i4)
print(level4)
assert level4.tolist() == [0, 1, 2, 2, 3, 1, 4, 3]

for one, other in zip(after(np.arange(8)), after(by_level(u4, i4)), strict=True):
    assert np.array_equal(one, other)

# %% [markdown]
# You know this rule from lesson 5. There two *blocks* may run at the same time if they share no
# row and no column of the grid. Here the blocks have one rating each.
#
# ## Plain code
#
# One pass finds all levels. For each user and each item it remembers the level from which on they
# are free again:
#
# ```{literalinclude} /../hogwild/reference/levels.py
# :pyobject: levels
# :language: python
# ```
#
# Now with more ratings. They are made up: 2,000 users and 1,000 items, a few of them with very
# many ratings, as in real collections; the stars come from hidden factors and noise.

# %%
ratings = generate_ratings(2000, 1000, 100_000, seed=0)
train, test = ratings.split(0.1, seed=0)
print(train)

few = train.rows(np.random.default_rng(0).permutation(len(train))[:8000])
K, STEP, REG = 8, 0.02, 0.05


def started(dtype=np.float64):
    """Return the same small random factors every time."""
    random = np.random.default_rng(1)
    both = random.random((few.n_users, K)) * 0.5, random.random((few.n_items, K)) * 0.5
    return both[0].astype(dtype), both[1].astype(dtype)


def run(order, dtype=np.float64):
    """Return the factors after one pass over `few` in this order."""
    P, Q = started(dtype)
    step, reg = dtype(STEP), dtype(REG)
    sgd_factors(few.u[order], few.i[order], few.r[order].astype(dtype), P, Q, step, reg)
    return P, Q


def same_bits(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


# %% [markdown]
# Four orders of 8,000 ratings: by user, by item, by the sum of both numbers, and at random. Each
# is run as it stands, and level by level.

# %%
given = {
    "by user": np.lexsort((few.i, few.u)),
    "by item": np.lexsort((few.u, few.i)),
    "diagonal": np.lexsort((few.u, few.u + few.i)),
    "random": np.random.default_rng(2).permutation(len(few)),
}
results, n_levels = {}, {}
for name, order in given.items():
    in_levels = order[by_level(few.u[order], few.i[order])]
    for dtype in (np.float64, np.float32):
        assert same_bits(run(order, dtype), run(in_levels, dtype))
    results[name] = run(order)
    n_levels[name] = int(levels(few.u[order], few.i[order]).max()) + 1
    error = rmse(test.u, test.i, test.r, *results[name])
    print(f"{name:9} {n_levels[name]:4} levels   RMSE on other ratings {error:.4f}")

busiest = max(np.bincount(few.u).max(), np.bincount(few.i).max())
print(f"the busiest user or item has {busiest} of the ratings")
assert all(busiest <= n < len(few) / 10 for n in n_levels.values())

# %% [markdown]
# Level by level, each order gives its own bits, in both precisions. That is the statement of the
# title: the order is what is meant, the levels are one way to carry it out, and nothing that is
# computed tells them apart. The number of levels can't be smaller than the number of ratings of
# the busiest user or item, for those must follow one another.
#
# Which of the four agree *with each other*?

# %%
names = list(given)
for a in range(4):
    equal = [names[b] for b in range(4) if same_bits(results[names[a]], results[names[b]])]
    print(f"{names[a]:9} has the bits of: {', '.join(equal)}")

assert same_bits(results["by user"], results["by item"])
assert same_bits(results["by user"], results["diagonal"])
assert not same_bits(results["by user"], results["random"])

# %% [markdown]
# By user, by item, by diagonal: the same bits. It has to be so. An order means no more than this:
# for each user, which of his ratings comes before which, and for each item the same. Sort by user
# and then item, and each user's ratings come by item, and each item's by user. Sort by item and
# then user, and they come just so too. The article's two ordered methods are one method, as far
# as results go. They differ in how memory is visited.
#
# ## A level at a time, in numpy
#
# Inside a level no row comes twice. So all its rows can be read together, moved together, and
# written back together:


# %%
def update_level(u, i, r, P, Q, step, reg):
    """The updates of one level; disjoint, so this is what one after the other gives."""
    p, q = P[u], Q[i]
    e = (r - np.cumsum(p * q, axis=1)[:, -1])[:, None]
    P[u] = p + step * (e * q - reg * p)
    Q[i] = q + step * (e * p - reg * q)


def by_levels(u, i, r, P, Q, step, reg):
    """The updates of `sgd_factors`, a level at a time."""
    borders = np.concatenate([[0], np.cumsum(np.bincount(levels(u, i)))])
    order = by_level(u, i)
    for first, stop in pairwise(borders):
        now = order[first:stop]
        update_level(u[now], i[now], r[now], P, Q, step, reg)


for order in given.values():
    P, Q = started()
    by_levels(few.u[order], few.i[order], few.r[order].astype(float), P, Q, STEP, REG)
    assert same_bits((P, Q), run(order))

# %% [markdown]
# This *is* sequential SGD. It is not a mini-batch: each update sees all that came before it. Even
# the last bit agrees here, since `cumsum` adds the products of a row from left to right, as the
# loop does. The package's own numpy kernel lets numpy add them in the order it likes best, which
# is faster and agrees to rounding.
#
# How fast? Processor time for one rating, the best of three, 32 factors.

# %%
wide = dict(n_factors=32, step=0.003, schedule="serial", grid=1, seed=0)


def nanoseconds(work, n_ratings):
    """Return the processor time of work() in ns a rating, the least of three."""
    spent = []
    for _ in range(3):
        begin = time.process_time()
        work()
        spent.append(time.process_time() - begin)
    return 1e9 * min(spent) / n_ratings


def epoch(kernel, by_level=True):
    """Return that of the fastest of six epochs of `fit_factors`, all in this process."""
    times = []
    fit_factors(
        train, **wide, by_level=by_level, kernel=kernel, epochs=7,
        callback=lambda record: times.append(time.process_time()),
    )  # fmt: skip
    return 1e9 * min(np.diff(times)) / len(train)


P, Q = np.full((2000, 32), 0.1), np.full((1000, 32), 0.1)
some = [part[:4000] for part in (few.u, few.i, few.r.astype(float))]
speeds = {
    "a loop over rows of numpy": nanoseconds(lambda: sgd_factors(*some, P, Q, 0.003, 0.05), 4000),
    "numpy, a level at a time": epoch("numpy"),
}
if have_numba():
    speeds["compiled, by user as it stands"] = epoch("numba", by_level=False)
    speeds["compiled, by user in levels"] = epoch("numba")
for name, value in speeds.items():
    print(f"{name:31} {value:7.0f} ns a rating")

assert speeds["numpy, a level at a time"] < speeds["a loop over rows of numpy"] / 3

# %% [markdown]
# The assert is loose on purpose: times are the machine's own. When we measured, numpy was about
# thirty times as fast as the loop, and the compiled loop about forty times as fast as numpy. What
# is left is the price of a call: a level here has about a hundred ratings, and takes some twenty
# calls of numpy. More users and items make longer levels, and cheaper ratings.
#
# The compiled loop gains too, and from the same cause. By user, each update has to wait for the
# row that the one before is just writing. By level, neighbours never share a row.
#
# ## The picture
#
# One block of a grid of 8 x 8, each rating at its place and coloured by its level, meant by user
# and meant at random. Below: how many ratings each level has.

# %% mystnb={"image": {"alt": "A block coloured by level: waves by user, confetti at random"}}
plan = plan_grid(train, 8, seed=1)
part = slice(int(plan.starts[9]), int(plan.starts[10]))  # block (1, 1)
block = {}
for order in ("user", "random"):
    u, i, r = (np.empty(len(train), kind) for kind in (np.int32, np.int32, np.float32))
    borders = fill(plan, train, u, i, r, seed=0, order=order)[9]
    level = np.repeat(np.arange(len(borders) - 1), np.diff(borders))
    block[order] = u[part] - plan.user_edges[1], i[part] - plan.item_edges[1], level

figure, axes = plt.subplots(2, 2, figsize=(9, 6.2), layout="constrained", height_ratios=(2.2, 1))
for column, (order, (u, i, level)) in enumerate(block.items()):
    above, below = axes[:, column]
    above.scatter(i, u, c=level, s=7, cmap="viridis", linewidths=0)
    above.set(title=f"meant {'by user' if order == 'user' else 'at random'}", xlabel="item")
    above.invert_yaxis()
    widths = np.bincount(level)
    below.bar(np.arange(len(widths)), widths, width=1, color=BLUE)
    below.set(xlabel="level", ylim=(0, 75), xlim=(-1, 80))
    below.text(79, 66, f"{len(widths)} levels", ha="right", color=BLUE)
    assert len(np.unique(u * 1000 + level)) == len(level)  # no user twice in a level
    assert len(np.unique(i * 1000 + level)) == len(level)  # and no item
axes[0, 0].set_ylabel("user")
axes[1, 0].set_ylabel("ratings")
plt.show()

# %% [markdown]
# Meant by user, the levels run through the block like waves, from its upper left corner to its
# lower right one: along a wave all is independent. Meant at random they are confetti, and no less
# disjoint.
#
# ## On two processes
#
# The same rule holds at two scales. Between blocks it lets processes work side by side, inside a
# block it lets an instruction work on many ratings. DSGD keeps to it at both, so on a given grid
# its bits depend on nothing but the seed: not on the number of workers, not on levels.

# %%
small = train.rows(slice(0, 20_000))
settings = dict(n_factors=8, step=0.02, epochs=2, seed=3, kernel="python", dtype="float64")
fits = {}
for n_workers in (1, 2):
    for by in (False, True):
        fits[n_workers, by] = fit_factors(
            small, **settings, schedule="dsgd", grid=4, n_workers=n_workers, by_level=by
        )
reference = fits[1, False].model
for (n_workers, by), fit in fits.items():
    assert same_bits((fit.model.P, fit.model.Q), (reference.P, reference.Q))
    print(f"{n_workers} workers, levels {by!s:5}: {fit.model.P[0, :3]}")

# %% [markdown]
# ## Random, ordered, partial random
#
# So the order by item needs no test of its own. Three methods are left, and the numbers of an
# epoch decide between them. One block and its ratings at random; one block, ordered; and 16 x 16
# blocks, ordered inside and drawn at random. All in one process, with the article's step and with
# one seven times as large.

# %%
methods = {
    "random": dict(grid=1, order="random"),
    "ordered": dict(grid=1, order="user"),
    "partial random": dict(grid=16, order="user"),
}
curves = {}
for step in (0.003, 0.02):
    for name, choice in methods.items():
        fit = fit_factors(
            train, **choice, n_factors=16, step=step, epochs=20, schedule="serial", seed=0,
            validation=test,
        )  # fmt: skip
        curves[step, name] = [record.validation["rmse"] for record in fit.history]
        shown = "  ".join(f"{curves[step, name][e]:.3f}" for e in (0, 1, 2, 4, 9, 19))
        print(f"step {step:5}  {name:14}  {shown}")
print("RMSE on other ratings after 1, 2, 3, 5, 10 and 20 passes")

for step in (0.003, 0.02):
    last = [curves[step, name][-1] for name in methods]
    assert max(last) - min(last) < 0.01
assert curves[0.02, "ordered"][0] > 1.5 * curves[0.02, "random"][0]
assert abs(curves[0.02, "partial random"][0] - curves[0.02, "random"][0]) < 0.1

# %% [markdown]
# With the small step all three are alike from the first pass on. With the large one the ordered
# method comes out of its first pass far behind: it has pulled each user's row through all his
# ratings at once, while the items were still as they started. Partial random has none of that. It
# follows the random method, at the speed of the ordered one.

# %% mystnb={"image": {"alt": "RMSE by pass: ordered is behind at first with the large step"}}
figure, panels = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained", sharey=True)
colours = {"random": GREY, "ordered": RED, "partial random": BLUE}
for axes, step in zip(panels, (0.003, 0.02), strict=True):
    for name, colour in colours.items():
        look = {"marker": "o", "markersize": {RED: 7, GREY: 10, BLUE: 4}[colour]}
        axes.plot(range(1, 11), curves[step, name][:10], color=colour, linewidth=1.5, **look)
    axes.set(title=f"step {step}", xlabel="passes", xlim=(0.6, 10.2), xticks=range(1, 11))
panels[0].text(4.3, 1.5, "all three")
panels[1].text(1.3, 1.8, "ordered", color=RED)
panels[1].text(2.2, 1.03, "random, and upon it partial random", color=BLUE)
panels[0].set(ylabel="RMSE on other ratings", ylim=(0.8, 3.4))
plt.show()

# %% [markdown]
# ## What goes wrong: ratings that only look disjoint
#
# Numpy's update of a level is right because no row comes twice in it. Nothing in numpy checks
# that. `P[u] = ...` with a user who comes twice keeps the last of his two rows, and the other
# update is gone without a word: a lost update, in a single process. Leave out the levels, and
# take a thousand ratings at a time as they come.

# %%
order = np.random.default_rng(4).permutation(len(train))
u, i, r = train.u[order], train.i[order], train.r[order].astype(float)
batches = [slice(first, first + 1000) for first in range(0, len(order), 1000)]
gone = sum(len(u[b]) - len(np.unique(u[b])) + len(i[b]) - len(np.unique(i[b])) for b in batches)
print(f"{gone / (2 * len(order)):.0%} of all row updates are overwritten")
assert gone > 0.3 * 2 * len(order)

starts = 0.1 * np.random.default_rng(5).random((3000, 16))
right, wrong = [(starts[:2000].copy(), starts[2000:].copy()) for _ in range(2)]
for passes in range(1, 5):
    by_levels(u, i, r, *right, 0.003, REG)
    for b in batches:
        update_level(u[b], i[b], r[b], *wrong, 0.003, REG)
    good, bad = (rmse(test.u, test.i, test.r, *pair) for pair in (right, wrong))
    print(f"pass {passes}: RMSE {good:.3f} by level, {bad:.3f} by a thousand")
    assert bad > good + 0.1

# %% [markdown]
# No error, no warning, and it does learn, only later: the numbers look like a step that is too
# small. That is what makes it hard to find. A test that compares bits finds it at once.
#
# ## Exercises
#
# Each asks for one function. The checks below it run on the solution that is folded away; open
# this lesson as a notebook, put your own function in its place, and run the checks.
#
# ### 1. Do two orders mean the same?
#
# Write a function that tells, without computing a factor, whether two orders of the same ratings
# give the same bits from any start. No pair of user and item comes twice.
#
# ```python
# def same_meaning(u, i, one, other):
#     ...
# ```


# %% tags=["hide-input"]
def same_meaning(u, i, one, other):
    """Each user's ratings, and each item's, must come in the same sequence."""

    def sequences(order):
        place = np.empty(len(order), int)
        place[order] = np.arange(len(order))
        return [np.lexsort((place, ids)) for ids in (u, i)]

    return all(np.array_equal(a, b) for a, b in zip(sequences(one), sequences(other), strict=True))


# %%
for a in names:
    for b in names:
        expected = same_bits(results[a], results[b])
        assert same_meaning(few.u, few.i, given[a], given[b]) == expected
assert same_meaning(u4, i4, np.arange(8), by_level(u4, i4))
assert not same_meaning(u4, i4, np.arange(8), np.arange(8)[::-1])

# %% [markdown]
# ### 2. A staircase
#
# Find $2n - 1$ ratings of $n$ users and $n$ items that have $2n - 1$ levels in the order by user,
# so that numpy can do nothing together, although no user and no item has more than two of them.
# Then find an order of the same ratings that has two levels.
#
# ```python
# def staircase(n):
#     ...                 # return u, i, in the order by user
#
# def two_levels(u, i):
#     ...                 # return an order of them
# ```


# %% tags=["hide-input"]
def staircase(n):
    """Right, down, right, down: each rating shares a row or a column with the one before."""
    step = np.arange(2 * n - 1)
    return step // 2, (step + 1) // 2


def two_levels(u, i):
    """Every second one: first the diagonal, then what stands beside it."""
    return np.concatenate([np.flatnonzero(u == i), np.flatnonzero(u != i)])


# %%
for n in (2, 4, 100):
    u, i = staircase(n)
    assert len(u) == 2 * n - 1
    assert max(np.bincount(u).max(), np.bincount(i).max()) <= 2
    assert np.array_equal(np.lexsort((i, u)), np.arange(len(u)))
    assert levels(u, i).max() + 1 == 2 * n - 1
    order = two_levels(u, i)
    assert sorted(order) == list(range(len(u)))
    assert levels(u[order], i[order]).max() + 1 == 2

# %% [markdown]
# ### 3. Are these levels right?
#
# Somebody hands you levels, perhaps others than ours. Write the test: going by them gives the
# same bits as the order in which the ratings stand, whatever the factors are.
#
# ```python
# def are_right(u, i, level):
#     ...
# ```


# %% tags=["hide-input"]
def are_right(u, i, level):
    """In every row and every column the levels must rise."""
    for ids in (u, i):
        by = np.argsort(ids, kind="stable")
        same_row = np.diff(ids[by]) == 0
        if (np.diff(level[by])[same_row] <= 0).any():
            return False
    return True


# %%
assert are_right(u4, i4, level4)
assert are_right(u4, i4, 10 * level4)  # gaps do no harm
assert are_right(u4, i4, np.arange(8))  # one after the other is always right
assert not are_right(u4, i4, np.zeros(8, int))
assert not are_right(u4, i4, level4.max() - level4)
late = level4.copy()
late[0] = 1  # the first rating of user 0, moved beside his second
assert not are_right(u4, i4, late)
for order in given.values():
    assert are_right(few.u[order], few.i[order], levels(few.u[order], few.i[order]))

# %% [markdown]
# ## Sources
#
# - Y. Zhuang, W.-S. Chin, Y.-C. Juan, C.-J. Lin, *A Fast Parallel SGD for Matrix Factorization in
#   Shared Memory Systems*, RecSys 2013: section 4.2 for the three orders, figures 9 and 11 for
#   what becomes of them.
# - R. Gemulla, E. Nijkamp, P. J. Haas, Y. Sismanis, *Large-Scale Matrix Factorization with
#   Distributed Stochastic Gradient Descent*, KDD 2011: updates that may change places.
