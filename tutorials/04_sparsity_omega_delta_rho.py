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
# # 4. Sparsity: Omega, Delta, rho, and when it works
#
# **You will** count how much the rows of a data set get in each other's way, by hand and then for
# a few thousand rows. You will then delay gradients on purpose, in one process, and see which
# data bear it and which do not.
#
# **You will learn** what the paper's three numbers say, what its formula for the step promises,
# and where Hogwild! fails. And why an intercept spoils the sparsity of any data.
#
# **You need** {doc}`lesson 1 <01_sgd_on_one_sparse_row>` for the step. {doc}`Lesson
# 3 <03_hogwild_the_blog_from_start_to_end>` helps: it has the data of the blog.

# %% [markdown]
# ## What the paper says
#
# The objective is a sum of many terms, and each looks at a few coordinates of the weights. Call
# the coordinates of one row an *edge*. Two workers get in each other's way only if their edges
# share a coordinate. The paper (section 2) measures that by three numbers. $\Omega$ is the size
# of the largest edge. $\Delta$ is the share of edges that contain the commonest coordinate.
# $\rho$ is the largest share of edges that any one edge meets.
#
# Then (section 4) it assumes that a gradient is taken from weights which are at most $\tau$
# updates old, and proves that updates without locks arrive nearly as fast as in one process if
# $\Delta$ and $\rho$ are small for that $\tau$. It also assumes that adding to one coordinate is
# atomic. In Python it isn't: that is the subject of {doc}`lesson
# 2 <02_shared_memory_and_lost_updates>`.

# %%
from collections import deque

import matplotlib.pyplot as plt
import numpy as np
from scipy import sparse

from hogwild.data import Examples, blog_data, sparse_classification
from hogwild.models import Sparsity, fit_linear, paper_iterations, paper_step, sparsity

plt.rcParams.update(
    {"font.size": 11, "axes.spines.top": False, "axes.spines.right": False, "figure.dpi": 130}
)
RED, BLUE, GREY = "#a3341f", "#1f5fa3", "0.4"

# %% [markdown]
# ## By hand, on four rows
#
# Take the four rows of lesson 1. Only their pattern counts; a cross is an entry.
#
# | row | 0 | 1 | 2 | 3 | entries | rows that it meets |
# |---|---|---|---|---|---|---|
# | 0 | x | . | x | . | 2 | 0, 2, 3 |
# | 1 | . | x | . | x | 2 | 1, 2 |
# | 2 | . | . | x | x | 2 | 0, 1, 2 |
# | 3 | x | . | . | . | 1 | 0, 3 |
# | rows with it | 2 | 1 | 2 | 2 | | |
#
# The fullest row has 2 entries: $\Omega = 2$. The commonest column is in 2 of 4 rows: $\Delta =
# 1/2$. A row always meets itself. Row 0 meets row 2 through column 2, and row 3 through column 0.
# Three of four is the most that any row meets: $\rho = 3/4$.

# %%
four = np.array([[1, 0, 2, 0], [0, 1, 0, 1], [0, 0, 1, 3], [2, 0, 0, 0]])
found = sparsity(Examples(four, np.zeros(4)))
print(found)

assert (found.omega, found.delta, found.rho) == (2, 0.5, 0.75)
assert found.busiest_row in (0, 2)  # both meet three rows

# %% [markdown]
# ## Plain code
#
# Let $B$ be the pattern as a matrix of ones and zeros. $\Omega$ is its largest row sum, and
# $\Delta$ its largest column sum divided by the number of rows. The product $B B^T$ holds in row
# $e$ and column $f$ how many coordinates $e$ and $f$ share. So $\rho$ is the largest number of
# non-zeros in one of its rows, divided by the number of rows.


# %%
def sparsity_by_product(X):
    """Omega, Delta and rho by the definitions."""
    B = (X != 0).astype(int)
    shared = B @ B.T
    return (
        int(B.sum(axis=1).max()),
        float(B.sum(axis=0).max() / len(B)),
        float((shared != 0).sum(axis=1).max() / len(B)),
    )


assert sparsity_by_product(four) == (2, 0.5, 0.75)

rng = np.random.default_rng(0)
for density in (0.01, 0.05, 0.2):
    X = np.where(rng.random((300, 40)) < density, 1.0, 0.0)
    found = sparsity(Examples(X, np.zeros(300)))
    assert sparsity_by_product(X) == (found.omega, found.delta, found.rho)
    assert found.delta <= found.rho <= min(1.0, found.omega * found.delta)

# %% [markdown]
# The product has as many entries as there are pairs of rows that meet. For a million rows that is
# too many. `sparsity` finds the same numbers without it, and exactly.
#
# The last assert holds for any data: $\Delta \le \rho \le \min(1, \Omega \Delta)$. The rows with
# the commonest column all meet each other, and a row meets at most $\Delta m$ rows through each
# of its columns.
#
# ## Some data
#
# Five kinds of rows:
#
# - the blog's;
# - one-hot rows, as a census gives them: 14 questions, and one column for each answer. The sizes
#   are those of the public data set a8a, the answers are made up here;
# - text-like rows, where the feature of rank $r$ is drawn with probability proportional to $1/r$,
#   and, tamer, to $1/\sqrt{r}$;
# - ratings: a row has one column for the user and one for the item. This is the shape of matrix
#   completion.


# %%
def one_hot(m, rng):
    """Rows of 14 answers, 123 columns; one question has nearly always the same answer."""
    sizes = np.array([5, 8, 5, 16, 5, 7, 14, 6, 5, 2, 2, 2, 5, 41])
    columns = np.empty((m, len(sizes)), int)
    for question, size in enumerate(sizes):
        share = 1.0 / np.arange(1, size + 1)
        if question == 11:
            share = np.array([0.954, 0.046])
        answers = rng.choice(size, size=m, p=share / share.sum())
        columns[:, question] = sizes[:question].sum() + answers
    return pattern(columns, sizes.sum())


def pattern(columns, n):
    """Rows of ones in the given columns."""
    m, k = columns.shape
    bounds = np.arange(0, m * k + 1, k)
    return sparse.csr_matrix((np.ones(m * k), columns.ravel(), bounds), (m, n))


def examples_of(X):
    return Examples(X, np.zeros(X.shape[0]))


m = 5000
users, items = rng.integers(1000, size=m), 1000 + rng.integers(1000, size=m)
data = {
    "blog": blog_data(0)[0],
    "one-hot": examples_of(one_hot(m, rng)),
    "text, 1/r": sparse_classification(m, 20_000, 10, seed=0, exponent=1.0)[0],
    "text, 1/sqrt(r)": sparse_classification(m, 20_000, 10, seed=0, exponent=0.5)[0],
    "ratings": examples_of(pattern(np.column_stack([users, items]), 2000)),
}
table = {name: sparsity(examples) for name, examples in data.items()}

print(f"{'':16} Omega   Delta    rho")
for name, found in table.items():
    print(f"{name:16} {found.omega:5} {found.delta:7.4f} {found.rho:7.4f}")

assert table["blog"].omega == 8
assert table["blog"].rho > 0.8
assert table["one-hot"].delta > 0.9
assert table["one-hot"].rho == 1.0
assert table["text, 1/r"].delta > 0.5
assert table["text, 1/sqrt(r)"].delta < 0.05
assert table["ratings"].rho < 0.01

# %% [markdown]
# Look at the first line: one row meets more than four fifths of all rows. The blog's data is not
# sparse in the paper's sense, so the paper's proof has nothing to say about it. That its program
# works all the same has another reason, which you will see below.
#
# Nor does a large number of columns make data sparse. The text with $1/r$ has 20,000 columns and
# ten entries a row, and still one word is in more than half of the rows. What counts is the
# commonest column.
#
# ## What the paper's step promises
#
# Proposition 4.1 gives a step for which the expected error falls below a target $\varepsilon$:
#
# $$
# \gamma = \frac{\vartheta \, \varepsilon \, c}
# {2 L M^2 \Omega \left(1 + 6 \rho \tau + 4 \tau^2 \Omega \Delta^{1/2}\right)}
# $$
#
# Here $L$ bounds how fast the gradient changes, $c$ how flat the objective can be, $M$ how large
# a row's gradient gets, and $\vartheta$ is a guard between 0 and 1. The bracket is the part that
# is new. It is 1 in one process, and it tells how many times smaller the step has to be when
# gradients are $\tau$ updates old. `paper_step` computes it.

# %%
constants = {"lipschitz": 1.0, "strong_convexity": 0.1, "gradient_bound": 5.0, "target": 0.01}


def slower(found, tau):
    """How many times smaller the step is than in one process."""
    return paper_step(found, delay=0, **constants) / paper_step(found, delay=tau, **constants)


taus = np.array([0, 1, 2, 4, 8, 16, 32, 64])
print(f"{'tau':16}" + "".join(f"{tau:9}" for tau in taus))
for name, found in table.items():
    print(f"{name:16}" + "".join(f"{slower(found, int(tau)):9.1f}" for tau in taus))

for found in table.values():
    by_hand = 1 + 6 * found.rho * 8 + 4 * 8**2 * found.omega * found.delta**0.5
    assert abs(slower(found, 8) / by_hand - 1) < 1e-12
assert slower(table["one-hot"], 8) > 3000
assert 25 < slower(table["ratings"], 8) < 30

# %% [markdown]
# These are large factors. Even the ratings, where no row meets more than five in a thousand
# others, are to take a step 28 times smaller at $\tau = 8$. The reason is the term with $\tau^2$:
# only $\Delta^{1/2}$ holds it back, and a square root shrinks slowly. The paper's own way to say
# it: if $\Delta$ and $\rho$ shrink like $1/n$ for $n$ coordinates, the rate hardly changes as
# long as $\tau$ is small beside $n^{1/4}$.

# %%
for n in (10**4, 10**8, 10**12):
    growing = Sparsity(omega=2, delta=2 / n, rho=4 / n)
    tau = int(n**0.25 / 4)
    print(f"n = {n:.0e}, tau = {tau:3}: the step is {slower(growing, tau):.2f} times smaller")
    assert slower(growing, tau) < 2

# %% [markdown]
# A proof for the worst case need not say what happens in yours. So let us see what does.
#
# ## A delay made by hand
#
# You need no second process for a stale gradient. Compute it from the weights as they are, but
# write it only after $\tau$ others have been written. Then each gradient comes from weights that
# are $\tau$ updates old, and everything can be repeated to the bit.


# %%
def delayed(X, y, order, step, tau):
    """SGD on squared errors, each gradient taken from weights that are tau updates old.

    Returns the weights, and the squared error that each update saw.
    """
    w, seen, waiting = np.zeros(X.shape[1]), [], deque()
    for i in order:
        entries = slice(X.indptr[i], X.indptr[i + 1])
        e, x = X.indices[entries], X.data[entries]
        error = float(x @ w[e]) - y[i]
        seen.append(error**2)
        if abs(error) > 1e6:  # it has diverged
            return w, np.array([*seen, np.inf])
        waiting.append((e, step * (2.0 * error * x)))
        if len(waiting) > tau:
            e, delta = waiting.popleft()
            w[e] -= delta
    for e, delta in waiting:
        w[e] -= delta
    return w, np.array(seen)


# %% [markdown]
# On the four rows, with the labels and the step of lesson 1, and each row once: row 0 moves
# columns 0 and 2, row 1 columns 1 and 3. They don't meet, so row 1 loses nothing by a delay of
# one. Row 2 does: it reads column 3 before row 1's update is there.

# %%
X4, y4 = sparse.csr_matrix(four.astype(float)), np.array([-1.0, 2.5, 0.5, 2.0])

on_time, _ = delayed(X4, y4, [0, 1], step=0.05, tau=0)
late, _ = delayed(X4, y4, [0, 1], step=0.05, tau=1)
assert on_time.tolist() == late.tolist() == [-0.1, 0.25, -0.2, 0.25]

# row 2, on time: error -0.2 + 3 * 0.25 - 0.5 = 0.05
# row 2, late:    error -0.2 + 3 * 0.00 - 0.5 = -0.7, for row 0 is written and row 1 is not
on_time, _ = delayed(X4, y4, [0, 1, 2], step=0.05, tau=0)
late, _ = delayed(X4, y4, [0, 1, 2], step=0.05, tau=1)
assert np.allclose(on_time, [-0.1, 0.25, -0.2 - 0.1 * 0.05, 0.25 - 0.1 * 3 * 0.05])
assert np.allclose(late, [-0.1, 0.25, -0.2 + 0.1 * 0.7, 0.25 + 0.1 * 3 * 0.7])

# %% [markdown]
# So a delay costs nothing where rows don't meet. Now three larger sets, alike but for their
# sparsity: rows of length 1 with positive entries, 20 of 20 columns, 10 of 40, and 4 of 200. The
# labels have a little noise. The step is 0.1.


# %%
def random_rows(m, n, k, rng):
    """Return m rows of length 1, each with k of n columns, and noisy labels."""
    columns = np.argsort(rng.random((m, n)), axis=1)[:, :k]
    values = rng.uniform(0.5, 1.0, (m, k))
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    bounds = np.arange(0, m * k + 1, k)
    X = sparse.csr_matrix((values.ravel(), columns.ravel(), bounds), (m, n))
    return X, X @ rng.standard_normal(n) + 0.1 * rng.standard_normal(m)


rng = np.random.default_rng(0)
sets = {
    "20 of 20": random_rows(1000, 20, 20, rng),
    "10 of 40": random_rows(1000, 40, 10, rng),
    "4 of 200": random_rows(1000, 200, 4, rng),
}
order = rng.integers(1000, size=6000)
for name, (X, y) in sets.items():
    found = sparsity(Examples(X, y))
    print(f"{name}: Delta {found.delta:.3f}, rho {found.rho:.3f}")

assert sparsity(Examples(*sets["20 of 20"])).delta == 1.0
assert sparsity(Examples(*sets["4 of 200"])).rho < 0.15

# %% [markdown]
# 6,000 updates each, on rows drawn at random. What counts is the mean squared error that the
# second half of the updates saw.


# %%
def level(X, y, tau, step=0.1):
    """The mean squared error over the second half of the updates."""
    _, seen = delayed(X, y, order, step, tau)
    return float(np.mean(seen[len(seen) // 2 :]))


taus = {
    "20 of 20": [0, 1, 2, 4, 6, 8, 12],
    "10 of 40": [0, 4, 12, 20, 28, 40],
    "4 of 200": [0, 10, 50, 100, 200],
}
reached = {name: [level(X, y, tau) for tau in taus[name]] for name, (X, y) in sets.items()}
print("delay: error over that without delay")
for name, values in reached.items():
    line = f"{name:10}"
    for tau, value in zip(taus[name], values, strict=True):
        line += f"  {tau}: {value / values[0]:.2f}"
    print(line)

for name in ("20 of 20", "10 of 40"):
    assert reached[name][-1] == np.inf
    assert max(reached[name][:4]) < 1.2 * reached[name][0]
assert max(reached["4 of 200"]) < 1.05 * reached["4 of 200"][0]

# %% [markdown]
# ## The picture

# %% mystnb={"image": {"alt": "Squared error against the delay, one line a data set"}}
figure, axes = plt.subplots(figsize=(7.5, 4.2), layout="constrained")
colours = {"20 of 20": RED, "10 of 40": GREY, "4 of 200": BLUE}
for name, values in reached.items():
    ratio = np.array(values) / values[0]
    known = np.isfinite(ratio)
    place = np.array(taus[name])
    axes.plot(place[known], ratio[known], "o-", color=colours[name], markersize=5)
    if not known.all():  # the first delay that diverges, at the upper edge
        last, first = np.flatnonzero(known)[-1], np.flatnonzero(~known)[0]
        x, y_from = place[[last, first]], ratio[last]
        axes.plot(x, [y_from, 2.4], ":", color=colours[name])
        axes.plot(x[1], 2.4, "x", color=colours[name], markersize=9, markeredgewidth=2)
deltas = {name: sparsity(Examples(X, y)).delta for name, (X, y) in sets.items()}
for name, place in (("20 of 20", (4.6, 1.4)), ("10 of 40", (20, 1.2)), ("4 of 200", (250, 1.06))):
    label = f"{name}\n" + r"$\Delta$" + f" = {deltas[name]:.2f}"
    axes.text(*place, label, color=colours[name], ha="right")
axes.text(9.2, 2.4, "diverges", color=RED, va="center")
axes.text(46, 2.4, "diverges", color=GREY, va="center")
axes.set(xscale="symlog", xlim=(-0.15, 270), ylim=(0.9, 2.5))
axes.set_xticks([0, 1, 2, 5, 10, 20, 50, 100, 200], [0, 1, 2, 5, 10, 20, 50, 100, 200])
axes.minorticks_off()
axes.set(xlabel="delay, in updates", ylabel="squared error, over that without delay")
plt.show()

# %% [markdown]
# Up to a certain delay little is to be seen, in any of the three sets. Then comes a cliff. The
# dense rows fall off it first. In the second set nearly every row meets every other one too, but
# in a few of their columns; it bears four times as much. The sparse ones don't, up to 200 updates
# on the way: most of those touch none of the next row's coordinates.
#
# ## What goes wrong: many stale updates and a large step
#
# Go over the edge, and watch. The dense rows, with delays of 4 and of 12, and the same delay with
# a tenth of the step:

# %%
X, y = sets["20 of 20"]
runs = {}
for step, tau in ((0.1, 4), (0.1, 12), (0.01, 12)):
    _, seen = delayed(X, y, order[:400], step, tau)
    runs[step, tau] = seen.reshape(40, 10).mean(axis=1)  # of ten updates each

assert runs[0.1, 4][-1] < 0.05 * runs[0.1, 4][0]
assert runs[0.1, 12][-1] > 1000 * runs[0.1, 12][0]
assert runs[0.01, 12][-1] < 0.05 * runs[0.01, 12][0]

# %% mystnb={"image": {"alt": "A long delay with a large step swings up"}}
figure, axes = plt.subplots(figsize=(7.5, 3.8), layout="constrained")
for (step, tau), colour, where, text in (
    ((0.1, 12), RED, (225, 3e3), "step 0.1, delay 12"),
    ((0.1, 4), BLUE, (300, 0.12), "step 0.1, delay 4"),
    ((0.01, 12), GREY, (200, 2.4), "step 0.01, delay 12"),
):
    axes.semilogy(np.arange(5, 400, 10), runs[step, tau], color=colour)
    axes.text(*where, text, color=colour)
axes.set(xlabel="updates", ylabel="mean squared error", xlim=(0, 400))
plt.show()

# %% [markdown]
# Each gradient pulls back what was there twelve updates ago. By then the weights are on the other
# side, so the pull goes the wrong way. The swings grow. A tenth of the step ends it.
#
# Where is the edge? Averaged over the rows, the error $v$ along a direction in which $X^T X / m$
# has the eigenvalue $\lambda$ follows
#
# $$
# v_{t+1} = v_t - 2 \gamma \lambda \, v_{t-\tau} ,
# $$
#
# and this settles exactly if $2 \gamma \lambda < 2 \, \sin \frac{\pi}{4 \tau + 2}$ (Levin and
# May, 1976). The largest eigenvalue decides. For our positive rows of length 1, with $k$ of $n$
# columns filled, it is about $k / n$. This is how sparsity helps.


# %%
def curvature(X):
    """The largest eigenvalue of X^T X, divided by the number of rows."""
    return float(np.linalg.eigvalsh((X.T @ X).toarray())[-1]) / X.shape[0]


def largest_delay(X, step):
    """The largest tau for which the averaged error settles."""
    pull, tau = 2 * step * curvature(X), 0
    while pull < 2 * np.sin(np.pi / (4 * (tau + 1) + 2)):
        tau += 1
    return tau


edges = {name: largest_delay(X, 0.1) for name, (X, _) in sets.items()}
print(edges)

assert edges["20 of 20"] == 7
assert edges["10 of 40"] == 31
assert edges["4 of 200"] > 200
for name in ("20 of 20", "10 of 40"):
    for tau, value in zip(taus[name], reached[name], strict=True):
        assert np.isfinite(value) == (tau <= edges[name])
for (X, _), filled in zip(sets.values(), (20 / 20, 10 / 40, 4 / 200), strict=True):
    assert abs(curvature(X) / filled - 1) < 0.15

# %% [markdown]
# The cliffs of the picture stand where the formula puts them.
#
# This is also why the blog's program works. Its rows are not sparse. But its step is 0.001, and
# there its data bears a delay of thousands of updates. Five processes have at most five on the
# way at a time.

# %%
edge = largest_delay(data["blog"].to_scipy(), step=0.001)
print(f"the blog's data bears a delay of {edge}")
assert edge > 1000

# %% [markdown]
# Compare this with the paper's step for the sparse set. Its constants can be computed here, for
# the mean of the squared errors.

# %%
X, y = sets["4 of 200"]
values = np.linalg.eigvalsh((X.T @ X).toarray() / X.shape[0])
best = np.linalg.lstsq(X.toarray(), y, rcond=None)[0]
known = {
    "lipschitz": 2 * values[-1],
    "strong_convexity": 2 * values[0],
    "gradient_bound": 2 * np.abs(y).max(),  # at the start, where w = 0
    "target": level(X, y, 50) - float(np.mean((X @ best - y) ** 2)),
    "delay": 50,
}
found = sparsity(Examples(X, y))
promised = paper_step(found, **known)
needed = paper_iterations(found, **known, initial_distance=float(np.linalg.norm(best)))
print(f"step: the paper's {promised:.0e}, ours 0.1")
print(f"updates: the paper's {needed:.0e}, ours {len(order):.0e}")

assert promised < 0.1 / 1e5
assert needed > 1e5 * len(order)

# %% [markdown]
# The paper's step is proved to be safe, and here it is far too careful. Use $\Omega$, $\Delta$
# and $\rho$ to compare data sets, and not to set a step.
#
# ## The intercept is always hot
#
# An intercept is a column of ones. Every row has it, so every update meets every other one:
# $\Delta = \rho = 1$, whatever the rest looks like.


# %%
def with_column(X, value):
    """The rows with one more column, which has this value in all of them."""
    return sparse.hstack([X, np.full((X.shape[0], 1), value)]).tocsr()


hot = with_column(X, 1.0)
found = sparsity(Examples(hot, y))
print(found)
assert found.delta == found.rho == 1.0

for tau in (0, 50):
    print(f"delay {tau:2}: {level(X, y, tau):.3f} without, {level(hot, y, tau):.3f} with")

assert level(hot, y, 0) < 1.5 * level(X, y, 0)
assert level(hot, y, 50) == np.inf
assert largest_delay(hot, 0.1) < 10

# %% [markdown]
# One column has taken the sparsest set to where the dense one was. The paper suggests to update
# such a coordinate only once in a thousand updates or so. Exercise 3 has another cure.
#
# ## On two processes
#
# Each process has at most one update on the way at a time, so with two you are far from any
# cliff. `fit_linear` on text-like rows, in one process and in two:

# %%
text = data["text, 1/sqrt(r)"]
settings = {"loss": "logistic", "step": 0.5, "epochs": 4, "intercept": False, "seed": 0}
alone = fit_linear(text, **settings, kernel="numpy", schedule="serial")
two = fit_linear(text, **settings, kernel="numpy", n_workers=2)
for one, other in zip(alone.history, two.history, strict=True):
    print(f"pass {one.epoch}: {one.objective:.4f} alone, {other.objective:.4f} on two")

assert abs(two.history[-1].objective / alone.history[-1].objective - 1) < 0.02

# %% [markdown]
# Sparsity has a second effect, which is outside of the paper: a write can be lost only where two
# workers are at one coordinate at the same moment. Rows with two entries, among ten columns, a
# hundred and a thousand; two runs each.

# %%
rng = np.random.default_rng(1)
lossy = {"step": 0.01, "epochs": 2, "intercept": False}
lossy |= {"kernel": "numpy", "lost_updates": True}
meeting = {}
print("columns  two rows meet  share of all movement that was overwritten")
for n in (10, 100, 1000):
    examples = Examples(*random_rows(2000, n, 2, rng))
    B = (examples.to_scipy() != 0).astype(float)
    meeting[n] = float(((B @ B.T) != 0).sum() / 2000**2)
    runs = [fit_linear(examples, **lossy, n_workers=2, seed=seed) for seed in range(2)]
    shares = sorted(run.lost_updates.share_of_path for run in runs)
    print(f"{n:7}  {meeting[n]:13.4f}  " + "  ".join(f"{share:.1e}" for share in shares))

assert meeting[10] > 8 * meeting[100] > 64 * meeting[1000]

control = fit_linear(examples, **lossy, n_workers=1, seed=0)
locked = fit_linear(examples, **lossy, n_workers=2, write="locked", seed=0)
assert control.lost_updates.share_of_path < 1e-10  # rounding
assert locked.lost_updates.share_of_path < 1e-10

# %% [markdown]
# The middle column is the chance that two rows have a coordinate in common, and it falls with the
# number of columns. The losses are rare events in bursts, so two runs say little, and the right
# columns need not fall in step. One process loses nothing, and neither do two with
# `write="locked"`. {doc}`Lesson 2 <02_shared_memory_and_lost_updates>` counts more carefully.

# %% [markdown]
# ## Exercises
#
# Each asks for one function. The checks below it run on the solution that is folded away; open
# this lesson as a notebook, put your own function in its place, and run the checks.
#
# ### 1. Ratings without a search
#
# A rating meets the other ratings of its user and those of its item. If no pair of user and item
# comes twice, $\rho$ follows from two counts. Write it.
#
# ```python
# def rho_of_ratings(users, items):
#     ...
# ```


# %% tags=["hide-input"]
def rho_of_ratings(users, items):
    """The largest d_u + d_i - 1 over the ratings, divided by their number."""
    of_user, of_item = np.bincount(users), np.bincount(items)
    return int((of_user[users] + of_item[items] - 1).max()) / len(users)  # itself counts once


# %%
assert rho_of_ratings(np.array([0, 0, 1]), np.array([0, 1, 1])) == 1.0
for seed in range(3):
    pairs = np.random.default_rng(seed).choice(200 * 300, size=3000, replace=False)
    who, what = np.divmod(pairs, 300)
    X_ratings = pattern(np.column_stack([who, 200 + what]), 500)
    assert rho_of_ratings(who, what) == sparsity(examples_of(X_ratings)).rho

# %% [markdown]
# ### 2. How often is a read stale?
#
# Write the share of updates whose row has a coordinate in common with at least one of the `tau`
# rows before it in the order. That is how many gradients a delay can spoil.
#
# ```python
# def stale_share(X, order, tau):
#     ...
# ```


# %% tags=["hide-input"]
def stale_share(X, order, tau):
    """Remember for each coordinate when it was touched last."""
    touched = np.full(X.shape[1], -np.inf)
    stale = 0
    for t, i in enumerate(order):
        e = X.indices[X.indptr[i] : X.indptr[i + 1]]
        stale += bool((touched[e] >= t - tau).any())
        touched[e] = t
    return stale / len(order)


# %%
assert stale_share(X4, [0, 1, 2, 3], tau=1) == 0.25  # only row 2 meets the one before
assert stale_share(X4, [0, 1, 2, 3], tau=3) == 0.5
dense_share, sparse_share = (
    stale_share(sets[name][0], order[:2000], tau=2) for name in ("20 of 20", "4 of 200")
)
print(f"with a delay of 2: {dense_share:.3f} of the dense, {sparse_share:.3f} of the sparse")
assert dense_share > 0.999
assert sparse_share < 0.2

# %% [markdown]
# ### 3. Tame the intercept
#
# $\Delta$ and $\rho$ see that a column is there, and not how large its entries are. The curvature
# does. A column of tenths serves as an intercept too; its weight is then ten times as large.
# Write the largest of the values 1, 1/2, 1/4, 1/8 and so on for which a given delay still
# settles.
#
# ```python
# def column_value(X, step, tau):
#     ...
# ```


# %% tags=["hide-input"]
def column_value(X, step, tau):
    """Halve until the delay is within the edge."""
    value = 1.0
    while largest_delay(with_column(X, value), step) < tau:
        value /= 2
    return value


# %%
X, y = sets["4 of 200"]
value = column_value(X, 0.1, 50)
print(value)

assert column_value(X, 0.1, 0) == 1.0
for factor, settles in ((1, True), (2, False)):
    tame = with_column(X, factor * value)
    assert sparsity(Examples(tame, y)).delta == 1.0  # as hot as ever, by this measure
    assert (largest_delay(tame, 0.1) >= 50) == settles
assert level(with_column(X, 2 * value), y, 50) > level(with_column(X, value), y, 50)
assert level(with_column(X, value), y, 50) < 2 * level(X, y, 50)

# %% [markdown]
# ## Sources
#
# - F. Niu, B. Recht, C. Ré, S. J. Wright, *Hogwild!: A Lock-Free Approach to Parallelizing
#   Stochastic Gradient Descent*, NIPS 2011, [arXiv:1106.5730](https://arxiv.org/abs/1106.5730),
#   section 2 for the three numbers, section 4 for Proposition 4.1.
# - S. A. Levin, R. M. May, *A note on difference-delay equations*, Theoretical Population Biology
#   9 (1976), 178-187: the edge.
# - C.-C. Chang, C.-J. Lin, LIBSVM data sets: a8a, whose questions and answers the one-hot rows
#   imitate.
