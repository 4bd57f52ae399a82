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
# # 5. A matrix cut in blocks
#
# **You will** find numbers for four people and four films by hand, find out which two ratings
# may change places, cut a bigger table in blocks, and hand the blocks out to two workers with
# `acquire` and `release`.
#
# **You will learn** what a free block is, why a grid needs one row and one column more than
# there are workers, and why two workers at once end at the very bits of one worker alone.
#
# **You need** {doc}`lesson 1 <01_sgd_on_one_sparse_row>`. There are no processes in this lesson:
# the workers take turns, so every run can be stopped, looked at and repeated.

# %% [markdown]
# ## What the article says
#
# A table of ratings has a row for each person and a column for each film, and most of it is
# empty. The article (Zhuang, Chin, Juan and Lin 2013) gives every person $u$ a short list of
# numbers $p_u$, and every film $i$ a list $q_i$ as long. The rating is to be near
#
# $$p_u \cdot q_i = \sum_d p_{ud} q_{id}.$$
#
# Once the lists are found, the product also says something where the table is empty. One SGD
# step takes one known rating $r$ and its error $e = r - p_u \cdot q_i$, and moves both lists
# (equations 2 and 3):
#
# $$p_u \leftarrow p_u + \gamma (e\, q_i - \lambda p_u), \qquad
#   q_i \leftarrow q_i + \gamma (e\, p_u - \lambda q_i).$$
#
# $\gamma$ is the step, $\lambda$ a small weight that keeps the numbers from growing. Both right
# sides use the old $p_u$ and $q_i$.
#
# Several workers on one table would overwrite each other's lists (lesson 2 shows how). The
# article's way out (section 4): cut the table in blocks, and let two workers be busy at the same
# time only in blocks that have no person and no film in common.

# %% [markdown]
# ## By hand: one rating
#
# Let the lists be one number long. Ann's is 1, the film's is 2, and Ann has given 3 stars. The
# product says 2, so $e = 1$. With $\gamma = 0.1$ and $\lambda = 0$ Ann's number becomes $1 + 0.1
# \cdot 1 \cdot 2 = 1.2$, and the film's $2 + 0.1 \cdot 1 \cdot 1 = 2.1$.

# %%
p, q, r = 1.0, 2.0, 3.0
e = r - p * q
p, q = p + 0.1 * e * q, q + 0.1 * e * p

assert (p, q) == (1.2, 2.1)

# %% [markdown]
# Python takes the whole right side before it stores anything. In two lines it is easily written
# wrong, and much code has it wrong:

# %%
p, q = 1.0, 2.0
p = p + 0.1 * e * q
q = q + 0.1 * e * p  # too late: this is the new p

assert abs(q - 2.12) < 1e-12  # and not 2.1

# %% [markdown]
# ## By hand: four by four
#
# | | film 0 | film 1 | film 2 | film 3 |
# |---|---|---|---|---|
# | Ann | 5 | 3 | . | 1 |
# | Ben | 4 | . | 2 | 1 |
# | Cleo | 1 | 1 | . | 5 |
# | Dan | . | 1 | 5 | 4 |
#
# Twelve ratings are known. `u` and `i` say whose they are and of which film.

# %%
import numpy as np

u = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3])
i = np.array([0, 1, 3, 0, 2, 3, 0, 1, 3, 1, 2, 3])
r = np.array([5.0, 3.0, 1.0, 4.0, 2.0, 1.0, 1.0, 1.0, 5.0, 1.0, 5.0, 4.0])

random = np.random.default_rng(0)
P0, Q0 = random.random((4, 2)), random.random((4, 2))  # two numbers each

# %% [markdown]
# The step of the package's reference does what we did, for one rating after the other:
#
# ```{literalinclude} /../hogwild/reference/factors.py
# :pyobject: sgd_factors
# :language: python
# ```

# %%
from hogwild.reference.factors import rmse, sgd_factors

P, Q = P0.copy(), Q0.copy()
print(f"before          {rmse(u, i, r, P, Q):.3f} stars off")
for number in range(1, 201):
    sgd_factors(u, i, r, P, Q, step=0.05, reg=0.02)
    if number in (1, 10, 200):
        print(f"after {number:3d} passes {rmse(u, i, r, P, Q):.3f}")
print(f"Ann would give film 2 {P[0] @ Q[2]:.1f} stars")

assert rmse(u, i, r, P, Q) < 0.5 < rmse(u, i, r, P0, Q0)

# %% [markdown]
# ## Which ratings may change places
#
# A step reads and writes one row of $P$ and one row of $Q$, nothing else. So two ratings with
# another person *and* another film have nothing to do with each other. It should not matter
# which comes first, not even in the last bit. Try all pairs of the twelve:


# %%
def end_of(order):
    """Return the bits of P and Q after these ratings, in this order."""
    P, Q = P0.copy(), Q0.copy()
    order = list(order)
    sgd_factors(u[order], i[order], r[order], P, Q, step=0.05, reg=0.02)
    return P.tobytes() + Q.tobytes()


swappable = []
for s in range(12):
    for t in range(s + 1, 12):
        apart = u[s] != u[t] and i[s] != i[t]
        assert (end_of([s, t]) == end_of([t, s])) == apart
        swappable.append(apart)

print(sum(swappable), "of", len(swappable), "pairs can be swapped")

# %% [markdown]
# Exactly those pairs that share nothing. What can be swapped can also be done at the same time.
# A whole block of ratings is a long list of such pairs: if *no* rating of one block shares a
# person or a film with *any* of the other, two workers can do the two blocks at the same time.

# %% [markdown]
# ## Plain code: the grid
#
# Cut the people in two bands, the films in two bands, and the table falls into four blocks.
# Block $(a, c)$ has the number $2a + c$.

# %%
from hogwild.data import Ratings
from hogwild.models import plan_grid

table = Ratings.of_indices(u, i, r)
plan = plan_grid(table, 2, shuffle=False)
block = plan.block_of(table.u, table.i)
print("ratings in each block:", plan.sizes.reshape(2, 2).tolist())

assert plan.sizes.tolist() == [3, 3, 3, 3]
assert block[u < 2].max() == 1  # the first two people are in the blocks 0 and 1

# %% [markdown]
# The blocks 0 and 3 share nothing, and neither do 1 and 2. Any mixture of their ratings ends at
# the same bits, as long as each block keeps its own order. There are only 20 mixtures of three
# and three:

# %%
from itertools import combinations

ends = set()
for places in combinations(range(6), 3):
    first, second = iter(np.flatnonzero(block == 0)), iter(np.flatnonzero(block == 3))
    ends.add(end_of(next(first) if place in places else next(second) for place in range(6)))
assert len(ends) == 1

ends = set()
for places in combinations(range(6), 3):
    first, second = iter(np.flatnonzero(block == 0)), iter(np.flatnonzero(block == 1))
    ends.add(end_of(next(first) if place in places else next(second) for place in range(6)))
print("blocks 0 and 3: 1 end; blocks 0 and 1:", len(ends), "ends")
assert len(ends) > 1  # they share Ann and Ben

# %% [markdown]
# ## Free blocks
#
# Who may do what is the business of a small table. Its rule (section 4.1): a block is **free** if
# nobody is busy in its grid row or its grid column.

# %%
from hogwild.engine import FreeBlocks

free_blocks = FreeBlocks((3, 3))
free_blocks.take(0, block=0)  # worker 0 takes block (0, 0)
print([free_blocks.place(block) for block in free_blocks.free()])

assert free_blocks.free() == [4, 5, 7, 8]

# %% [markdown]
# ```
#       c = 0   1   2
# a = 0   [0]  -   -       [0] worker 0 is here
#     1    -   .   .        -  shares a row or a column with it
#     2    -   .   .        .  free
# ```
#
# The table counts how often each block was done. It refuses what is against the rule:

# %%
try:
    free_blocks.take(1, block=6)  # (2, 0): the column of worker 0
except ValueError as error:
    refused = error
    print(error)
assert "its row or column is busy" in str(refused)

# %% [markdown]
# FPSGD adds a second rule: of the free blocks take one with the **fewest updates**, and if
# there are several, any of them at random. That is nearly the whole algorithm:
#
# ```{literalinclude} /../hogwild/engine/fpsgd.py
# :pyobject: FPSGD.acquire
# :language: python
# ```
#
# Here is the article's own example. On a 3 x 3 grid worker 0 is busy in (0, 0). Worker 1 was in
# (2, 2), and is just done. Four blocks are free then, among them (2, 2) itself. That one has an
# update already, the other three have none:

# %%
free_blocks.take(1, block=8)
free_blocks.give_back(1, block=8)

assert free_blocks.free() == [4, 5, 7, 8]
assert free_blocks.least_updated() == [4, 5, 7]

# %% [markdown]
# Ask the schedule itself, with a hundred seeds that begin like this. `acquire` answers with a
# *grant*: its number, the block, and a tick that counts all decisions.

# %%
from hogwild.engine import FPSGD

answers = {4: 0, 5: 0, 7: 0}
seed = 0
while sum(answers.values()) < 100:
    schedule = FPSGD((3, 3), seed=seed)
    schedule.start(np.arange(9), np.ones(9, np.int64))
    one, two = schedule.acquire(0), schedule.acquire(1)
    if (one.block, two.block) == (0, 8):  # this seed begins as in the example
        schedule.release(1, two)
        answers[schedule.acquire(1).block] += 1
    seed += 1
print(answers)

assert min(answers.values()) > 15

# %% [markdown]
# ## A bigger table
#
# Some people rate much more than others, some films are known to all. We make such a table: the
# chance that a rating falls on the person or film of rank $n$ is proportional to
# $1/\sqrt{n}$. The stars come from hidden lists of three numbers, with some noise.


# %%
def long_tailed(n_users, n_items, n_ratings, seed):
    """Ratings of which few people gave, and few films got, a large part."""
    random = np.random.default_rng(seed)
    chance = [1.0 / np.sqrt(np.arange(1, n + 1)) for n in (n_users, n_items)]
    users, items = (
        random.choice(len(c), size=n_ratings, p=c / c.sum()).astype(np.int64) for c in chance
    )
    users, items = np.divmod(np.unique(users * n_items + items), n_items)  # each pair once
    hidden = [random.normal(size=(n, 3)) for n in (n_users, n_items)]
    stars = 3.5 + np.einsum("nk,nk->n", hidden[0][users], hidden[1][items]) / np.sqrt(3)
    stars += 0.3 * random.normal(size=len(users))
    return Ratings.of_indices(users, items, stars, n_users=n_users, n_items=n_items)


ratings = long_tailed(300, 200, 4000, seed=0)
as_they_come = plan_grid(ratings, 3, shuffle=False)
plan = plan_grid(ratings, 3, seed=1)

print(ratings)
for name, found in (("as they come", as_they_come), ("shuffled", plan)):
    print(f"{name:13s} {found.sizes.reshape(3, 3).tolist()}")

assert as_they_come.sizes.max() > 3 * as_they_come.sizes.min()
assert plan.sizes.max() < 2 * plan.sizes.min()

# %% [markdown]
# `plan_grid` shuffles people and films before it cuts. The blocks get more equal, and so do the
# times that workers spend in them. The article finds the heaviest block then less than twice as
# heavy as the lightest, and so it is here.
#
# ## The picture
#
# Every dot is a rating, the lines cut the blocks, the numbers count their ratings.

# %% mystnb={"image": {"alt": "The ratings in a 3 x 3 grid, before and after shuffling"}}
import matplotlib.pyplot as plt

figure, panels = plt.subplots(1, 2, figsize=(8, 4.4), layout="constrained")
for axes, found, title in (
    (panels[0], as_they_come, "Ids as they come"),
    (panels[1], plan, "Ids shuffled"),
):
    x, y = found.item_row[ratings.i], found.user_row[ratings.u]
    axes.plot(x, y, ".", color="#1f5fa3", markersize=1.5, alpha=0.6)
    for edge in found.user_edges[1:-1]:
        axes.axhline(edge, color="#a3341f", linewidth=1)
    for edge in found.item_edges[1:-1]:
        axes.axvline(edge, color="#a3341f", linewidth=1)
    for number, size in enumerate(found.sizes):
        a, c = divmod(number, 3)
        middle = (
            found.item_edges[c : c + 2].mean(),
            found.user_edges[a : a + 2].mean(),
        )
        label = {"facecolor": "white", "edgecolor": "none", "pad": 2}
        axes.text(*middle, f"{size:,}", ha="center", va="center", bbox=label)
    axes.set(title=title, xlabel="film", ylabel="person", xlim=(0, 200), ylim=(300, 0))
plt.show()

# %% [markdown]
# ## Turning the crank
#
# Lay the ratings out block after block, each sorted by person. Then two workers take turns: who
# has no block asks for one, who has one does **one rating** of it. Whose turn it is, is drawn at
# random. As in lesson 2, a generator that pauses after each rating stands for a worker.

# %%
from hogwild.engine import Grant
from hogwild.models import fill

n = len(ratings)
u, i, r = np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n)
fill(plan, ratings, u, i, r, order="user", by_level=False)


def start_factors():
    """Return the same small factors every time."""
    random = np.random.default_rng(2)
    return 0.5 * random.random((300, 3)), 0.5 * random.random((200, 3))


def work(block, P, Q):
    """Do the ratings of one block, with a pause after each."""
    for t in range(plan.starts[block], plan.starts[block + 1]):
        one = slice(t, t + 1)
        sgd_factors(u[one], i[one], r[one], P, Q, step=0.02, reg=0.02)
        yield


def run_epoch(schedule, P, Q, random, n_workers=2):
    """Let the workers take turns until the schedule has no block left; return the grants."""
    schedule.start(np.arange(plan.n_blocks), plan.sizes)
    held, grants = {}, []
    while True:
        for worker in range(n_workers):
            if worker not in held:
                grant = schedule.acquire(worker)
                if isinstance(grant, Grant):  # else there is no block left, or none is free
                    held[worker] = grant, work(grant.block, P, Q)
                    grants.append((worker, grant))
        if not held:
            return grants
        worker = random.choice(list(held))
        grant, moves = held[worker]
        if next(moves, "done") == "done":
            schedule.release(worker, grant)
            del held[worker]


P, Q = start_factors()
schedule = FPSGD(plan.shape, seed=0)
turns = np.random.default_rng(3)
grants = run_epoch(schedule, P, Q, turns)

for worker, grant in grants:
    a, c = divmod(grant.block, 3)
    print(f"tick {grant.tick:2d}: worker {worker} takes ({a}, {c})")
assert len(grants) == 9

# %% [markdown]
# An epoch of FPSGD is as many blocks as the grid has, whichever they were; a block may come
# twice and another not at all. The counts go on from epoch to epoch, so nothing is left behind
# for long.

# %%
for _ in range(7):
    grants += run_epoch(schedule, P, Q, turns)
print("updates of each block after 8 epochs:", schedule.counts().tolist())
print(f"{rmse(u, i, r, *start_factors()):.3f} stars off before, {rmse(u, i, r, P, Q):.3f} after")

assert schedule.counts().sum() == 72
assert schedule.counts().max() - schedule.counts().min() <= 2
assert rmse(u, i, r, P, Q) < 1.2

# %% [markdown]
# Now the point of it all. Take the grants in their order, and let **one** worker do the blocks,
# each as a whole, one after the other:

# %%
P_alone, Q_alone = start_factors()
for _, grant in grants:
    for _ in work(grant.block, P_alone, Q_alone):
        pass

assert P_alone.tobytes() == P.tobytes()
assert Q_alone.tobytes() == Q.tobytes()
print("equal to the last bit")

# %% [markdown]
# Two workers at once, in an order of moves that nobody planned, and the result is that of a
# plain loop over blocks. All that has to be known is the list of grants. The package writes it
# down if asked (`trace=True`), and can replay it.

# %% [markdown]
# ## What goes wrong
#
# ### A grid that is too small
#
# Two workers on a 2 x 2 grid. When one gives its block back, the other is still busy, and blocks
# one row and one column. What is left is the block just done:

# %%
from hogwild.engine import imbalance


def counts_after(b, n_workers, n_epochs=20):
    """Give back and take in turns on a b x b grid; return the updates of each block."""
    schedule = FPSGD((b, b), seed=0)
    held = {}
    for _ in range(n_epochs):
        schedule.start(np.arange(b * b), np.ones(b * b, np.int64))
        for turn in range(b * b):
            worker = turn % n_workers
            if worker in held:
                schedule.release(worker, held.pop(worker))
            held[worker] = schedule.acquire(worker)
    return schedule.counts()


small, enough = counts_after(2, 2), counts_after(3, 2)
for name, counts in (("2 x 2", small), ("3 x 3", enough)):
    print(f"{name}: {counts.tolist()}, imbalance {imbalance(counts):.2f}")

assert (small == 0).sum() == 2
assert enough.max() - enough.min() <= 2

# %% [markdown]
# Two of the four blocks are never done, and half of the ratings are never seen. No error, no
# slowness: only a bad model. Hence the article's rule: for $s$ workers a grid of at least $(s+1)
# \times (s+1)$. The number behind the counts is its *degree of imbalance*: the gap between the
# most and the fewest updates, divided by the number of epochs.
#
# ### A schedule that forgets the rule
#
# This one takes the least updated block and asks not whether it is free:


# %%
class Careless:
    """Like FPSGD, without a look at rows and columns."""

    def __init__(self, n_blocks):
        self.counts, self.left = np.zeros(n_blocks, int), 0

    def start(self, order, updates):
        self.left = len(order)

    def acquire(self, worker):
        if self.left == 0:
            return None
        self.left -= 1
        block = int(np.argmin(self.counts))
        self.counts[block] += 1
        return Grant(self.left, block)

    def release(self, worker, grant):
        pass


P, Q = start_factors()
grants = run_epoch(Careless(plan.n_blocks), P, Q, np.random.default_rng(3))

P_alone, Q_alone = start_factors()
for _, grant in grants:
    for _ in work(grant.block, P_alone, Q_alone):
        pass

print("the grants begin with the blocks", [grant.block for _, grant in grants[:2]])
print(f"largest difference from the plain loop: {np.abs(P - P_alone).max():.1e}")
assert P_alone.tobytes() != P.tobytes()

# %% [markdown]
# Here a move is a whole rating, so nothing was lost; only the order of moves got into the result,
# and the list of grants does not tell it any more. With processes there would be lost updates
# too, as in lesson 2.
#
# ### Waiting
#
# The rule can leave a worker without a block. Let there be three workers on a 2 x 2 grid:

# %%
from hogwild.engine import WAIT

schedule = FPSGD((2, 2), seed=0)
schedule.start(np.arange(4), np.ones(4, np.int64))
held = schedule.acquire(0), schedule.acquire(1)
assert schedule.acquire(2) is WAIT  # nothing is free: ask again after a release
schedule.release(0, held[0])
assert schedule.acquire(2).block == held[0].block

# %% [markdown]
# On a grid with more rows and columns than workers this never happens. That is why FPSGD needs
# no barrier. Its forerunner DSGD has one, and lesson 6 shows what it costs.

# %% [markdown]
# ## Exercises
#
# Each asks for one function. The checks below it run on the solution that is folded away; open
# this lesson as a notebook, put your own function in its place, and run the checks.
#
# ### 1. How many are free?
#
# On a $b \times b$ grid $s$ workers are busy. Return how many blocks are free.
#
# ```python
# def n_free(b, s):
#     ...
# ```


# %% tags=["hide-input"] mystnb={"code_prompt_show": "Show a solution"}
def n_free(b, s):
    """Each worker takes a row and a column away."""
    return (b - s) ** 2


# %%
for b in range(1, 6):
    table = FreeBlocks((b, b))
    for s in range(b):
        assert n_free(b, s) == len(table.free())
        table.take(s, table.free()[0])
    assert n_free(b, b) == 0
assert n_free(9, 8) == 1  # the ninth row and column of the article's figure 7

# %% [markdown]
# ### 2. Your own schedule
#
# Return the block that a worker should get, or `None` if nothing is free. `busy` is a list of
# the blocks in work, `counts` the updates of each block as a $b \times b$ array; a block is a
# pair `(a, c)`. Of several take any.
#
# ```python
# def choose(busy, counts):
#     ...
# ```


# %% tags=["hide-input"] mystnb={"code_prompt_show": "Show a solution"}
def choose(busy, counts):
    """A free block with the fewest updates."""
    rows, columns = {a for a, _ in busy}, {c for _, c in busy}
    free = [(a, c) for a, c in np.ndindex(*counts.shape) if a not in rows and c not in columns]
    return min(free, key=lambda block: counts[block], default=None)


# %%
assert choose([], np.array([[3, 2], [4, 2]])) in {(0, 1), (1, 1)}
assert choose([(0, 1)], np.array([[0, 0], [7, 0]])) == (1, 0)
assert choose([(0, 0), (1, 1)], np.zeros((2, 2))) is None

counts, busy = np.zeros((4, 4), int), []
random = np.random.default_rng(0)
for _ in range(800):
    if len(busy) == 3:
        done = busy.pop(random.integers(3))
        counts[done] += 1
    block = choose(busy, counts)
    assert block is not None
    assert all(block[0] != a and block[1] != c for a, c in busy)
    busy.append(block)
print(counts.tolist())
assert counts.max() - counts.min() <= 4

# %% [markdown]
# ### 3. Strata
#
# DSGD does not choose. It cuts the grid beforehand into *strata*: sets of $b$ blocks of which no
# two share a row or a column, so that every block is in exactly one. Return $b$ strata of a $b
# \times b$ grid, each a list of block numbers $ab + c$.
#
# ```python
# def strata(b):
#     ...
# ```


# %% tags=["hide-input"] mystnb={"code_prompt_show": "Show a solution"}
def strata(b):
    """The diagonals, each wrapped around."""
    return [[a * b + (a + shift) % b for a in range(b)] for shift in range(b)]


# %%
from hogwild.engine import DSGD

for b in (1, 2, 3, 8):
    order = np.concatenate(strata(b))
    assert sorted(order) == list(range(b * b))
    schedule = DSGD((b, b))
    schedule.start(order, np.ones(b * b, np.int64))  # refuses two blocks in one row or column
    assert schedule.acquire(0).block == order[0]

# %% [markdown]
# ## Sources
#
# - Y. Zhuang, W.-S. Chin, Y.-C. Juan, C.-J. Lin, *A Fast Parallel SGD for Matrix Factorization in
#   Shared Memory Systems*, RecSys 2013: the update (section 2), free blocks and the choice among
#   them, the grid of $s+1$, shuffling (section 4), the degree of imbalance (figure 7).
# - R. Gemulla, E. Nijkamp, P. J. Haas, Y. Sismanis, *Large-Scale Matrix Factorization with
#   Distributed Stochastic Gradient Descent*, KDD 2011: ratings that can be interchanged, strata.
