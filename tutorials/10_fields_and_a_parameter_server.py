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
# # 10. Fields, pairs and AdaGrad; then a parameter server by hand
#
# **You will** score and update one row of a field-aware factorization machine by hand, see what
# it can learn that simpler models can't, and where it has to be stopped. Then you drive a
# parameter server step by step, let 100 replicas work on it in virtual time and two in
# processes, and kill one of them.
#
# **You will learn** what a pair of fields knows, what AdaGrad remembers, how old a gradient is
# when it arrives and how that can be known beforehand, and what is lost when a process dies.
#
# **You need** {doc}`lesson 1 <01_sgd_on_one_sparse_row>`, the step on one row, and the extra
# `fast` for the first half: without numba it takes minutes. The second half needs nothing of
# the first.

# %% [markdown]
# ## What the articles say
#
# Juan, Zhuang, Chin and Lin (2016) predict whether somebody clicks on an advert. A row says: this
# page, this advert, this hour. Each of these is a *field*, and what is in it, *sport* or
# *evening*, is a *feature*. A linear model gives each feature a weight, so it can't know that
# sport goes well with shoes and not with books. A *factorization machine* (FM) gives each feature
# a vector, and the product of two vectors tells how well two features go together. Theirs is
# *field-aware* (FFM): a feature has **one vector for each field a partner may come from**. Sport
# meets an advert with one vector, and the hour with another. They train it with AdaGrad, by
# Hogwild!: the threads of their program, libFFM, write to the shared vectors without locks.
#
# Dean and others (2012) train models on machines that share no memory. *Replicas* of the model
# each have their own rows and their own copy of the parameters. Again and again, a replica
# *fetches* the parameters from a *parameter server*, takes the gradient of a few rows, and
# *pushes* it. Nobody waits for anybody, so a gradient is computed from parameters that others
# have changed by the time it arrives. They call it *Downpour*. It is Hogwild! by post.

# %%
import os
import signal
import textwrap
import threading
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

from hogwild.data import (
    Examples,
    FieldRows,
    generate_fields,
    read_libffm,
    sparse_classification,
)
from hogwild.downpour import (
    AdaGrad,
    Costs,
    Exchange,
    FixedStep,
    ParameterServer,
    Portion,
    PortionTable,
    Replica,
    Shard,
    fit_downpour,
    simulate,
)
from hogwild.downpour.keys import new_key
from hogwild.downpour.linear import LinearProblem
from hogwild.downpour.listening import start_server
from hogwild.downpour.proxy import connect
from hogwild.engine import context_of
from hogwild.errors import KeyRefused, WorkerDied
from hogwild.models import FieldModel, InverseSqrt, fit_ffm, fit_linear
from hogwild.reference import downpour as page
from hogwild.reference import ffm as reference

plt.rcParams.update(
    {"font.size": 11, "axes.spines.top": False, "axes.spines.right": False, "figure.dpi": 130}
)
RED, BLUE, GREEN, GREY = "#a3341f", "#1f5fa3", "#2c7a4b", "0.4"


def say(sentence):
    """Print a long sentence on several lines."""
    print(textwrap.fill(str(sentence), 88))


# %% [markdown]
# ## By hand: one row, four features
#
# A page is about *sport* and about *football*; on it, an advert for *shoes*; it is *evening*;
# and there was a click, $y = +1$. Four features of three fields, for two of them are topics. In
# libFFM's format a row is a label and entries `field:feature:value`:
#
# ```text
# 1 0:0:1 0:1:1 1:2:1 2:3:1
# ```
#
# Vectors have one number here. Row by row a feature, column by column the field of its partner:
#
# | $w_{j,f}$ | for topics | for adverts | for hours |
# |---|---|---|---|
# | 0 sport | 2 | 6 | 1 |
# | 1 football | 3 | 7.5 | -1 |
# | 2 shoes | 0 | . | -2 |
# | 3 evening | 2 | 3 | . |
#
# The score is a sum over all **pairs** of entries. Sport and shoes: sport's number for adverts
# times shoes' number for topics, $w_{0,1} w_{2,0} = 6 \cdot 0$. In general
#
# $$
# \phi = R \sum_{a<b} \langle w_{j_a,f_b}, w_{j_b,f_a} \rangle \, v_a v_b ,
# \qquad R = 1 \Big/ \sum_a v_a^2 .
# $$
#
# $R$ makes long rows count no more than short ones. Here it is 1/4. The six products are 6
# (sport, football), 0 (sport, shoes), 2 (sport, evening), 0 (football, shoes), -2 (football,
# evening) and -6 (shoes, evening). They add up to 0, so the probability of a click is 1/2.

# %%
TOPIC, ADVERT, HOUR = 0, 1, 2
SPORT, FOOTBALL, SHOES, EVENING = 0, 1, 2, 3
row = reference.parse("1 0:0:1 0:1:1 1:2:1 2:3:1")
w = np.array([[2.0, 6.0, 1.0], [3.0, 7.5, -1.0], [0.0, 0.0, -2.0], [2.0, 3.0, 0.0]])[:, :, None]

products = [(w[one] * w[two]).item() for one, two, v in reference.pairs(row, w, normalise=True)]
print("the products of the pairs:", products)
assert products == [6.0, 0.0, 2.0, 0.0, -2.0, -6.0]
assert all(v == 0.25 for _, _, v in reference.pairs(row, w, normalise=True))
assert reference.score(row, w) == 0.0
assert reference.probability(row, w) == 0.5

# %% [markdown]
# ### The update
#
# The loss is $\log(1 + e^{-y\phi})$, and its slope in $\phi$ is $\kappa = -1/2$ at 0. It is taken
# **once**, before anything moves. Then come the pairs, one after the other. A pair pulls at its
# two vectors, $g_1 = \kappa v w_2$ and $g_2 = \kappa v w_1$, and here $\kappa v = -\frac12 \cdot
# \frac14$. AdaGrad keeps for each number a sum $G$ of the squares of its gradients, which begins
# at 1, and divides by its root:
#
# $$
# G \leftarrow G + g^2, \qquad w \leftarrow w - \eta \, g / \sqrt{G} .
# $$
#
# $G$ includes the **present** gradient. So no first step is as long as $\eta$, however large
# the gradient.
#
# Look at shoes' number for topics, $w_{2,0} = 0$. Two pairs use it, for the row has two topics.
#
# 1. Sport and shoes: $g_2 = -\frac18 \cdot 6 = -0.75$. $G$ becomes $1 + 0.5625$, its root is
#    1.25, and with $\eta = 0.2$ the number moves by $0.2 \cdot 0.75 / 1.25 = 0.12$. Sport's own
#    number doesn't move: its $g_1$ is $-\frac18 \cdot 0$.
# 2. Football and shoes: $g_2 = -\frac18 \cdot 7.5 = -0.9375$. $G$ becomes 2.4414, its root is
#    1.5625, and the number moves by $0.2 \cdot 0.9375 / 1.5625 = 0.12$ once more.
#
# But football's $g_1$ isn't 0. Its partner **has moved already**, to 0.12, so $g_1 = -\frac18
# \cdot 0.12 = -0.015$. That is libFFM's way: the slope is of the old vectors, the pull of the
# newest. Had the pairs come in another order, other numbers would come out.

# %%
G = np.ones_like(w)
loss = reference.update(row, w, G, step=0.2, reg=0.0)
assert loss == np.log(2.0)
assert np.isclose(w[SHOES, TOPIC], 0.24)
assert np.isclose(G[SHOES, TOPIC], 2.44140625)
assert w[SPORT, ADVERT] == 6.0
assert np.isclose(w[FOOTBALL, ADVERT], 7.5 + 0.2 * 0.015 / np.sqrt(1 + 0.015**2))
assert w[SHOES, ADVERT] == 0.0  # no pair of this row asks for it
print(f"the score is now {reference.score(row, w):.3f}")
assert reference.score(row, w) > 0.0

# %% [markdown]
# Two things to take along.
#
# - If both numbers of a pair are 0, neither ever moves. So the start must be random: libFFM draws
#   from 0 to $1 / \sqrt{k}$, where $k$ is the length of a vector.
# - With a penalty $\lambda$, a pair's $g_1$ is $\lambda w_1 + \kappa v w_2$. It is paid **once
#   for each pair**: shoes' number for topics would pay twice in this row, and a number that no pair
#   asks for pays nothing, ever.
#
# ## Plain code
#
# All of it is a dozen lines:
#
# ```{literalinclude} /../hogwild/reference/ffm.py
# :pyobject: pairs
# :language: python
# ```
#
# ```{literalinclude} /../hogwild/reference/ffm.py
# :pyobject: update
# :language: python
# ```
#
# The package does the same in float32, the type of libFFM. Let it make our step.

# %%
before = np.array([[2, 6, 1], [3, 7.5, -1], [0, 0, -2], [2, 3, 0]], np.float32)[:, :, None]
entries = [(TOPIC, SPORT, 1), (TOPIC, FOOTBALL, 1), (ADVERT, SHOES, 1), (HOUR, EVENING, 1)]
one_row = FieldRows.of_lists([entries], [1])
start = FieldModel(before, squares=np.ones_like(before))
fit = fit_ffm(one_row, n_factors=1, reg=0.0, epochs=1, start=start, schedule="serial")
assert np.allclose(fit.model.w, w, atol=1e-6)
assert np.allclose(fit.model.squares, G, atol=1e-6)
assert np.isclose(fit.history[0].train_loss, np.log(2.0))  # before the update, as libFFM prints it

# %% [markdown]
# ### libFFM's own run
#
# Its start and its shuffling come from random numbers that are the same in every run. With
# `random="libffm"` ours come from the same ones, so a fit with one worker can be held against the
# program itself. On its sample files, 200 rows each, version 1.23 prints this:
#
# | epoch | 1 | 2 | 3 | 4 | 5 |
# |---|---|---|---|---|---|
# | training | 1.12420 | 0.71238 | 0.61740 | 0.58520 | 0.56697 |
# | validation | 0.88889 | 0.68856 | 0.61925 | 0.59228 | 0.58012 |
#
# The files are part of libFFM; set `HOGWILD_TEST_DATA` to the folder that has them in `ffm/`. And
# on rows that we make, the fit is held against the page of plain code, which shares no line with
# it.

# %%
printed = [1.12420, 0.71238, 0.61740, 0.58520, 0.56697]
printed_unseen = [0.88889, 0.68856, 0.61925, 0.59228, 0.58012]
folder = Path(os.environ.get("HOGWILD_TEST_DATA", "")) / "ffm"
if (folder / "bigdata.tr.txt").is_file():
    sample, unseen = (read_libffm(folder / f"bigdata.{part}.txt") for part in ("tr", "te"))
    run = fit_ffm(sample, validation=unseen, epochs=5, random="libffm", schedule="serial")
    for epoch in run.history:
        print(f"{epoch.epoch}  {epoch.train_loss:.5f}  {epoch.validation_loss:.5f}")
    assert [round(epoch.train_loss, 5) for epoch in run.history] == printed
    assert [round(epoch.validation_loss, 5) for epoch in run.history] == printed_unseen
else:
    print("libFFM's files are not here")

made = generate_fields(80, 5, 60, seed=0)
lines = [
    reference.Row(1 if y > 0 else -1, made.fields[a:b], made.features[a:b], made.values[a:b])
    for y, (a, b) in zip(made.y, pairwise(made.indptr), strict=True)
]
plain = reference.train(lines, epochs=3)
ours = fit_ffm(made, epochs=3, random="libffm", schedule="serial")
assert np.allclose(ours.model.w[: len(plain.w)], plain.w, atol=1e-6)
assert np.allclose([e.train_loss for e in ours.history], [t for t, _ in plain.losses], atol=1e-6)

# %% [markdown]
# ## The picture: what a pair of fields knows
#
# Rows with a planted truth: eight fields, and for each pair of them it was drawn whether they
# have to do with each other at all, and whether alike features attract or repel. An FFM can say
# that, for a feature has a vector for each partner's field. An FM has one vector for all. A linear
# model has no pairs. To be fair, the FM gets longer vectors: as many numbers as the FFM has.

# %%
rows = generate_fields(6000, 8, 200, seed=0)
train, test = rows.split(test=0.25, seed=0)
print(train)


def as_examples(rows):
    """The same rows for a linear model: a column for each feature."""
    X = csr_matrix((rows.values.astype(float), rows.features, rows.indptr))
    X.resize(len(rows), rows.n_features)
    return Examples(X, np.where(rows.y > 0, 1.0, -1.0))


serial = dict(validation=test, epochs=40, schedule="serial", seed=0)
ffm = fit_ffm(train, n_factors=4, **serial)
fm = fit_ffm(train, n_factors=32, one_field=True, **serial)
assert ffm.model.w.size == fm.model.w.size == 200 * 8 * 4
linear = fit_linear(
    as_examples(train), loss="logistic", penalty="l2", reg=1e-4, step=InverseSqrt(0.5),
    epochs=40, schedule="serial", validation=as_examples(test), seed=0,
)  # fmt: skip

curves = {
    "linear": [epoch.validation["loss"] for epoch in linear.history],
    "FM, k = 32": [epoch.validation_loss for epoch in fm.history],
    "FFM, k = 4": [epoch.validation_loss for epoch in ffm.history],
}
lowest = {name: min(curve) for name, curve in curves.items()}
for name, value in lowest.items():
    print(f"{name:11} log loss on other rows, at best: {value:.3f}")
assert lowest["FFM, k = 4"] < lowest["FM, k = 32"] - 0.005
assert lowest["FM, k = 32"] < lowest["linear"] - 0.05

# %% mystnb={"image": {"alt": "Losses of FFM, FM and a linear model; FFM overfits, and is stopped"}}
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained", sharey=True)
for (name, curve), colour in zip(curves.items(), (GREY, BLUE, RED), strict=True):
    left.plot(range(1, 41), curve, color=colour, label=name)
    left.plot(np.argmin(curve) + 1, min(curve), "o", color=colour, markersize=5)
left.set(xlabel="epoch", ylabel="log loss", ylim=(0.1, 0.75))
left.set_title("on other rows", loc="left", fontsize=11)
left.legend(frameon=False, fontsize=9, loc="lower left")
for reg, colour in ((2e-5, RED), (2e-4, GREEN)):
    run = ffm if reg == 2e-5 else fit_ffm(train, reg=reg, **serial)
    right.plot(range(1, 41), [e.validation_loss for e in run.history], color=colour)
    right.plot(range(1, 41), [e.train_loss for e in run.history], ":", color=colour)
    right.plot([], [], color=colour, label=f"FFM, λ = {reg:g}")
right.plot([], [], ":", color=GREY, label="on the training rows")
stop = fit_ffm(train, auto_stop=True, **serial)
right.axvline(stop.best_epoch, color=RED, linewidth=0.9, alpha=0.5)
right.annotate("auto-stop", (stop.best_epoch, 0.7), (4, 0), textcoords="offset points", color=RED)
right.set(xlabel="epoch")
right.set_title("what is learned by heart", loc="left", fontsize=11)
right.legend(frameon=False, fontsize=9, loc="lower left")
plt.show()

# %% [markdown]
# ### What goes wrong: it learns the rows by heart
#
# The dotted lines go down and down, while the loss on other rows turns round. A vector for each
# partner's field is a lot of numbers, and most see few rows. So the authors, too, look for the
# epoch that is best on validation rows. `auto_stop=True` looks at them after each epoch. At the
# first rise it stops, and gives back the model of the epoch before.

# %%
unseen_losses = [epoch.validation_loss for epoch in stop.history]
print(f"stopped after epoch {len(unseen_losses)}, and went back to epoch {stop.best_epoch}")
assert stop.stopped == "auto_stop"
assert stop.best_epoch == len(unseen_losses) - 1
assert unseen_losses[-1] > unseen_losses[-2]
assert np.isclose(stop.model.mean_loss(test), unseen_losses[-2])
assert ffm.history[-1].validation_loss > stop.model.mean_loss(test) + 0.05

# %% [markdown]
# The first rise need not be the lowest point of a longer run, but nobody has to run on to find out.
#
# ### On two processes
#
# libFFM's threads are Hogwild! workers; ours are processes. Rows of click data meet in the common
# features all the time, and yet:

# %%
two = fit_ffm(train, n_workers=2, epochs=stop.best_epoch, validation=test, seed=0)
apart = two.history[-1].validation_loss - stop.model.mean_loss(test)
print(f"log loss on other rows, two workers against one: {apart:+.4f}")
assert abs(apart) < 0.01

# %% [markdown]
# ## A parameter server by hand
#
# Now no memory is shared. Two rows, the same: $x = 1$, $y = 4$, and the loss is $(w - 4)^2$. Its
# gradient is $2 (w - 4)$. The server makes steps of the size 1/4, so a gradient that is not stale
# halves the distance to 4: from 0 to 2, to 3, to 3.5.
#
# Ann and Bob are replicas with a row each. An action has its effect when it is over; between two
# of Ann's actions, Bob may come in.
#
# | | server | Ann | Bob |
# |---|---|---|---|
# | both fetch | 0 | 0 | 0 |
# | both compute | 0 | gradient -8 | gradient -8 |
# | Ann pushes | **2** | | |
# | Bob pushes | **4** | | |
#
# Bob's gradient was right at 0. When it arrives, the server is at 2, and there it is twice what
# it should be. His push is **stale by one**: one other push came between his fetch and his push. On
# the server's side a shard is a slice of the parameters, and this:
#
# ```{literalinclude} /../hogwild/downpour/shard.py
# :pyobject: Shard.push
# :language: python
# :dedent: 4
# ```
#
# A replica says what it will do next, and does it when it is asked again. So we can be the
# operating system.

# %%
problem = LinearProblem(Examples([[1.0], [1.0]], [4.0, 4.0]), intercept=False)
shard = Shard(problem.begin(None), FixedStep(), step=0.25)
server = ParameterServer([shard], problem.n_parameters)
each_step = Exchange(n_fetch=1, n_push=1, batch_size=1)
ann, bob = (Replica(problem, server, each_step) for _ in range(2))
moves = {"Ann": ann.portion(np.array([0])), "Bob": bob.portion(np.array([1]))}
coming = {name: next(each) for name, each in moves.items()}

for name in ("Ann", "Bob", "Ann", "Bob", "Ann", "Bob"):
    action, coming[name] = coming[name], next(moves[name], None)
    print(f"{name}'s {action:8} is over: the server is at {server.fetch().values[0]:.0f}")
assert server.fetch().values[0] == 4.0
assert (ann.staleness, bob.staleness) == ([Counter({0: 1})], [Counter({1: 1})])
assert shard.summary()["staleness"] == {0: 1, 1: 1}

# %% [markdown]
# Here it was luck: 4 is the minimum. Had there been a third, it would have pushed the server to 6.

# %%
assert shard.push(np.array([0]), np.array([-8.0]), (0, 0)) == 2  # its fetch: life 0, 0 pushes
assert shard.fetch()[0][0] == 6.0

# %% [markdown]
# ### Two shards, two ages
#
# With 10 shards, each has a tenth of the parameters, and they know nothing of one another. A
# fetch asks them one after the other. Here Bob's whole push comes between Ann's two questions. What
# she gets together, $(0, 4)$, is a state that the server **was never in**.

# %%
cut_in_two = page.cut(np.zeros(2), 2, step=1.0)
ann, bob = (page.Replica(cut_in_two, lambda w, b: w - 4.0, [None], 0.0) for _ in range(2))
ann_moves, bob_moves, states = ann.turns(), bob.turns(), []
assert next(ann_moves) == "fetch"
for _ in bob_moves:
    states.append(page.join(cut_in_two).tolist())
assert next(ann_moves) == "fetch"
print("the server's states:", states)
print("what Ann has:", ann.params.tolist())
assert ann.params.tolist() == [0.0, 4.0]
assert [0.0, 4.0] not in states

# %% [markdown]
# ### Fetch and push less often
#
# A fetch and a push cost a journey each. So a replica may fetch only before every `n_fetch`-th
# mini-batch, and push after every `n_push`-th. Meanwhile it goes on with its own copy, and gathers
# its gradients:
#
# ```{literalinclude} /../hogwild/downpour/replica.py
# :pyobject: Replica.portion
# :language: python
# :dedent: 4
# ```
#
# ```{literalinclude} /../hogwild/downpour/replica.py
# :pyobject: Replica.compute
# :language: python
# :dedent: 4
# ```
#
# What must come out when there is only one replica, and nothing is stale? Serial SGD. It does,
# to the bit with an exchange at every step, to rounding with one at every fourth. But not in the
# order that the article prints: there the push is due at steps 0, 4, 8, after the fetch. So the
# fetch brings parameters without the replica's own last three gradients. They aren't lost,
# for they are still to be sent, but the replica *steps back*.

# %%
chain, _ = sparse_classification(400, 30, 5, seed=1)
problem = LinearProblem(chain, loss="logistic", penalty="sparse_l2", reg=0.01)
by_hand, order = problem.begin(None), np.arange(400)
for i in order:
    _, where, gradient = problem.gradient(by_hand, np.array([i]))
    by_hand[where] -= 0.1 * gradient


def alone(**exchange):
    """Let one replica go through the rows; return the server's parameters and its shard."""
    shard = Shard(problem.begin(None), FixedStep(), step=0.1)
    server = ParameterServer([shard], problem.n_parameters)
    Replica(problem, server, Exchange(batch_size=1, **exchange), local_step=0.1).work(order)
    return server.fetch().values, shard.summary()


each, fourth, printed_order = (
    alone(), alone(n_fetch=4, n_push=4), alone(n_fetch=4, n_push=4, aligned=False)
)  # fmt: skip
assert np.array_equal(each[0], by_hand)
print(f"every fourth, aligned:    differs by {np.abs(fourth[0] - by_hand).max():.0e}")
print(f"every fourth, as printed: differs by {np.abs(printed_order[0] - by_hand).max():.0e}")
assert np.abs(fourth[0] - by_hand).max() < 1e-12
assert np.abs(printed_order[0] - by_hand).max() > 1e-4
for _, about in (each, fourth, printed_order):
    assert about["gradients"] == 400  # what is left at the end is sent, too

# %% [markdown]
# ## The picture: 1 to 100 replicas in virtual time
#
# Now the same objects, and a clock that we move. The gradient of 20 rows takes a second, a journey
# a fifth, give or take a tenth of each. 2,000 rows, logistic loss, twelve epochs: the same work for
# any number of replicas, and more of them only do it sooner.
#
# Two servers. One makes a fixed step that suits one replica. The other has AdaGrad, as in the
# first half, for each parameter, only that the sums begin at 0:
#
# ```{literalinclude} /../hogwild/downpour/rules.py
# :pyobject: AdaGrad.move
# :language: python
# :dedent: 4
# ```

# %%
examples, _ = sparse_classification(2000, 200, 10, seed=0)
problem = LinearProblem(examples, loss="logistic", penalty="l2", reg=0.01)


def least_of(problem):
    """The least objective, by a method that sees all rows at each step."""
    rows, options = np.arange(problem.n_rows), {"maxiter": 500, "ftol": 1e-15, "gtol": 1e-9}
    found = minimize(
        lambda params: (problem.objective(params), problem.gradient(params, rows)[2]),
        problem.begin(None), jac=True, method="L-BFGS-B", options=options,
    )  # fmt: skip
    return found.fun


least = least_of(problem)
COUNTS, COSTS = (1, 4, 16, 100), Costs(compute=1.0, fetch=0.2, push=0.2, spread=0.1)
virtual = dict(exchange=Exchange(1, 1, 20), epochs=12, costs=COSTS, seed=0)
runs = {
    (rule, n): simulate(problem, replicas=n, rule=rule, step=step, **virtual)
    for rule, step in (("fixed", 1.0), ("adagrad", 0.1))
    for n in COUNTS
}


def above(run):
    """How far the objective is above the least, at the end, as a share of it."""
    return run.points[-1].objective / least - 1.0


print("above the least    fixed step   AdaGrad   virtual seconds")
for n in COUNTS:
    fixed, ada = runs["fixed", n], runs["adagrad", n]
    print(f"{n:4} replicas {above(fixed):15.4%} {above(ada):11.4%} {ada.seconds:11.0f}")
assert all(above(runs["adagrad", n]) < 0.001 for n in COUNTS)
assert max(above(runs["fixed", n]) for n in (1, 4)) < 0.01
assert 0.1 < above(runs["fixed", 16]) < above(runs["fixed", 100])
assert runs["adagrad", 1].seconds > 90 * runs["adagrad", 100].seconds

# %% mystnb={"image": {"alt": "Objective by virtual time, and the staleness of pushes"}}
figure, panels = plt.subplots(1, 3, figsize=(9, 3.6), layout="constrained")
panels[1].sharey(panels[0])
shades = dict(zip(COUNTS, ("#b9cfe6", "#7ba6d0", BLUE, "#0d2c4f"), strict=True))
for axes, rule, name in zip(panels, ("fixed", "adagrad"), ("fixed step", "AdaGrad"), strict=False):
    for n in COUNTS:
        points = np.array(runs[rule, n].points)[1:]
        gap = np.maximum(points[:, 2] / least - 1.0, 1e-5)
        axes.loglog(points[:, 0], gap, color=shades[n], label=f"{n} replica{'s' * (n > 1)}")
    axes.set(xlabel="virtual seconds", ylim=(1e-5, 1e2))
    axes.set_title(name, loc="left", fontsize=11)
panels[0].set_ylabel("objective above the least")
panels[1].legend(frameon=False, fontsize=8, loc="upper right")
for n in COUNTS[1:]:
    stale = runs["adagrad", n].staleness
    ages = np.arange(max(stale) + 1)
    share = np.array([stale[age] for age in ages]) / stale.total()
    panels[2].step(ages, share, where="mid", color=shades[n])
    peak = int(share.argmax())
    panels[2].annotate(
        f"{n}", (peak, share[peak]), (3, 2), textcoords="offset points", color=shades[n]
    )
panels[2].set(xlabel="staleness of a push", ylabel="share of the pushes", yscale="log")
panels[2].set_title("how stale they were", loc="left", fontsize=11)
plt.show()

# %% [markdown]
# ### What goes wrong: a step that was good alone
#
# With the fixed step, four replicas are fine, sixteen jump about, and with a hundred it is
# hopeless. Each gradient comes some seventy pushes late, so seventy others have gone the same way
# meanwhile, and all overshoot together. AdaGrad adds the squares of *everybody's* pushes, so its
# steps become shorter by themselves: a hundred replicas end where one does, in a hundredth of the
# time.
#
# How stale? A replica is away from fetch to push for 1.2 of the 1.4 seconds of its round, and
# in a round each of the $n - 1$ others pushes once. So the mean is
#
# $$
# (n - 1) \cdot \frac{\text{compute} + \text{push}}{\text{fetch} + \text{compute} + \text{push}} .
# $$


# %%
def mean(staleness):
    """The mean of a histogram."""
    return sum(age * count for age, count in staleness.items()) / staleness.total()


for n in COUNTS:
    expected = (n - 1) * (COSTS.compute + COSTS.push) / (COSTS.compute + COSTS.fetch + COSTS.push)
    print(f"{n:4} replicas: {mean(runs['adagrad', n].staleness):6.2f}, expected {expected:6.2f}")
    assert mean(runs["adagrad", n].staleness) <= 1.01 * expected
    assert mean(runs["adagrad", n].staleness) >= 0.8 * expected

# %% [markdown]
# (With a hundred it is less. There each replica has only a dozen mini-batches in all, and the first
# pushes have nobody to be late behind.)
#
# The worst of it is the beginning: all fetch the same start, and a hundred gradients are pushed
# that know nothing of one another. The article lets one replica work alone first, the *warm
# start*. It costs time, and takes most of the jump away:

# %%
warm = simulate(problem, replicas=100, rule="adagrad", step=0.1, warm_start=0.25, **virtual)
cold = runs["adagrad", 100]
for name, run in (("at once", cold), ("one first", warm)):
    worst = max(point.objective for point in run.points) / least - 1.0
    print(f"100 replicas, {name:9}: at worst {worst:7.1%} above, {run.seconds:5.1f} seconds")
assert max(p.objective for p in warm.points[1:]) < max(p.objective for p in cold.points[1:])
assert warm.seconds > 2 * cold.seconds

# %% [markdown]
# ## Two replicas in processes, and one is killed
#
# Who works on what? In the article each replica has its own share of the rows. Here the rows of an
# epoch are cut into *portions*, which are given to whoever is free. When somebody dies, the portion
# in his hands goes to another. A table keeps the books:

# %%
table = PortionTable()
ann, bob = table.join("Ann"), table.join("Bob")
table.start([Portion(1, 0, 0, 50), Portion(1, 1, 50, 100), Portion(1, 2, 100, 150)])
held_by_ann, held_by_bob = table.next(ann), table.next(bob)
table.drop(bob)  # his connection has ended
table.done(ann, held_by_ann)
assert table.next(ann) == held_by_bob  # first of all what was lost
assert table.summary()["dropped"] == [bob]

# %% [markdown]
# Now in earnest: two shards and the table, each in a process behind a `multiprocessing` Manager,
# and two replicas. When both are there, the run begins, and a thread of ours looks on. As soon as
# the second replica has delivered a portion, it is killed, without warning. And after epoch 3 we
# kill a shard.

# %%
many, _ = sparse_classification(20_000, 200, 10, seed=0)
penalised = dict(loss="logistic", penalty="l2", reg=0.01)
settings = dict(
    replicas=2, shards=2, n_fetch=4, n_push=4, epochs=6, seed=0, start_method="spawn",
    checkpoint_seconds=0.2,
)  # fmt: skip
seen = {}


def kill_the_second(cluster):
    """Wait for both replicas; then for a portion of the second one's, and kill it."""
    seen["cluster"] = cluster
    while len(cluster.table.summary()["replicas"]) < 2:
        time.sleep(0.01)

    def look_on():
        done_by = []
        while "replica 1" not in done_by:
            time.sleep(0.001)
            about = cluster.table.summary()
            done_by = [about["names"][report.replica] for report in about["answers"].values()]
        os.kill(cluster.pids()["replica 1"], signal.SIGKILL)

    threading.Thread(target=look_on, daemon=True).start()


def kill_a_shard(epoch):
    """After epoch 3, kill the first shard."""
    if epoch.epoch == 3:
        os.kill(seen["cluster"].shards.pids[0], signal.SIGKILL)


fit = fit_downpour(many, **settings, **penalised, ready=kill_the_second, callback=kill_a_shard)
for epoch in fit.history:
    gone = f", lost replica {epoch.dropped[0]}" if epoch.dropped else ""
    back = f", restored shard {epoch.restored[0]}" if epoch.restored else ""
    print(f"epoch {epoch.epoch}: {epoch.objective:.5f}, {epoch.replicas} at work{gone}{back}")
assert len(fit.dropped) == 1
assert fit.restored == [0]
assert fit.history[-1].replicas == 1
assert sum(work["rows"] for work in fit.work.values()) == 6 * 20_000  # no row was left out

# %% [markdown]
# The run went on, and every epoch has all its rows. How good is the result, beside the least
# objective?

# %%
share = fit.history[-1].objective / least_of(LinearProblem(many, **penalised)) - 1.0
print(f"{share:.3%} above the least")
assert share < 0.01

# %% [markdown]
# What is lost when a replica dies, and what isn't?
#
# - The gradients that it had gathered and not pushed are gone. The rows aren't: the other one
#   does the whole portion.
# - What it had pushed of that portion stays on the server. So these few gradients count **twice**.
#   Nobody minds, but exact it isn't.
#
# And when a shard dies? It is started again from its last checkpoint: parameters, sums of squares
# and counters, all of one moment. The pushes since then are gone. Meanwhile the replicas wait.
# Their next pushes were computed from parameters of the shard's former life, and how stale they
# are nobody can say; such a push is applied, and counted under -1.

# %%
restore = seen["cluster"].shards.restores[0]
print(f"shard {restore.shard} had taken {restore.pushes + restore.lost} pushes and lost", end=" ")
print(f"{restore.lost}; it came back in {restore.seconds:.2f} seconds, to life {restore.life}")
assert (restore.shard, restore.life, restore.exitcode) == (0, 1, -signal.SIGKILL)

# %% [markdown]
# If the last replica dies, nobody is left to go on, and the fit says so:


# %%
def kill_all(cluster):
    for pid in cluster.pids().values():
        os.kill(pid, signal.SIGKILL)


try:
    fit_downpour(many, **settings, **penalised, ready=kill_all)
except WorkerDied as death:
    say(death)
else:
    raise AssertionError("nobody was left to finish")

# %% [markdown]
# ### Who may come in
#
# Replicas on other machines can join a run, with its address and its **key**. There is no key by
# default: each run draws 32 random bytes. A stranger is refused, the server notes who it was, and
# goes on.

# %%
served = start_server(Shard, (np.zeros(3),), context=context_of("spawn"))
friend = served.connect()
try:
    connect(served.address, new_key())
except KeyRefused as refusal:
    print("a stranger:", type(refusal).__name__)
else:
    raise AssertionError("a stranger was let in")
(when, who, why), *others = friend.refused()
print("noted by the server:", why)
assert not others
assert friend.fetch()[0].tolist() == [0.0, 0.0, 0.0]
served.close()

# %% [markdown]
# What the key protects and what it doesn't is told on {doc}`a page of its own
# </downpour_security>`; how to run replicas on other machines, in {doc}`/downpour`.
#
# ## Exercises
#
# Each asks for one function or class. The checks below it run on the solution that is folded
# away; open this lesson as a notebook, put your own in its place, and run the checks.
#
# ### 1. A plain FM without its pairs
#
# A row of $d$ entries has $d(d-1)/2$ pairs. With one vector for each feature they needn't be
# visited: find a formula whose work grows with $d$ only. (What is the square of a sum?)
#
# ```python
# def fm_score(vectors, values):
#     ...                 # vectors, shape (d, k), and values, shape (d,), of the entries
# ```


# %% tags=["hide-input"] mystnb={"code_prompt_show": "Show a solution"}
def fm_score(vectors, values):
    """Half of the square of the sum, less the squares; R as in the FFM."""
    scaled = vectors * values[:, None]
    total = scaled.sum(axis=0)
    return (total @ total - (scaled * scaled).sum()) / 2.0 / (values @ values)


# %%
few = test.rows(np.arange(20))
for i, (a, b) in enumerate(pairwise(few.indptr)):
    vectors = fm.model.w[few.features[a:b], 0].astype(float)
    found = fm_score(vectors, few.values[a:b].astype(float))
    assert np.isclose(found, fm.model.decision_function(few)[i], atol=1e-5)

# %% [markdown]
# An FFM has no such formula: the vectors that are to be added up are others for each partner.
#
# ### 2. What is never sent
#
# In the order of the article, a push is due when the step, counted from 0, is a multiple of
# `n_push`. How many gradients have been sent after so many steps? (The article doesn't
# send what is left at the end.)
#
# ```python
# def sent(n_steps, n_push):
#     ...
# ```


# %% tags=["hide-input"] mystnb={"code_prompt_show": "Show a solution"}
def sent(n_steps, n_push):
    """One with the first push, n_push with each other one."""
    return 1 + n_push * ((n_steps - 1) // n_push)


# %%
for n_steps in (1, 5, 10, 11):
    for n_push in (1, 2, 5, 20):
        server = page.cut(np.zeros(1), 1, step=0.1)
        replica = page.Replica(
            server, lambda w, b: w - 4.0, range(n_steps), 0.1, n_fetch=n_push, n_push=n_push
        )
        page.interleave([replica], np.random.default_rng(0))
        assert sum(replica.pushed) == sent(n_steps, n_push)

# %% [markdown]
# ### 3. A rule that forgets
#
# AdaGrad's sums only grow. Others keep a running mean of the squares instead, so that old gradients
# are forgotten: `kept <- 0.75 * kept + 0.25 * gradient^2`, and the step is divided by its root.
# Write it as a rule. Skip what is 0. Then guess, before you run the checks: does it calm a hundred
# replicas down?
#
# ```python
# class Forgetting(AdaGrad):
#     def move(self, values, kept, where, gradient, step):
#         ...             # change values and kept in place
# ```


# %% tags=["hide-input"] mystnb={"code_prompt_show": "Show a solution"}
class Forgetting(AdaGrad):
    """AdaGrad with a running mean in the place of the sum."""

    def move(self, values, kept, where, gradient, step):
        """Take in the squares, then move the values."""
        kept[where] = 0.75 * kept[where] + 0.25 * gradient**2
        roots = np.sqrt(np.where(gradient == 0.0, 1.0, kept[where]))
        values[where] -= step * gradient / roots


# %%
values, kept = np.zeros(2), Forgetting().begin(2)
Forgetting().move(values, kept, slice(None), np.array([4.0, 0.0]), step=0.5)
assert (values.tolist(), kept.tolist()) == ([-1.0, 0.0], [4.0, 0.0])  # 0.5 * 4 / sqrt(0.25 * 16)

for n in (1, 100):
    forgets = simulate(problem, replicas=n, rule=Forgetting(), step=0.03, **virtual)
    print(f"{n:4} replicas: {above(forgets):.2%} above the least, AdaGrad "
          f"{above(runs['adagrad', n]):.2%}")  # fmt: skip
assert above(forgets) > 100 * above(runs["adagrad", 100])

# %% [markdown]
# It doesn't. That a large gradient is divided by its own size isn't what calms; that steps become
# shorter is, and these don't.
#
# ## Sources
#
# - Y. Juan, Y. Zhuang, W.-S. Chin, C.-J. Lin, *Field-aware Factorization Machines for CTR
#   Prediction*, RecSys 2016: equations 3 and 4, algorithm 1. Their program,
#   [libFFM](https://github.com/ycjuan/libffm).
# - S. Rendle, *Factorization Machines*, ICDM 2010: the formula of exercise 1.
# - J. Duchi, E. Hazan, Y. Singer, *Adaptive Subgradient Methods for Online Learning and Stochastic
#   Optimization*, JMLR 12, 2011: AdaGrad.
# - J. Dean and others, *Large Scale Distributed Deep Networks*, NIPS 2012: section 4.1, algorithm
#   1.1.
# - What users of libFFM run into: {doc}`/ffm`. The options of the parameter server:
#   {doc}`/downpour`.
