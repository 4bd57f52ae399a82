"""Tables 3 and 4: linear model, Poly2, factorization machine and FFM on the same rows.

Each is fitted for some epochs; the validation rows tell which is the best, and the test rows what
that model is worth.  Linear models and Poly2 are refitted for that many epochs; the others return
the model of the epoch before the first rise (libFFM's auto-stop).

Called by ``ffm``.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hogwild.data import Examples, FieldRows
from hogwild.models import fit_ffm, fit_linear
from hogwild.models.steps import AdaGrad
from hogwild.reproduce import ffm_data
from hogwild.reproduce.ffm_data import Split
from hogwild.reproduce.ffm_plan import Plan
from hogwild.reproduce.ffm_published import FM_STEP, MODELS, OTHERS, REG, STEP, TABLE_3, K
from hogwild.reproduce.parts import Column, Say, Section, Table, plain_table

MADE = "made clicks, here"


@dataclass(frozen=True)
class Fitted:
    """A model, how it was fitted, and its losses.

    `epochs` are those of the model kept; `seconds` all its epochs took, those too many included.
    """

    model: str
    settings: str
    epochs: int
    seconds: float
    validation: float
    test: float


def measure(split: Split, plan: Plan, say: Say) -> list[Fitted]:
    """Fit all four; the plain machine with each number of factors."""
    found = [_linear("LM", split, plan)]
    say("  LM")
    found.append(_linear("Poly2", split, plan))
    say("  Poly2")
    for k in plan.fm_factors:
        found.append(_machine("FM", split, plan, k))
        say(f"  FM, {k} factors")
    found.append(_machine("FFM", split, plan, K))
    say(f"  FFM, {K} factors")
    return found


def _linear(name: str, split: Split, plan: Plan) -> Fitted:
    def converted(rows: FieldRows) -> Examples:
        return ffm_data.features(rows) if name == "LM" else ffm_data.pairs(rows, plan.bins)

    train, validation, test = map(converted, (split.train, split.validation, split.test))

    def fitted(epochs: int) -> Any:
        return fit_linear(
            train, loss="logistic", step=AdaGrad(STEP), epochs=epochs, schedule="serial", seed=0,
            validation=validation, evaluate=False,
        )  # fmt: skip

    whole = fitted(plan.most)
    losses = [record.validation["loss"] for record in whole.history]
    best = int(np.argmin(losses))
    kept = fitted(best + 1)
    settings = f"η {STEP:g}, λ 0" + ("" if name == "LM" else f", B {plan.bins:,}")
    return Fitted(
        name, settings, best + 1, sum(record.seconds for record in whole.history),
        losses[best], log_loss(kept.model, test, test.y),
    )  # fmt: skip


def _machine(name: str, split: Split, plan: Plan, k: int) -> Fitted:
    step = FM_STEP if name == "FM" else STEP
    fit = fit_ffm(
        split.train, n_factors=k, step=step, reg=REG, epochs=plan.most, one_field=name == "FM",
        auto_stop=True, validation=split.validation, schedule="serial", seed=0,
    )  # fmt: skip
    epochs = fit.best_epoch or plan.most
    return Fitted(
        name, f"η {step:g}, λ {REG:g}, k {k}", epochs,
        sum(record.seconds for record in fit.history), fit.history[epochs - 1].validation_loss,
        log_loss(fit.model, split.test, ffm_data.signs(split.test)),
    )  # fmt: skip


def log_loss(model: Any, rows: Any, signs: Any) -> float:
    """Return the mean of log(1 + exp(-y z)) over the rows."""
    return float(np.logaddexp(0.0, -signs * model.decision_function(rows)).mean())


def best_of(found: list[Fitted]) -> dict[str, float]:
    """Return each model's test loss; of several settings that of the best on validation rows."""
    losses = {}
    for name in MODELS:
        runs = [each for each in found if each.model == name]
        losses[name] = min(runs, key=lambda each: each.validation).test
    return losses


def section(found: list[Fitted], split: Split, plan: Plan) -> Section:
    """Return the section."""
    losses = best_of(found)
    order = sorted(MODELS, key=lambda name: losses[name])
    wins = sum(min(row) == row[-1] for row in OTHERS.values())
    return Section(
        "LM, Poly2, FM and FFM",
        [
            f"Click data are made: {len(split.train):,} rows to fit to, "
            f"{len(split.validation):,} to stop by and {len(split.test):,} for the test, with one "
            f"category in each of {split.train.n_fields} fields and {split.train.n_features:,} "
            "features; the labels come from planted field-aware vectors, and so FFM is the right "
            "model for them. The order below is that of a case made for it; how far apart the "
            "models are says nothing of other data.",
            f"Here the order of the test losses is {' < '.join(order)}. In the paper's Table 3 it "
            "is FFM < FM < Poly2 < LM on Criteo and FFM < Poly2 < FM < LM on Avazu; in Table 4 "
            f"FFM is the best on {wins} of {len(OTHERS)} sets.",
            "LM and Poly2 have an intercept, and AdaGrad as fit_linear has it; FM and FFM are "
            "libFFM 1.23's, without bias and linear terms, which the paper's runs had.",
        ],
        [_ours(found, plan.most), _printed(), _others(losses)],
    )


def _ours(found: list[Fitted], most: int) -> Table:
    return Table(
        "Log loss on made click data",
        [
            Column("model"), Column("settings"), Column("epochs", "d"), Column("s", ".2f"),
            Column("validation", ".5f"), Column("test", ".5f"),
        ],
        [
            [each.model, each.settings, each.epochs, each.seconds, each.validation, each.test]
            for each in found
        ],
        f"Epochs: of the model kept, {most} at most: one that took them all could still be "
        "improved. Seconds: one process, all epochs made. Poly2's pairs are hashed to B bins.",
        timed=True,
    )  # fmt: skip


def _printed() -> Table:
    return Table(
        "Published: Table 3, other data (private log loss)",
        [
            Column("data"), Column("model"), Column("settings"), Column("s", ",.0f"),
            Column("log loss", ".5f"),
        ],
        [list(row) for row in TABLE_3],
        "The rows by SG; seconds of one thread on a Xeon E5-2620 at 2.0 GHz.",
    )  # fmt: skip


def _others(losses: dict[str, float]) -> Table:
    rows: list[list[Any]] = [[name, *row] for name, row in OTHERS.items()]
    rows.append([MADE, *(losses[name] for name in MODELS)])
    return Table(
        "Published: Table 4, other data; last row ours",
        [Column("data"), *(Column(name, ".5f") for name in MODELS)],
        rows,
    )


def summary(found: list[Fitted], plan: Plan) -> list[str]:
    """Return the lines for the terminal."""
    return ["Log loss on made click data", *plain_table(_ours(found, plan.most))]


def data(found: list[Fitted]) -> list[dict[str, Any]]:
    """Return everything, for report.json."""
    return [asdict(each) for each in found]
