"""Small problems for the kernel tests, and how to run them by each kernel and by the reference."""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import scipy.sparse as sp
from hypothesis import strategies as st

from hogwild.kernels import linear, linear_numpy
from hogwild.kernels.losses import LOSSES, find_loss
from hogwild.kernels.records import Constants, Shared, Variant
from hogwild.reference import linear as reference

CONSTANT = {"huber": 1.0, "epsilon_insensitive": 0.1}
PENALTIES = {  # name: l2, l1, sparse_l2
    "none": (0.0, 0.0, 0.0),
    "l2": (0.3, 0.0, 0.0),
    "l1": (0.0, 0.2, 0.0),
    "elasticnet": (0.2, 0.1, 0.0),
    "sparse_l2": (0.0, 0.0, 0.4),
    "adagrad's elasticnet": (0.0, 0.1, 0.2),
}


@dataclass(frozen=True)
class Case:
    """Rows, and all that an update may be told."""

    X: Any
    y: Any
    weight: Any
    w: Any
    steps: Any
    loss: str = "squared"
    penalty: str = "none"
    batch_size: int = 1
    adagrad: bool = False
    threshold: float | None = None
    intercept: bool = True
    border: int = 0
    dtype: str = "f8"

    @property
    def batches(self):
        m = self.X.shape[0]
        return [
            list(range(first, min(first + self.batch_size, m)))
            for first in range(0, m, self.batch_size)
        ]

    def with_changes(self, **changes):
        return replace(self, **changes)


def make_case(seed=0, n_rows=13, n_features=6, density=0.4, **options):
    """A case from a seed: some rows and some features are empty, one weight is 0."""
    random = np.random.default_rng(seed)
    X = sp.random(n_rows, n_features, density, "csr", rng=random, data_rvs=random.standard_normal)
    X.sort_indices()
    loss = options.get("loss", "squared")
    y = random.normal(size=n_rows)
    y = np.sign(y) if LOSSES[loss].classifies else y
    weight = random.uniform(0.0, 2.0, n_rows)
    weight[:1] = 0.0
    n_batches = -(-n_rows // options.get("batch_size", 1))
    return Case(
        X, y, weight, random.normal(size=n_features + 1),
        random.uniform(0.01, 0.3, n_batches), **options,
    )  # fmt: skip


def variant_of(case, **changes):
    _, l1, sparse_l2 = PENALTIES[case.penalty]
    return Variant(
        batched=case.batch_size > 1,
        filtered=case.threshold is not None,
        penalised=l1 > 0.0 or sparse_l2 > 0.0,
        adaptive=case.adagrad,
    )._replace(**changes)


def shared_of(case, variant):
    """The arrays as a fit would share them."""
    m, n = case.X.shape
    occurs = np.bincount(case.X.indices, minlength=n)
    share = np.append(np.where(occurs > 0, m / np.maximum(occurs, 1), 0.0), 0.0)
    return Shared(
        case.X.indptr.astype(np.int64), case.X.indices.astype(np.uint32),
        case.X.data.astype(case.dtype), case.y.astype(case.dtype), case.weight.astype(case.dtype),
        case.w.astype(case.dtype), share.astype(case.dtype) if variant.penalised else np.zeros(1),
        np.zeros(n + 1 if variant.adaptive else 1, case.dtype),
        np.zeros(n + 3 if variant.recorded else 1),
    )  # fmt: skip


@dataclass
class Outcome:
    w: Any
    loss: float
    applied: Any = None


def by_kernel(case, kernel="python", **changes):
    """Run the case in two calls, as two blocks of one worker, and fold the scale."""
    variant = variant_of(case, **changes)
    if kernel == "numpy":
        update = linear_numpy.make_update(find_loss(case.loss), variant)
    else:
        update = linear.make_update(find_loss(case.loss), variant, compiled=kernel == "numba")
    shared = shared_of(case, variant)
    l2, l1, sparse_l2 = PENALTIES[case.penalty]
    threshold = -1.0 if case.threshold is None else case.threshold
    constants = Constants(case.batch_size, case.intercept, l1, sparse_l2, threshold, 0)
    m = case.X.shape[0]
    scratch = linear.make_scratch(len(shared.w))
    gate = changes.get("gate", np.zeros(1, np.int64))
    views = linear.as_plain(shared) if kernel == "python" else shared
    notes = linear.as_plain(scratch) if kernel == "python" else scratch
    border = min(case.border * case.batch_size, m)
    scale, loss, first_step = 1.0, 0.0, 0
    for start, stop in ((0, border), (border, m)):
        n_updates = -(-(stop - start) // case.batch_size)
        steps = case.steps[first_step : first_step + n_updates].copy()
        given = memoryview(steps) if kernel == "python" else steps
        loss += update(start, stop, given, scale, l2, views, constants, gate, notes)
        for step in steps.tolist():
            scale = scale * (1.0 / (1.0 + step * l2))
        first_step += n_updates
    w = shared.w.copy()
    if scale != 1.0:
        w[:-1] *= np.array(scale, w.dtype)
    assert not scratch[0].any()  # left clean for the next batch
    assert not scratch[1].any()
    return Outcome(w, loss, shared.applied)


def rows_of(X):
    """CSR rows as the reference wants them."""
    indptr, indices, data = X.indptr.tolist(), X.indices.tolist(), X.data.tolist()
    return [list(zip(indices[lo:hi], data[lo:hi], strict=True)) for lo, hi in pairwise(indptr)]


def by_reference(case):
    """Run the case by the reference."""
    w = case.w.tolist()
    l2, l1, sparse_l2 = PENALTIES[case.penalty]
    loss = reference.sgd(
        rows_of(case.X), case.y.tolist(), w, case.batches, case.steps.tolist(),
        loss=case.loss, constant=CONSTANT.get(case.loss, 1.0), weights=case.weight.tolist(),
        l2=l2, l1=l1, sparse_l2=sparse_l2, threshold=case.threshold,
        squares=[0.0] * len(w) if case.adagrad else None, intercept=case.intercept,
    )  # fmt: skip
    return Outcome(np.array(w), loss)


@st.composite
def cases(draw, **fixed):
    """Cases of every kind: empty rows, rows of one feature, no rows at all, weights of 0."""
    loss = draw(st.sampled_from(sorted(LOSSES)))
    adagrad = draw(st.booleans())
    names = sorted(name for name, (l2, _, _) in PENALTIES.items() if not (adagrad and l2))
    options = {
        "loss": loss,
        "adagrad": adagrad,
        "penalty": draw(st.sampled_from(names)),
        "batch_size": draw(st.sampled_from([1, 3])),
        "threshold": draw(st.sampled_from([None, 0.0, 0.1])),
        "intercept": draw(st.booleans()),
        "border": draw(st.integers(0, 4)),
    }
    return make_case(
        draw(st.integers(0, 2**32 - 1)),
        n_rows=draw(st.integers(0, 9)),
        n_features=draw(st.integers(1, 5)),
        density=draw(st.sampled_from([0.0, 0.3, 1.0])),
        **{**options, **fixed},
    )
