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
# # 9. Gradient × updater, here or on a cluster
#
# **You will** take a step of Spark's gradient descent by hand, turn the crank of its L-BFGS,
# watch the line search choose how far to go, and run one optimizer in a process, in two, and on
# Spark.
#
# **You will learn** that two small objects and a sum over the rows are all there is, why L-BFGS
# needs so few sums, how an L1 penalty deceives it, and how OWL-QN comes to weights that are
# zero.
#
# **You need** {doc}`lesson 1 <01_sgd_on_one_sparse_row>`, the step on one row. Everything but
# the last part runs with the package and matplotlib. The last part wants Spark, and does
# without.

# %% [markdown]
# ## What the page says
#
# The third article is a page of Spark's guide, *Optimization - RDD-based API*. It minimises
#
# $$
# F(w) = \frac{1}{n} \sum_i L(w; x_i, y_i) + \lambda R(w),
# $$
#
# the mean loss of all rows, and a penalty. A *gradient* knows the loss $L$ of one row. An
# *updater* knows the penalty $R$, and makes the step. There are two ways to use them.
#
# - **Gradient descent** takes the mean of the gradients over all rows, or over a random part of
#   them, and lets the updater go down it. Step number $t$ has the size $s / \sqrt{t}$. For $R =
#   \lVert w \rVert_1$ the updater ends a step by moving every weight towards zero, and no
#   weight beyond it.
# - **L-BFGS** also looks at how the gradient has changed over its last steps. From that it
#   guesses the curvature, and goes where a parabola of that curvature is lowest. The page
#   recommends it over gradient descent. It is for smooth penalties, so not for L1.
#
# The rows may lie on many machines. Each adds up the gradients of its own rows, the sums are
# added up, and one process, the *driver*, makes the step and sends the new weights to all.
#
# That is the opposite of Hogwild!. In the lessons before, many wrote to the weights at once;
# here only the driver does, and everybody waits for everybody at each step. So nothing can be
# lost, and the result doesn't depend on who is quick. But a step costs a **pass** over all
# rows. Count passes.

# %%
import logging
import textwrap

import matplotlib.pyplot as plt
import numpy as np

from hogwild.engine.spark_session import ClusterError, spark_context
from hogwild.errors import MissingExtra
from hogwild.mllib import (
    BinaryClassificationMetrics,
    L1Updater,
    LeastSquaresGradient,
    LocalPartitions,
    LogisticGradient,
    LogisticRegressionModel,
    Rows,
    SimpleUpdater,
    SparkPartitions,
    SquaredL2Updater,
    Updater,
    append_bias,
    gradient_mapping,
    run_lbfgs,
    run_mini_batch_sgd,
    run_owlqn,
)
from hogwild.mllib.cost import CostFunction, sums_at
from hogwild.mllib.first_order import StepFailed, minimize, norm, two_loops
from hogwild.mllib.lbfgs import Wolfe
from hogwild.mllib.line_search import Trial, strong_wolfe
from hogwild.mllib.owlqn import Orthant
from hogwild.reference import lbfgs as reference
from hogwild.reproduce.mllib_data import made_digits

plt.rcParams.update(
    {"font.size": 11, "axes.spines.top": False, "axes.spines.right": False, "figure.dpi": 130}
)
RED, BLUE, GREEN, GREY = "#a3341f", "#1f5fa3", "#2c7a4b", "0.4"


def say(sentence):
    """Print a long sentence on several lines."""
    print(textwrap.fill(str(sentence), 88))


class Log(logging.Handler):
    """Print what the optimizers only log, as Spark's do."""

    def emit(self, record):
        say("log: " + record.getMessage())


logging.getLogger("hogwild.mllib").addHandler(Log())

# %% [markdown]
# ## By hand, on two rows
#
# | row | $x_0$ | $x_1$ | $y$ |
# |---|---|---|---|
# | 0 | 1 | . | 1 |
# | 1 | 1 | 2 | 5 |
#
# The loss is half the squared error, the weights are 0, the step size is 0.5.
#
# 1. **The gradient.** The errors $w \cdot x - y$ are -1 and -5, so the losses are 1/2 and 25/2.
#    A row's gradient is its error times the row: $(-1, 0)$ and $(-5, -10)$.
# 2. **The sum.** Gradient $(-6, -10)$, loss 13, 2 rows. So the means are $(-3, -5)$ and 6.5.
# 3. **The updater.** Without a penalty, step 1 is $w \leftarrow 0 - 0.5 \cdot (-3, -5) = (1.5,
#    2.5)$. There the errors are 0.5 and 1.5, and the mean loss is 0.625.
#
# With L1 and $\lambda = 1$ the third line goes on: each weight moves by $0.5 \cdot 1$ towards
# zero, to $(1, 2)$, and the penalty there is $1 + 2$.

# %%
two_rows = LocalPartitions(([[1.0, 0.0], [1.0, 2.0]], [1.0, 5.0]))
nowhere = np.zeros(2)

gradient, loss = LeastSquaresGradient().compute([1.0, 2.0], 5.0, nowhere)
assert gradient.tolist() == [-5.0, -10.0]
assert loss == 12.5

sums = sums_at(two_rows, LeastSquaresGradient(), nowhere)
assert (sums.gradient.tolist(), sums.loss, sums.count) == ([-6.0, -10.0], 13.0, 2)

mean = sums.gradient / sums.count
assert SimpleUpdater().compute(nowhere, mean, 0.5, 1, 0.0)[0].tolist() == [1.5, 2.5]
shrunk, penalty = L1Updater().compute(nowhere, mean, 0.5, 1, 1.0)
assert (shrunk.tolist(), penalty) == ([1.0, 2.0], 3.0)

# %% [markdown]
# Those two objects are no larger than that. A gradient for many rows at a time, and an updater:
#
# ```{literalinclude} /../hogwild/mllib/gradients.py
# :pyobject: LeastSquaresGradient.compute_rows
# :language: python
# :dedent: 4
# ```
#
# ```{literalinclude} /../hogwild/mllib/updaters.py
# :pyobject: L1Updater.compute
# :language: python
# :dedent: 4
# ```
#
# Let the package make that step.

# %%
weights, losses = run_mini_batch_sgd(
    two_rows, LeastSquaresGradient(), SimpleUpdater(), step_size=0.5, num_iterations=1,
    reg_param=0.0, mini_batch_fraction=1.0, initial_weights=nowhere,
)  # fmt: skip
print("weights", weights, " losses", losses)
assert weights.tolist() == [1.5, 2.5]
assert losses.tolist() == [6.5, 0.625]

# %% [markdown]
# One step, and two losses. A loss is that of the weights *before* its step; after the last step
# one more pass only looks. So $n$ steps leave $n + 1$ losses, which the page doesn't say. If
# the weights stop moving before, that last look is left out.
#
# A *mini-batch* is a coin for each row. Its size is as random as the coins, and the coins are
# always the same: step $t$ draws with the seed $42 + t$.

# %%
hundred = LocalPartitions((np.ones((100, 1)), np.ones(100)))
sizes = [hundred.sample(0.5, 42 + t).count() for t in range(1, 9)]
print("rows of the first eight batches:", sizes)
assert len(set(sizes)) > 1
assert sizes == [hundred.sample(0.5, 42 + t).count() for t in range(1, 9)]

# %% [markdown]
# ## Plain code: L-BFGS
#
# Gradient descent knows one thing about the place it is at: which way is down. In a narrow
# valley that is mostly *across*. L-BFGS keeps its last steps $s$ and, for each, the change $y$
# of the gradient. On a parabola $y = A s$, so the pairs tell the curvature $A$ along the ways
# it has gone. Two loops over the pairs turn a gradient into a direction, and never write down a
# matrix:
#
# ```{literalinclude} /../hogwild/reference/lbfgs.py
# :pyobject: direction
# :language: python
# ```
#
# With one weight this is Newton's method, as the example in the code says. With more, the
# newest pair is honoured exactly: of its $y$ the loops make its $s$. Try it on the step that we
# made by hand. The gradient was $(-3, -5)$ and is $(1, 1.5)$ after it, so $s = (1.5, 2.5)$ and
# $y = (4, 6.5)$.

# %%
F = CostFunction(two_rows, LeastSquaresGradient(), SimpleUpdater(), 0.0)
before, after = np.zeros(2), np.array([1.5, 2.5])
s, y = after - before, F(after)[1] - F(before)[1]
assert y.tolist() == [4.0, 6.5]
assert np.allclose(-reference.direction([(s, y)], y), s, rtol=1e-14)

# %% [markdown]
# How far along the direction $d$? Let $\varphi(t) = F(w + t d)$. A step $t$ is taken if it goes
# low enough, and if the slope there is less steep than at the start (the *strong Wolfe
# conditions*):
#
# $$
# \varphi(t) \le \varphi(0) + 10^{-4}\, t\, \varphi'(0)
# \qquad\text{and}\qquad
# \lvert \varphi'(t) \rvert \le 0.9\, \lvert \varphi'(0) \rvert .
# $$
#
# The second one keeps steps from being too short; then $y$ would tell nothing about the
# curvature.
#
# ```{literalinclude} /../hogwild/mllib/line_search.py
# :pyobject: strong_wolfe
# :language: python
# ```
#
# That is all of L-BFGS. Turn the crank: direction, step length, new point, remember the pair.
# If no step is found, forget the pairs and try straight down. Note every trial, for the
# pictures.


# %%
def crank(F, w, n_turns):
    """L-BFGS by hand: return the points, the losses, and the trials of each search."""
    pairs, points, losses, searches = [], [w], [F(w)[0]], []
    for _ in range(n_turns):
        slope = F(w)[1]
        d, trials = two_loops(pairs, slope), []

        def phi(t, w=w, d=d, trials=trials):
            there, slope_there = F(t * d + w)
            trials.append(Trial(t, there, float(slope_there @ d)))
            return trials[-1]

        searches.append((w, d, trials))
        try:
            t = strong_wolfe(phi, 1.0 if len(points) > 1 else 1.0 / norm(d))
        except StepFailed:
            pairs = []
        else:
            s = (t * d + w) - w
            w = t * d + w
            y = F(w)[1] - slope
            pairs = [(s, y, float(s @ y)), *pairs][:10]
            points.append(w)
        losses.append(F(w)[0])
    return np.array(points), losses, searches


points, losses, searches = crank(F, nowhere, 5)
found = run_lbfgs(two_rows, LeastSquaresGradient(), SimpleUpdater(), 10, 1e-9, 5, 0.0, nowhere)
assert losses == found.losses.tolist()
assert points[-1].tolist() == found.weights.tolist()
assert np.allclose(points[-1], [1.0, 2.0])

descent = [nowhere]
for n in range(1, 31):
    w, _ = SimpleUpdater().compute(descent[-1], F(descent[-1])[1], 0.5, n, 0.0)
    descent.append(w)
print(f"after 5 steps:  L-BFGS {losses[5]:.0e}, gradient descent {F(descent[5])[0]:.0e}")
print(f"after 30 steps: gradient descent {F(descent[30])[0]:.0e}")
assert losses[5] < 1e-12 < 1e-5 < F(descent[30])[0]

# %% mystnb={"image": {"alt": "The paths of gradient descent and of L-BFGS in a narrow valley"}}
figure, panels = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained", sharey=True)
x0, x1 = np.meshgrid(np.linspace(-0.3, 2.3, 200), np.linspace(-0.3, 2.9, 200))
valley = ((x0 - 1.0) ** 2 + (x0 + 2.0 * x1 - 5.0) ** 2) / 4.0
for axes, path, colour, name in (
    (panels[0], np.array(descent), RED, "gradient descent, 30 steps"),
    (panels[1], points, BLUE, "L-BFGS, 5 steps"),
):
    axes.contour(x0, x1, valley, 0.004 * 4.0 ** np.arange(7), colors="0.85", linewidths=0.9)
    axes.plot(*path.T, "o-", color=colour, markersize=4, linewidth=1.4)
    axes.plot(1, 2, "+", color="black", markersize=12)
    axes.set_title(name, loc="left", fontsize=11)
    axes.set(xlabel="$w_0$", aspect="equal")
panels[0].set_ylabel("$w_1$")
plt.show()

# %% [markdown]
# Here is the price of a step: gradient descent makes one pass for it, L-BFGS one for each
# trial. Mostly the first trial is taken.
#
# ## The page's example
#
# The page's program fits a logistic regression to Spark's sample file: 100 pictures of zeros
# and ones, 692 pixels from 0 to 255. We make such pictures, so that you need no file; the
# command `hogwild reproduce mllib` takes the file where it is there, and sets each loss beside
# Spark's. The program splits the rows with the seed 11, .6 to .4, appends a 1 to each as a
# bias, and lets L-BFGS make 20 steps with $\lambda = 0.1$.

# %%
pictures = LocalPartitions(made_digits(), num_partitions=2)
training, test = pictures.random_split([0.6, 0.4], seed=11)
print("training rows of each partition", training.sizes(), " test rows", test.sizes())
assert training.sizes() == [27, 34]  # as in Spark, whose random numbers these are
assert test.sizes() == [23, 16]

raw = append_bias(training)
example = run_lbfgs(
    raw, LogisticGradient(), SquaredL2Updater(), num_corrections=10, convergence_tol=1e-4,
    max_num_iterations=20, reg_param=0.1, initial_weights=np.zeros(693),
)  # fmt: skip
say(example)
print(np.array2string(example.losses, precision=3, max_line_width=88))

model = LogisticRegressionModel(example.weights[:-1], example.weights[-1])
model.clear_threshold()
seen = test.collect()
area = BinaryClassificationMetrics(model.predict(seen.X), seen.y).area_under_roc
print("area under the ROC curve", area)
assert area == 1.0

# %% [markdown]
# The log says that a search failed, and the array of losses shows it: a loss twice in a row. In
# Spark the array is all that your program gets. What happened? The crank comes to the very same
# losses, and it has kept the trials.

# %%
points, losses, searches = crank(
    CostFunction(raw, LogisticGradient(), SquaredL2Updater(), 0.1), np.zeros(693), 21
)
assert losses == example.losses.tolist()
assert losses[1] == losses[2]

w, d, trials = searches[1]
print(f"where it starts, the weights have norm {norm(w):.3f} and the loss is {losses[1]:.6f}")
for trial in trials[1:4]:
    print(f"t = {trial.t:5.2f}: slope {trial.slope / trials[0].slope:.4f} of that at the start")
print(f"... and after {len(trials) - 1} trials t = {trials[-1].t:.0f}, which isn't enough")
assert all(trial.slope / trials[0].slope > 0.9 for trial in trials)
assert abs(losses[1] - 0.1 / 2) < 1e-12  # the penalty of weights of norm 1, and no loss at all

# %% [markdown]
# The first trial of a run is always one long. With pixels up to 255 that is a huge step:
# afterwards each row is so far on the right side that its loss is nothing, and only the penalty
# $\frac{1}{2} \lambda \lVert w \rVert^2$ is left. But the only pair says that the ground is
# curved sharply. So the next direction is tiny, ten trials, each half as far again, don't get
# anywhere, and the search gives up. Then the pair is forgotten.
#
# Scale the pixels to 0 to 1 for the rest of the lesson; then no search fails.


# %%
def to_one(rows):
    """Pixels from 0 to 1."""
    return Rows(rows.X / 255.0, rows.y)


scaled = append_bias(training.map_rows(to_one, 692))
ridge = (LogisticGradient(), SquaredL2Updater(), 10, 1e-9, 100, 0.01, np.zeros(693))
alone = run_lbfgs(scaled, *ridge)
say(alone)
assert (np.diff(alone.losses) < 0).all()

# %% [markdown]
# ## On two processes
#
# The optimizer asks for one thing only: the sum over all rows, at some weights.
#
# ```{literalinclude} /../hogwild/mllib/cost.py
# :pyobject: sums_at
# :language: python
# ```
#
# Who adds up is not its business. Each partition is summed in order, and the partitions' sums
# are added in the order of their numbers, whoever is ready first. So two workers give the bits
# of one. What the bits do depend on is where the partitions are cut: floating-point sums round.

# %%
rows, layout = scaled.collect(), scaled.sizes()
with LocalPartitions(rows, sizes=layout, n_workers=2, start_method="spawn") as shared:
    together = run_lbfgs(shared, *ridge)
assert together.losses.tolist() == alone.losses.tolist()
assert together.weights.tolist() == alone.weights.tolist()

cut = run_lbfgs(LocalPartitions(rows, num_partitions=7), *ridge)
apart = np.abs(cut.losses[:10] / alone.losses[:10] - 1.0).max()
print(f"two workers: the same bits; seven partitions: losses apart by {apart:.0e} of their size")
assert apart < 1e-9

# %% [markdown]
# For 61 rows a second process is a waste, of course. It is meant for millions.
#
# ## The picture: how far to go
#
# Left, a function made for the purpose: it falls steadily, then meets a wall. Green are the
# steps that may be taken. Before, the slope is still as steep as at the start; behind, the
# function is too high or rises too steeply. Right, a search of the example: the parabola of the
# penalty, and then the wall, where some row comes to lie on the wrong side. Its first trial is
# off the picture.


# %%
def wall(t):
    """Fall, and a wall."""
    rise = 0.001 * np.exp(8.0 * (t - 1.3))
    return Trial(t, rise - t, 8.0 * rise - 1.0)


def recorded(phi, trials):
    """Note each trial."""

    def noted(t):
        trials.append(phi(t))
        return trials[-1]

    return noted


made = []
taken = strong_wolfe(recorded(wall, made), 1.0)
print("trials:", [round(float(trial.t), 3) for trial in made[1:]])
assert [trial.t for trial in made[1:4]] == [1.0, 1.5, 2.25]  # half as far again, and again
assert made[3].value > made[2].value  # too far: now it is between two
assert 1.5 < taken < 2.25

w, d, trials = next(found for found in searches if found[2][1].value > found[2][0].value)
example_F = CostFunction(raw, LogisticGradient(), SquaredL2Updater(), 0.1)


def along(t):
    """The example's objective on the way."""
    value, slope = example_F(w + t * d)
    return Trial(t, value, float(slope @ d))


# %% mystnb={"image": {"alt": "Trials of two line searches, and which steps may be taken"}}
def draw_search(axes, phi, trials, end, low, high):
    """Draw phi in units of its first slope, the steps that may be taken, and the trials."""
    zero, unit = trials[0], abs(trials[0].slope)
    t = np.linspace(0, end, 400)
    found = [phi(each) for each in t]
    height = np.array([(each.value - zero.value) / unit for each in found])
    good = np.array([
        each.value <= zero.value + 1e-4 * each.t * zero.slope and abs(each.slope) <= 0.9 * unit
        for each in found
    ])  # fmt: skip
    axes.fill_between(t, low, high, where=good, color=GREEN, alpha=0.15, linewidth=0)
    axes.plot(t, height, color=BLUE)
    axes.plot(t, -1e-4 * t, color=GREY, linestyle=":")
    for number, trial in enumerate(trials[1:], start=1):
        place = min((trial.value - zero.value) / unit, high)
        last = number == len(trials) - 1
        axes.plot(trial.t, place, "^" if place == high else "o", color=GREEN if last else RED)
        axes.annotate(
            str(number), (trial.t, place), (-7, -13), textcoords="offset points",
            color=GREEN if last else RED,
        )  # fmt: skip
    axes.set(xlabel="step $t$", ylim=(low, high * 1.02), xlim=(0, end))


figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
draw_search(left, wall, made, 2.75, -2.1, 0.6)
for place, word in ((0.8, "too short"), (1.8, "good"), (2.52, "too far")):
    left.text(place, 0.4, word, ha="center", fontsize=9, color=GREY)
left.set_title("two steps too short, one too far", loc="left", fontsize=11)
left.set_ylabel(r"$(\varphi(t) - \varphi(0)) \;/\; |\varphi'(0)|$")
draw_search(right, along, trials, 1.05, -0.6, 0.6)
right.set_title("the page's example", loc="left", fontsize=11)
plt.show()

# %% [markdown]
# A trial that is too high ends the going further. The next one is the lowest point of the cubic
# through both ends, with their slopes; here it is good at once. The dotted line is the first
# condition. It is almost flat: it excludes little more than going up.
#
# ## Passes over the data
#
# Which needs fewer passes to come near the minimum? For gradient descent one has to find a step
# size first; take three. Count every trial of L-BFGS. The certificate that the minimum is one:
# a step of the updater from there doesn't move (`gradient_mapping`).


# %%
def race(cost, method, tol, n_steps):
    """Return passes made and the objective, at each step of L-BFGS or OWL-QN."""
    seen = []

    def note(step, value):
        seen.append((cost.n_evaluations, value))

    minimize(cost, method, np.zeros(693), 10, tol, n_steps, note)
    return np.array(seen)


def gd(updater, step, reg, n_steps=400):
    """Return the same for gradient descent; without a mini-batch a loss is a pass."""
    found = run_mini_batch_sgd(
        scaled, LogisticGradient(), updater, step, n_steps, reg, 1.0, np.zeros(693), 0.0
    )
    return np.column_stack([1 + np.arange(len(found.losses)), found.losses])


smooth = {f"GD, step {step}": gd(SquaredL2Updater(), step, 0.01) for step in (0.1, 0.5, 2.0)}
cost = CostFunction(scaled, LogisticGradient(), SquaredL2Updater(), 0.01)
smooth["L-BFGS"] = race(cost, Wolfe(), 1e-12, 100)
least = min(path[:, 1].min() for path in smooth.values())

best = run_lbfgs(scaled, *ridge[:3], 1e-12, *ridge[4:])
moved = gradient_mapping(scaled, LogisticGradient(), SquaredL2Updater(), best.weights, 0.01)
print(f"a step of the updater would still move the best weights by {norm(moved):.0e}")
assert norm(moved) < 1e-7


def passes_to(path, gap):
    """The passes until the objective is within the gap of the least."""
    near = path[path[:, 1] - least < gap, 0]
    return int(near[0]) if len(near) else np.inf


print("passes (inf: over 400) to within 1e-2     1e-3     1e-6")
for name, path in smooth.items():
    print(f"{name:28}" + "".join(f"{passes_to(path, gap):9}" for gap in (1e-2, 1e-3, 1e-6)))
assert passes_to(smooth["L-BFGS"], 1e-6) < 30
assert all(passes_to(path, 1e-6) == np.inf for name, path in smooth.items() if name != "L-BFGS")

# %% [markdown]
# ## What goes wrong: a penalty with a kink
#
# Now L1, and the two rows again, with $\lambda = 2$. L-BFGS needs the penalty's value and its
# slope, and asks the updater for both: a step of size 0 tells the value, and a step of size 1
# without any data shows the slope, as what it takes off the weights. For L2 that is right. For
# L1 a weight smaller than $\lambda$ loses *all of itself*, so the slope is told as $w$ where it
# is $\pm\lambda$. The value is that of $\lambda \lvert w \rvert$, the slope that of another
# function.
#
# At $(0.8, 1.4)$ the data's slope is $(-0.8, -1.4)$. Add the slope as told, $(0.8, 1.4)$: zero.
# L-BFGS takes that for the minimum.

# %%
told = CostFunction(two_rows, LeastSquaresGradient(), L1Updater(), 2.0)
assert np.allclose(F(np.array([0.8, 1.4]))[1], [-0.8, -1.4])
assert np.allclose(told(np.array([0.8, 1.4]))[1], 0.0)

kinked = (LeastSquaresGradient(), 10, 1e-6, 50, 2.0, np.array([2.0, 2.0]))
wrong = run_lbfgs(two_rows, kinked[0], L1Updater(), *kinked[1:])
right = run_owlqn(two_rows, *kinked)
print("L-BFGS:", wrong.stopped, "at", wrong.weights.round(3), f"loss {wrong.losses[-1]:.3f}")
print("OWL-QN:", right.stopped, "at", right.weights.round(3), f"loss {right.losses[-1]:.3f}")
assert wrong.stopped == right.stopped == "gradient converged"
assert wrong.losses[-1] > right.losses[-1] + 0.5
assert right.weights[0] == 0.0

for name, w in (("L-BFGS", wrong.weights), ("OWL-QN", right.weights)):
    moved = gradient_mapping(two_rows, LeastSquaresGradient(), L1Updater(), w, 2.0)
    print(f"{name}: a step of the updater would still move it by {norm(moved):.0e}")

# %% [markdown]
# It says "converged", and isn't at the minimum. The certificate knows. More often its searches
# fail, because the value rises where the slope promised a fall.
#
# ### OWL-QN
#
# OWL-QN (Andrew and Gao, 2007) keeps L-BFGS and mends three things. Where a weight is zero
# there are two slopes, to the right and to the left. It takes the one that goes down, and zero
# if neither does (the *pseudo-gradient*):
#
# ```{literalinclude} /../hogwild/mllib/owlqn.py
# :pyobject: Orthant.pseudo_gradient
# :language: python
# :dedent: 4
# ```
#
# By hand, at $(0, 1.25)$ with $\lambda = 2$: the data's slope is $(-1.75, -2.5)$. Moving $w_0$
# to the right costs 2 and gains 1.75; to the left it costs 2 and 1.75. So it stays. $w_1$ is
# above zero and its slope is $-2.5 + 2$.

# %%
pull = F(np.array([0.0, 1.25]))[1]
assert pull.tolist() == [-1.75, -2.5]
ways = Orthant(np.full(2, 2.0)).pseudo_gradient(np.array([0.0, 1.25]), pull)
assert ways.tolist() == [0.0, -0.5]

# %% [markdown]
# Second, the pairs are made of the data's gradient alone, which is smooth. Third, a step stays
# within its *orthant*, where no weight changes its sign. What would go beyond zero is put on
# zero, and there the penalty is a straight line and has no kink. That is how a weight becomes
# exactly zero:
#
# ```{literalinclude} /../hogwild/mllib/owlqn.py
# :pyobject: Orthant.search
# :language: python
# :dedent: 4
# ```
#
# Watch both on the two rows, from $(2, 2)$.


# %%
class Watched(Orthant):
    """OWL-QN that notes where a step aims, and where it lands."""

    def __init__(self, l1):
        super().__init__(l1)
        self.steps = []

    def search(self, cost, at, d):
        x = super().search(cost, at, d)
        self.steps.append((at.x, at.x + d, x))
        return x


watched = Watched(np.full(2, 2.0))
F = CostFunction(two_rows, LeastSquaresGradient(), SimpleUpdater(), 0.0)
minimize(F, watched, np.array([2.0, 2.0]), 10, 1e-6, 50)
path = np.array([watched.steps[0][0], *(x for _, _, x in watched.steps)])
assert path[-1].tolist() == right.weights.tolist()
cut_steps = [(aim, x) for _, aim, x in watched.steps[1:] if (aim < 0).any()]
print("a step aims at", cut_steps[0][0].round(2), "and lands at", cut_steps[0][1].round(2))
assert cut_steps[0][1][0] == 0.0

deceived, _, _ = crank(told, np.array([2.0, 2.0]), len(wrong.losses) - 1)
assert deceived[-1].tolist() == wrong.weights.tolist()

# %% mystnb={"image": {"alt": "L-BFGS stops beside the minimum; OWL-QN's step is cut at the axis"}}
figure, panels = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained", sharey=True)
x0, x1 = np.meshgrid(np.linspace(-0.9, 2.3, 300), np.linspace(0.5, 2.3, 300))
hill = ((x0 - 1.0) ** 2 + (x0 + 2.0 * x1 - 5.0) ** 2) / 4.0 + 2.0 * (np.abs(x0) + np.abs(x1))
for axes, way, colour, name in (
    (panels[0], deceived, RED, "L-BFGS with L1Updater"),
    (panels[1], path, GREEN, "OWL-QN"),
):
    axes.contour(x0, x1, hill, 4.25 + 0.02 * 2.6 ** np.arange(6), colors="0.85", linewidths=0.9)
    axes.axvline(0, color="0.6", linewidth=0.9)
    axes.plot(*way.T, "o-", color=colour, markersize=4, linewidth=1.4)
    axes.plot(0, 1.5, "+", color="black", markersize=12)
    axes.set_title(name, loc="left", fontsize=11)
    axes.set(xlabel="$w_0$", aspect="equal")
panels[0].set_ylabel("$w_1$")
panels[0].annotate('"converged"', deceived[-1], (-8, 14), textcoords="offset points", color=RED)
aim, landed = cut_steps[0]
panels[1].plot(*np.array([landed, aim]).T, ":", color=GREEN)
panels[1].plot(*aim, "o", color="white", markeredgecolor=GREEN)
panels[1].annotate("aimed at", aim, (0, 8), textcoords="offset points", color=GREEN, ha="center")
plt.show()

# %% [markdown]
# Now the pictures, with $\lambda = 0.01$: L-BFGS with `L1Updater`, and OWL-QN. For the figure
# below, gradient descent as well; the step of `L1Updater` is made for kinks.

# %%
lasso = (LogisticGradient(), 10, 1e-9, 400, 0.01, np.zeros(693))
stuck = run_lbfgs(scaled, lasso[0], L1Updater(), *lasso[1:])
sparse = run_owlqn(scaled, *lasso)
for name, found in (("L-BFGS", stuck), ("OWL-QN", sparse)):
    moved = gradient_mapping(scaled, LogisticGradient(), L1Updater(), found.weights, 0.01)
    count = np.count_nonzero(found.weights)
    print(f"{name}: {found.stopped}, loss {found.losses[-1]:.4f}, {count} weights are not zero,")
    print(f"        a step would still move it by {norm(moved):.0e}")
assert stuck.stopped == "line search failed"
assert np.count_nonzero(stuck.weights) > 50 * np.count_nonzero(sparse.weights)
assert sparse.losses[-1] < stuck.losses[-1]
assert sparse.n_evaluations > 2 * sparse.n_iterations
assert norm(moved) < 1e-6

kinks = {f"GD, step {step}": gd(L1Updater(), step, 0.01) for step in (0.1, 0.5, 2.0)}
cost = CostFunction(scaled, LogisticGradient(), L1Updater(), 0.01)
logging.getLogger("hogwild.mllib").setLevel(logging.CRITICAL)  # its failures are told above
kinks["L-BFGS"] = race(cost, Wolfe(), 1e-12, 100)
logging.getLogger("hogwild.mllib").setLevel(logging.WARNING)
cost = CostFunction(scaled, LogisticGradient(), SimpleUpdater(), 0.0)
kinks["OWL-QN"] = race(cost, Orthant(np.full(693, 0.01)), 1e-12, 400)
least_kinked = min(path[:, 1].min() for path in kinks.values())
assert kinks["OWL-QN"][-1, 1] < kinks["GD, step 2.0"][-1, 1] < kinks["L-BFGS"][-1, 1]

# %% mystnb={"image": {"alt": "Distance to the least objective by passes, with L2 and with L1"}}
figure, panels = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained", sharey=True)
shades = {"GD, step 0.1": 0.35, "GD, step 0.5": 0.65, "GD, step 2.0": 1.0}
colours = {"L-BFGS": BLUE, "OWL-QN": GREEN}
for axes, paths, lowest, name in (
    (panels[0], smooth, least, "L2"), (panels[1], kinks, least_kinked, "L1")
):  # fmt: skip
    for label, path in paths.items():
        gap = np.maximum(path[:, 1] - lowest, 1e-12)
        style = {"color": colours.get(label, RED), "alpha": shades.get(label, 1.0)}
        axes.loglog(path[:, 0], gap, label=label, **style)
    axes.set(xlabel="passes over the rows", ylim=(1e-8, 1))
    axes.set_title(f"{name}, λ = 0.01", loc="left", fontsize=11)
    axes.grid(color="0.93")
    axes.legend(frameon=False, fontsize=9, loc="lower left")
panels[0].set_ylabel("objective above the least")
plt.show()

# %% [markdown]
# With L2, L-BFGS arrives before gradient descent is anywhere near. With L1 it stops for good
# at a loss that gradient descent will pass, slow as it is. OWL-QN pays more than two trials a
# step, and arrives.
#
# And the weights, as pictures: red speaks for a one, blue for a zero. The number is how many of
# them are not zero, the bias counted. With L2 that is every pixel that has ink in any row.
# L-BFGS with L1 has made most of them small, and none of them zero.


# %% mystnb={"image": {"alt": "Two rows, and the weights of L2, of L1 by L-BFGS, of L1 by OWL-QN"}}
def as_picture(values):
    """692 pixels as 28 x 28; the last rows were never kept."""
    return np.append(values[:692], np.zeros(92)).reshape(28, 28)


figure, panels = plt.subplots(1, 5, figsize=(9, 2.2), layout="constrained")
for axes, label, name in zip(panels, (0.0, 1.0), ("a zero", "a one"), strict=False):
    row = rows.X[int(np.argmax(rows.y == label))].toarray().ravel()
    axes.imshow(as_picture(row), cmap="gray_r")
    axes.set_title(name, fontsize=10)
for axes, found, name in zip(
    panels[2:], (best, stuck, sparse), ("L2", "L1, L-BFGS", "L1, OWL-QN"), strict=True
):
    most = np.abs(found.weights[:692]).max()
    axes.imshow(as_picture(found.weights), cmap="RdBu_r", vmin=-most, vmax=most)
    axes.set_title(f"{name}: {np.count_nonzero(found.weights)}", fontsize=10)
assert np.count_nonzero(best.weights) == np.count_nonzero(rows.X.sum(axis=0))
assert np.count_nonzero(best.weights) == np.count_nonzero(stuck.weights)
for axes in panels:
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(True)
plt.show()

# %% [markdown]
# ## What goes wrong: features that aren't scaled
#
# Gradient descent with the step size 1, Spark's default, on pixels up to 255. A loss of
# thousands is returned without a word. The line search of L-BFGS takes no step that goes up.

# %%
far = run_mini_batch_sgd(
    raw, LogisticGradient(), SquaredL2Updater(), 1.0, 20, 0.1, 1.0, np.zeros(693), 0.0
)
print(np.array2string(far.losses[:6], precision=1, suppress_small=True), "...", far.stopped)
assert far.losses[0] < 1.0
assert far.losses[1:].min() > 1000.0

# %% [markdown]
# ## What goes wrong: L-BFGS on batches
#
# Why is there no mini-batch L-BFGS? The change $y$ of the gradient would come from two batches.
# When steps get short, it shows the difference of the rows and not of the places. A true pair
# has $s \cdot y > 0$, for the valley is curved upwards. Take a point near the minimum, and ever
# shorter steps:


# %%
def gradient_at(data, w):
    """The gradient of the objective over these rows."""
    sums = sums_at(data, LogisticGradient(), w)
    return sums.gradient / sums.count + 0.01 * w


w = run_lbfgs(scaled, *ridge[:4], 3, *ridge[5:]).weights
print("|s|         s.y   of ten pairs of batches: below 0, the largest beside s.y")
for size in (10.0, 1.0, 0.1, 0.01):
    s = -size * gradient_at(scaled, w)
    true = s @ (gradient_at(scaled, w + s) - gradient_at(scaled, w))
    batches = [scaled.sample(0.5, seed) for seed in range(43, 63)]
    found = np.array([
        s @ (gradient_at(second, w + s) - gradient_at(first, w))
        for first, second in zip(batches[::2], batches[1::2], strict=True)
    ])  # fmt: skip
    n_below = int((found < 0).sum())
    print(f"{norm(s):.4f}  {true:.1e} {n_below:33} {np.abs(found).max() / true:23.0f}")
    assert true > 0
assert 2 <= n_below <= 8

# %% [markdown]
# At last the sign is a toss of a coin. The objective must stay the same from one evaluation to
# the next, and so each is a pass over all rows.
#
# ## The same run on a cluster
#
# Spark keeps the partitions in the memory of its executors, and they stay there. A pass sends
# the weights out, 693 numbers, and gets a sum back from each partition: 693 numbers, the loss
# and the number of rows. The two loops and the line search are the driver's. So few passes are
# all that matters, and this is what L-BFGS is good at.
#
# `SparkPartitions` is to the optimizer what `LocalPartitions` is. `local[2]` is a cluster of
# two threads on this machine; in its place you write your cluster's address.

# %%
try:
    with spark_context("local[2]") as context, SparkPartitions.of(context, scaled) as there:
        print(there, there.sizes())
        found = run_lbfgs(there, *ridge)
except (MissingExtra, ClusterError) as missing:
    say(f"Not run on Spark: {missing}")
else:
    assert found.losses.tolist() == alone.losses.tolist()
    assert found.weights.tolist() == alone.weights.tolist()
    print(f"{len(found.losses)} losses, with the bits of the run in this process")

# %% [markdown]
# Where pyspark (`pip install 'hogwild[spark]'`) and Java are installed, it prints this;
# elsewhere, what is missing:
#
# ```text
# SparkPartitions(693 features, 2 partitions) [27, 34]
# 23 losses, with the bits of the run in this process
# ```
#
# The same in the shell, for a file: `hogwild fit mllib DATA --master 'local[2]'`. How to bring
# a cluster's own data, an RDD, is told in {doc}`/spark`.
#
# ## Exercises
#
# Each asks for one function or class. The checks below it run on the solution that is folded
# away; open this lesson as a notebook, put your own in its place, and run the checks.
#
# ### 1. An updater of your own
#
# The elastic net: $R(w) = \alpha \lVert w \rVert_1 + \frac{1 - \alpha}{2} \lVert w \rVert^2$.
# Write its step like that of `L1Updater`: down the gradient, down the slope of the smooth part,
# and then towards zero. Its value is taken at the new weights.
#
# ```python
# class ElasticNet(Updater):
#     def __init__(self, alpha): ...
#     def compute(self, weights_old, gradient, step_size, iter, reg_param): ...
# ```


# %% tags=["hide-input"] mystnb={"code_prompt_show": "Show a solution"}
class ElasticNet(Updater):
    """A share alpha of L1, the rest L2."""

    def __init__(self, alpha):
        self.alpha = alpha

    def compute(self, weights_old, gradient, step_size, iter, reg_param):
        """Return the new weights and the penalty there."""
        s, l1 = step_size / np.sqrt(iter), self.alpha * reg_param
        l2 = reg_param - l1
        w = weights_old - s * (gradient + l2 * weights_old)
        w = np.sign(w) * np.maximum(0.0, np.abs(w) - s * l1)
        return w, l1 * np.abs(w).sum() + l2 / 2.0 * (w @ w)


# %%
given = nowhere, np.array([-3.0, -5.0]), 0.5, 1, 1.0
for alpha, plain in ((1.0, L1Updater()), (0.0, SquaredL2Updater())):
    w, value = ElasticNet(alpha).compute(*given)
    expected, expected_value = plain.compute(*given)
    assert np.allclose(w, expected)
    assert np.isclose(value, expected_value)

net = run_mini_batch_sgd(
    two_rows, LeastSquaresGradient(), ElasticNet(0.8), 0.6, 3000, 2.0, 1.0, nowhere, 0.0
)
moved = gradient_mapping(two_rows, LeastSquaresGradient(), ElasticNet(0.8), net.weights, 2.0)
print("weights", net.weights.round(4), f"a step would move them by {norm(moved):.0e}")
assert norm(moved) < 1e-9

# %% [markdown]
# ### 2. The matrix that nobody writes down
#
# What the two loops multiply by is a matrix $H$, the guess at the inverse of the curvature. It
# starts as $\gamma I$ with $\gamma = s \cdot y / y \cdot y$ of the newest pair. Then, from the
# oldest pair to the newest, with $\rho = s \cdot y$:
#
# $$
# H \leftarrow \left(I - \tfrac{1}{\rho} s y^T\right) H \left(I - \tfrac{1}{\rho} y s^T\right)
# + \tfrac{1}{\rho} s s^T .
# $$
#
# Write it. For 693 weights it has half a million numbers; the loops have ten pairs of 693.
#
# ```python
# def inverse_curvature(pairs):
#     ...                 # pairs (s, y), the newest first
# ```


# %% tags=["hide-input"] mystnb={"code_prompt_show": "Show a solution"}
def inverse_curvature(pairs):
    """The matrix of the two loops."""
    s, y = pairs[0]
    eye = np.eye(len(s))
    H = (s @ y) / (y @ y) * eye
    for s, y in reversed(pairs):
        left = eye - np.outer(s, y) / (s @ y)
        H = left @ H @ left.T + np.outer(s, s) / (s @ y)
    return H


# %%
random = np.random.default_rng(0)
root = random.standard_normal((6, 6))
curvature = root @ root.T + np.eye(6)
for n_pairs in (1, 3, 10):
    steps = random.standard_normal((n_pairs, 6))
    pairs = [(s, curvature @ s) for s in steps]
    g = random.standard_normal(6)
    assert np.allclose(-inverse_curvature(pairs) @ g, reference.direction(pairs, g))
    assert np.allclose(inverse_curvature(pairs) @ pairs[0][1], pairs[0][0])

# %% [markdown]
# ### 3. Where nothing is left
#
# With a larger $\lambda$ more weights are zero, as a rule. From some $\lambda$ on, all are.
# Write the smallest such $\lambda$ for logistic regression; one pass over the rows tells it.
# When does no weight want to leave zero?
#
# ```python
# def largest_useful(data):
#     ...
# ```


# %% tags=["hide-input"] mystnb={"code_prompt_show": "Show a solution"}
def largest_useful(data):
    """The largest slope of the data at zero: a steeper penalty keeps every weight there."""
    sums = sums_at(data, LogisticGradient(), np.zeros(data.n_features))
    return np.abs(sums.gradient / sums.count).max()


# %%
edge = largest_useful(scaled)
for factor, expected in ((1.001, 0), (0.999, 1)):
    found = run_owlqn(scaled, *lasso[:4], factor * edge, lasso[5])
    print(f"λ = {factor * edge:.4f}: {np.count_nonzero(found.weights)} weights are not zero")
    assert np.count_nonzero(found.weights) == expected

# %% [markdown]
# ## Sources
#
# - Apache Spark, *[Optimization - RDD-based
#   API](https://spark.apache.org/docs/latest/mllib-optimization.html)*, MLlib's guide. What it
#   doesn't say is collected in {doc}`/mllib`.
# - J. Nocedal, S. J. Wright, *Numerical Optimization*, second edition, Springer 2006:
#   algorithms 3.5 and 3.6 (the line search), 7.4 (the two loops).
# - D. C. Liu, J. Nocedal, *On the Limited Memory BFGS Method for Large Scale Optimization*,
#   Mathematical Programming 45, 1989.
# - G. Andrew, J. Gao, *Scalable Training of L1-Regularized Log-Linear Models*, ICML 2007:
#   OWL-QN.
# - Y. Nesterov, *Gradient methods for minimizing composite functions*, Mathematical Programming
#   140, 2013: the gradient mapping.
