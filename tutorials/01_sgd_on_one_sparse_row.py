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
# # 1. SGD on one sparse row
#
# **You will** take one gradient step on one row, by hand and then in nine lines of Python. You
# will find the same loop inside the package, and run it over the blog's 20,000 rows.
#
# **You will learn** what a step reads and what it writes. Everything in the later lessons rests
# on this: a step touches the coordinates of its row, and no others.
#
# **You need** Python and a little numpy. Nothing runs in parallel until the end. With the extra
# `fast` the package compiles its loop; without it this lesson runs all the same.

# %% [markdown]
# ## What the articles say
#
# A linear model predicts $w \cdot x$ for a row $x$ of features. The blog fits it by least
# squares: one row costs $(w \cdot x - y)^2$, and the sum over all rows is to be small. Gradient
# descent would read all rows before it moves once. Stochastic gradient descent (SGD) moves
# after every row. It takes the gradient of that one row's cost,
#
# $$
# G(w) = 2\,(w \cdot x - y)\,x,
# $$
#
# and sets $w \leftarrow w - \text{step} \cdot G(w)$. A single row points in the right direction
# only on average. That is enough, because a step is so cheap.
#
# The paper (sections 1 and 2) looks at how cheap. It writes the objective as a sum of many
# terms, each of which looks at a few coordinates of $w$ only: the columns in which the row is
# not zero. Its gradient is zero everywhere else. So a step on a row with 75 entries reads 75
# weights and writes 75 weights, be $w$ a hundred long or a million.

# %% [markdown]
# ## By hand, on four rows
#
# | row | $x_0$ | $x_1$ | $x_2$ | $x_3$ | $y$ |
# |---|---|---|---|---|---|
# | 0 | 1 | . | 2 | . | −1 |
# | 1 | . | 1 | . | 1 | 2.5 |
# | 2 | . | . | 1 | 3 | 0.5 |
# | 3 | 2 | . | . | . | 2 |
#
# A dot is a zero that is not stored. We keep a row as the list of its entries, each a column
# and a value. The labels were made with $w = (1, 2, -1, 0.5)$ and without noise, so there are
# weights that fit exactly.

# %%
rows = [
    [(0, 1.0), (2, 2.0)],
    [(1, 1.0), (3, 1.0)],
    [(2, 1.0), (3, 3.0)],
    [(0, 2.0)],
]
y = [-1.0, 2.5, 0.5, 2.0]
w_true = [1.0, 2.0, -1.0, 0.5]

assert all(sum(x * w_true[j] for j, x in row) == label for row, label in zip(rows, y, strict=True))

# %% [markdown]
# Take row 0, start at $w = 0$, and let the step be 0.05.
#
# 1. **Predict.** $1 \cdot w_0 + 2 \cdot w_2 = 0$. Only $w_0$ and $w_2$ are read.
# 2. **Slope.** The cost is $(z - y)^2$ in the prediction $z$. Its slope is
#    $2(z - y) = 2(0 + 1) = 2$.
# 3. **Move.** $w_0 \leftarrow 0 - 0.05 \cdot 2 \cdot 1 = -0.1$ and
#    $w_2 \leftarrow 0 - 0.05 \cdot 2 \cdot 2 = -0.2$.
#
# $w_1$ and $w_3$ were neither read nor written. The new prediction is $-0.1 - 0.4 = -0.5$: half
# of the error is gone. The same in Python:

# %%
w = [0.0, 0.0, 0.0, 0.0]

prediction = 1.0 * w[0] + 2.0 * w[2]
slope = 2.0 * (prediction - y[0])
w[0] -= 0.05 * (slope * 1.0)
w[2] -= 0.05 * (slope * 2.0)

assert (prediction, slope) == (0.0, 2.0)
assert w == [-0.1, 0.0, -0.2, 0.0]
assert 1.0 * w[0] + 2.0 * w[2] == -0.5

# %% [markdown]
# Is $2(z - y)x$ really the gradient? Ask the cost itself. Move each weight a little up and a
# little down, and divide the difference of the costs by the distance. The formula and the
# differences must agree, and both must be zero in columns 1 and 3.


# %%
def cost(w, row, y):
    """The squared error of one row."""
    error = sum(x * w[j] for j, x in row) - y
    return error * error


def gradient_by_differences(w, row, y, h=1e-6):
    """What each weight does to the cost, measured."""
    gradient = []
    for j in range(len(w)):
        up, down = list(w), list(w)
        up[j] += h
        down[j] -= h
        gradient.append((cost(up, row, y) - cost(down, row, y)) / (2 * h))
    return gradient


measured = gradient_by_differences([0.0] * 4, rows[0], y[0])
by_formula = [2.0, 0.0, 4.0, 0.0]  # slope 2, times the row (1, 0, 2, 0)
assert all(abs(a - b) < 1e-8 for a, b in zip(measured, by_formula, strict=True))
[round(g, 6) for g in measured]

# %% [markdown]
# ### A sign to watch
#
# The blog prints the gradient as $-2(w \cdot x - y)x$, with a minus in front. Subtracting that
# would climb. Its program is right all the same: it takes the error as $y - w \cdot x$, the
# other way round, and there the minus belongs. Follow the printed formula to the letter and the
# cost rises:

# %%
start = [0.0] * 4
as_printed = [-g for g in by_formula]
climbed = [w_j - 0.05 * g for w_j, g in zip(start, as_printed, strict=True)]

print("before", cost(start, rows[0], y[0]), " as printed", cost(climbed, rows[0], y[0]))
assert cost(climbed, rows[0], y[0]) > cost(start, rows[0], y[0]) > cost(w, rows[0], y[0])

# %% [markdown]
# ## Plain code
#
# The whole step, for any row:


# %%
def sgd_step(w, row, y, step):
    """Move w down the gradient of one row's squared error; return the error's square before."""
    prediction = 0.0
    for j, x in row:
        prediction += x * w[j]
    slope = 2.0 * (prediction - y)
    for j, x in row:
        w[j] -= step * (slope * x)
    return (prediction - y) * (prediction - y)


w = [0.0] * 4
assert sgd_step(w, rows[0], y[0], step=0.05) == 1.0
assert w == [-0.1, 0.0, -0.2, 0.0]  # as by hand

# %% [markdown]
# Now go round the four rows, again and again. A step mends its own row and may spoil another
# one that shares a column: rows 0 and 3 both have column 0. Yet round by round the weights
# approach those that the labels were made with.

# %%
w = [0.0] * 4
for n_rounds in range(1, 1001):
    squares = [sgd_step(w, row, label, step=0.05) for row, label in zip(rows, y, strict=True)]
    if n_rounds in (1, 10, 100, 1000):
        print(f"{n_rounds:4d} rounds  w = {[round(w_j, 4) for w_j in w]}")

assert max(abs(a - b) for a, b in zip(w, w_true, strict=True)) < 1e-6

# %% [markdown]
# ## The same loop in the package
#
# The package updates rows in this function. `move` writes one coordinate; `enter` and `leave`
# do nothing here. The rest of the arguments serve penalties, sample weights and other step
# rules.
#
# ```{literalinclude} /../hogwild/kernels/linear.py
# :pyobject: _make_row_loop
# :language: python
# ```
#
# Rows come in CSR form: all entries one after the other, in `data`, their columns in `indices`,
# and row `i` is the part from `indptr[i]` to `indptr[i + 1]`. `value` and `slope` are the loss,
# here these two:
#
# ```{literalinclude} /../hogwild/kernels/losses.py
# :pyobject: Squared.pair
# :language: python
# :dedent: 4
# ```
#
# It does the same operations in the same order as `sgd_step`. So the results must be equal to
# the last bit, and not only close. Let both take a hundred rounds over our four rows.

# %%
import numpy as np

from hogwild.data import Examples
from hogwild.models import fit_linear

X = np.zeros((4, 4))
for i, row in enumerate(rows):
    for j, x in row:
        X[i, j] = x
four = Examples(X, y)
print("indptr ", four.indptr)
print("indices", four.indices)
print("data   ", four.data)

plain = [0.0] * 4
for _ in range(100):
    for row, label in zip(rows, y, strict=True):
        sgd_step(plain, row, label, step=0.05)

as_given = {"schedule": "serial", "shuffle": False, "intercept": False}
fit = fit_linear(four, step=0.05, epochs=100, kernel="python", **as_given)
assert fit.model.w.tolist() == plain

# %% [markdown]
# ## The blog's data
#
# 20,000 rows, 10 columns, a fifth of the entries filled: two entries a row on average. The
# labels have no noise. The blog's step is 0.001. We go over the rows five times, in the order
# given, and measure the mean of $|w \cdot x - y|$ every 200 rows.

# %%
from itertools import pairwise

from hogwild.data import blog_data, blog_start

examples, blog_w_true = blog_data(seed=0)
matrix = examples.to_scipy()
entries = list(zip(examples.indices.tolist(), examples.data.tolist(), strict=True))
ends = examples.indptr.tolist()
blog_rows = [entries[a:b] for a, b in pairwise(ends)]
blog_y = examples.y.tolist()


def mean_error(w):
    """The blog's measure: the mean of |w . x - y| over all rows."""
    return float(np.abs(matrix @ np.asarray(w) - examples.y).mean())


w = blog_start(seed=0).tolist()
steps_taken, errors = [0], [mean_error(w)]
for epoch in range(1, 6):
    for i, (row, label) in enumerate(zip(blog_rows, blog_y, strict=True), start=1):
        sgd_step(w, row, label, step=0.001)
        if i % 200 == 0:
            steps_taken.append((epoch - 1) * len(blog_rows) + i)
            errors.append(mean_error(w))
    print(f"pass {epoch}: mean error {errors[-1]:.6f}")

after_pass = errors[100::100]
assert abs(errors[0] - 0.490057) < 1e-6
assert 0.0150 < after_pass[0] < 0.0152
assert after_pass[4] < 1e-5
assert all(0.09 < b / a < 0.12 for a, b in pairwise(after_pass))

# %% [markdown]
# From the first pass on, each leaves a tenth of the error. Why a tenth? Many small steps act
# like one smooth descent on the mean cost. The eigenvalues of $X^T X / m$ say how fast: a
# direction with eigenvalue $\lambda$ keeps $e^{-2 \cdot 0.001 \cdot 20000\,\lambda}$ of its
# error in a pass.

# %%
eigenvalues = np.linalg.eigvalsh((matrix.T @ matrix).toarray() / len(blog_rows))
kept = np.exp(-2 * 0.001 * len(blog_rows) * eigenvalues)
print("eigenvalues    ", eigenvalues.round(3))
print("kept in a pass ", kept.round(3))

slow, fast = kept[:9], kept[9]
assert slow.min() > 0.09
assert slow.max() < 0.12
assert fast < 0.01
assert 2.5 < eigenvalues[9] / eigenvalues[:9].mean() < 3

# %% [markdown]
# Nine directions keep about a tenth. The tenth direction, all weights up or down together, is
# nearly three times as curved, and is learnt almost at once.
#
# The blog leaves out every coordinate whose gradient is 0.01 or less. Then the error stops
# falling near .001, and this is why its printed figure is so much larger than what you see
# here. Lesson 3 comes back to it.
#
# The package again gives these bits. With `kernel="auto"`, the default, it takes a faster loop.
# Without the extra `fast` that loop adds up a row's products in another order, and the last
# digits may differ.

# %%
settings = {"step": 0.001, "epochs": 5, "start": blog_start(seed=0)}
fit = fit_linear(examples, kernel="python", **settings, **as_given)
assert fit.model.w.tolist() == w

quick = fit_linear(examples, **settings, **as_given)
assert np.allclose(quick.model.w, w, rtol=1e-9, atol=0)

# %% [markdown]
# ## On two processes
#
# The loop stays the same. Two processes run it at the same time, on different rows, and write
# to the same ten weights. Nobody waits. The next lesson is about what may go wrong there; here
# it is only to be seen that it learns.

# %%
workers = {"n_workers": 2, "start_method": "spawn", "kernel": "numpy", "seed": 0}
two = fit_linear(examples, **settings, intercept=False, **workers)

print(f"one process   {mean_error(w):.2e}")
print(f"two processes {mean_error(two.model.w):.2e}")
assert mean_error(two.model.w) < 1e-3

# %% [markdown]
# ## The picture
#
# Left: which weights a step reads and writes. Each line is one of the first forty steps, each
# dot a weight that it touches. Empty lines are rows without any entry; their step does nothing.
# Right: the error while the steps go on. On a scale of powers of ten it falls in a straight
# line, since each pass takes the same share of what is left. The first stretch is steeper: that
# is the one fast direction.

# %% mystnb={"image": {"alt": "Left: the weights of forty steps. Right: the error by passes"}}
import matplotlib.pyplot as plt

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained")

touched = [(j, i) for i, row in enumerate(blog_rows[:40]) for j, _ in row]
left.scatter(*zip(*touched, strict=True), s=14, color="#a3341f")
left.set(xlim=(-0.5, 9.5), ylim=(40, -1), xticks=range(10))
left.set(xlabel="weight", ylabel="step", title="What each step touches", axisbelow=True)
left.grid(axis="y", color="0.93")

right.semilogy(np.array(steps_taken) / len(blog_rows), errors, color="#a3341f")
for epoch, error in enumerate(after_pass, start=1):
    right.plot(epoch, error, "o", markersize=4, color="#a3341f")
    right.text(epoch - 0.1, error / 1.2, f"{error:.1e}", ha="right", va="top", fontsize=9)
right.set(xlabel="passes over the rows", title="Mean of |w·x − y|", axisbelow=True)
right.set(ylim=(5e-7, 1))
right.grid(color="0.93")
for axes in (left, right):
    axes.spines[["top", "right"]].set_visible(False)
plt.show()

# %% [markdown]
# ## What goes wrong
#
# ### The step is too large
#
# Take a step on a row and predict that row again. The error has been multiplied by
#
# $$
# 1 - 2\,\text{step}\,\lVert x \rVert^2 .
# $$
#
# By hand it was $1 - 2 \cdot 0.05 \cdot 5 = 0.5$. Up to a step of $1 / (2 \lVert x \rVert^2)$
# the error shrinks. Beyond, it changes its sign, and shrinks less. Beyond
# $1 / \lVert x \rVert^2$ it grows: the step has jumped over the valley and landed higher up.

# %%
for step in (0.05, 0.1, 0.15, 0.2, 0.25):
    w = [0.0] * 4
    sgd_step(w, rows[0], y[0], step)
    factor = (w[0] + 2.0 * w[2] - y[0]) / (0.0 - y[0])
    print(f"step {step:.2f}: the error is multiplied by {factor:+.2f}")
    assert abs(factor - (1.0 - 2.0 * step * 5.0)) < 1e-12

# %% [markdown]
# On a whole data set such a step feeds on itself, until the numbers leave the range of floating
# point. The package stops there and says where it was. It never returns such weights.

# %%
from hogwild.errors import DivergenceError

try:
    fit_linear(examples, step=2.0, epochs=5, **as_given)
except DivergenceError as error:
    caught = error
    print(error)

assert caught.step == 2.0

# %% [markdown]
# ### The rows are sorted
#
# A step trusts one row to point in the right direction on average. If a file holds first all
# rows of one class and then all of the other, the average is wrong for half a pass. Then the
# second half undoes what the first has learnt. Here is the same data sorted by label, as it was
# drawn, and sorted but shuffled again by `fit_linear`; one pass each.

# %%
from hogwild.data import sparse_classification

drawn, _ = sparse_classification(n_rows=4000, n_features=200, nnz_per_row=10, seed=0)
in_order = drawn.rows(np.argsort(drawn.y, kind="stable"))
one_pass = {"step": 0.2, "epochs": 1, "schedule": "serial", "intercept": False, "seed": 0}

accuracy = {}
for name, data, shuffle in (
    ("sorted", in_order, False),
    ("as drawn", drawn, False),
    ("sorted, then shuffled", in_order, True),
):
    model = fit_linear(data, loss="logistic", **one_pass, shuffle=shuffle).model
    accuracy[name] = float((model.predict(drawn) == drawn.y).mean())
    print(f"{name:22s} {accuracy[name]:.3f} of the rows are classified rightly")
    if name == "sorted":
        assert (model.predict(drawn) == 1.0).all()

assert accuracy["sorted"] < 0.5 < 0.8 < accuracy["as drawn"]
assert abs(accuracy["sorted, then shuffled"] - accuracy["as drawn"]) < 0.05

# %% [markdown]
# After the sorted pass the model gives every row the class that came last. `fit_linear`
# shuffles unless you tell it not to.

# %% [markdown]
# ## Exercises
#
# Each asks for one function. The checks below it run on the solution that is folded away; open
# this lesson as a notebook, put your own function in its place, and run the checks.
#
# ### 1. Another loss
#
# The logistic loss of a label $y = \pm 1$ is $\log(1 + e^{-yz})$. Write its slope in the
# prediction $z$. It must not overflow for $z = \pm 1000$; `math.exp` raises an error beyond
# 709.
#
# ```python
# def logistic_slope(z, y):
#     ...
# ```

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Show a solution"}
import math


def logistic_slope(z, y):
    """Minus y, times the probability given to the wrong label."""
    small = math.exp(-abs(z))  # never above 1
    wrong = small / (1.0 + small) if y * z > 0.0 else 1.0 / (1.0 + small)
    return -y * wrong


# %%
for y_i in (-1.0, 1.0):
    for z in (-3.0, -0.5, 0.0, 2.0):
        up, down = (math.log1p(math.exp(-y_i * (z + h))) for h in (1e-6, -1e-6))
        assert abs(logistic_slope(z, y_i) - (up - down) / 2e-6) < 1e-8
assert logistic_slope(1000.0, 1.0) == 0.0
assert logistic_slope(-1000.0, 1.0) == -1.0
assert logistic_slope(1000.0, -1.0) == 1.0

# %% [markdown]
# ### 2. The blog's filter
#
# The blog moves a coordinate only if its gradient is larger than 0.01, up or down. Write the
# step with that filter. It returns how many coordinates it wrote. Run in row order from
# `blog_start(0)`, one pass writes 30,483 coordinates and ends at a mean error of .015316.
#
# ```python
# def filtered_step(w, row, y, step, threshold):
#     ...
# ```


# %% tags=["hide-input"] mystnb={"code_prompt_show": "Show a solution"}
def filtered_step(w, row, y, step, threshold):
    """Move the coordinates whose gradient is above the threshold; return how many."""
    slope = 2.0 * (sum(x * w[j] for j, x in row) - y)
    passing = [(j, slope * x) for j, x in row if abs(slope * x) > threshold]
    for j, gradient in passing:
        w[j] -= step * gradient
    return len(passing)


# %%
w = blog_start(seed=0).tolist()
for written, error in ((30483, 0.01531558), (11267, 0.00258732), (1385, 0.00155040)):
    counted = sum(
        filtered_step(w, row, label, 0.001, 0.01)
        for row, label in zip(blog_rows, blog_y, strict=True)
    )
    assert counted == written
    assert abs(mean_error(w) - error) < 1e-8

# %% [markdown]
# The third pass wrote 1,385 coordinates, of 40,000. Almost everything stands still now, and the
# error stays.
#
# ### 3. The step that fits the row
#
# Which step makes the prediction of its own row exact? Write the function; the formula above
# tells it. A row without entries has no such step: return 0.
#
# ```python
# def fitting_step(row):
#     ...
# ```


# %% tags=["hide-input"] mystnb={"code_prompt_show": "Show a solution"}
def fitting_step(row):
    """The step that makes 1 - 2 step |x|^2 zero."""
    square = sum(x * x for _, x in row)
    return 1.0 / (2.0 * square) if square else 0.0


# %%
w = [0.0] * 4
for row, label in zip(rows, y, strict=True):
    sgd_step(w, row, label, fitting_step(row))
    assert cost(w, row, label) < 1e-25
assert fitting_step([]) == 0.0

for _ in range(400):
    for row, label in zip(rows, y, strict=True):
        sgd_step(w, row, label, fitting_step(row))
assert max(abs(a - b) for a, b in zip(w, w_true, strict=True)) < 1e-9

# %% [markdown]
# With such steps this is Kaczmarz's method for linear equations. It reaches the solution
# because there is one: with noise in the labels it would jump from row to row for ever.
#
# ## Sources
#
# - S. Rome, *Hogwild!? Implementing Async SGD in Python*, 2017,
#   [srome.github.io](https://srome.github.io): the data, the step of 0.001, the filter, and the
#   sign.
# - F. Niu, B. Recht, C. Ré, S. J. Wright, *Hogwild!: A Lock-Free Approach to Parallelizing
#   Stochastic Gradient Descent*, NIPS 2011, [arXiv:1106.5730](https://arxiv.org/abs/1106.5730),
#   sections 1 and 2: sums of terms that look at few coordinates.
