"""k, λ and η: what they do to the loss, and where early stopping ends.

The paper's table of k and its figures of λ and η, and the readme's example of overfitting, on made
click data.  A run's history holds both: its best epoch, and the one before the first rise, which
libFFM's auto-stop keeps.

Called by ``ffm``.
"""

import statistics
from dataclasses import asdict, dataclass
from typing import Any

from hogwild.models import fit_ffm
from hogwild.reproduce.ffm_data import Split
from hogwild.reproduce.ffm_plan import Plan
from hogwild.reproduce.ffm_published import EXAMPLE, FACTORS, REG, STEP, STOPPED, K
from hogwild.reproduce.parts import Column, Curve, Figure, Say, Section, Table, plain_table, power


@dataclass(frozen=True)
class Run:
    """A fit with these settings: its losses by epoch, and seconds an epoch (median)."""

    k: int
    reg: float
    step: float
    training: list[float]
    validation: list[float]
    seconds: float

    @property
    def best(self) -> int:
        """The epoch of the least validation loss."""
        return 1 + self.validation.index(min(self.validation))

    @property
    def kept(self) -> int:
        """The epoch before the first rise of the validation loss: what auto-stop keeps."""
        return first_rise(self.validation)

    def loss(self, epoch: int) -> float:
        """Return the validation loss of an epoch, counted from 1."""
        return self.validation[epoch - 1]


@dataclass(frozen=True)
class Curves:
    """Runs by k, by λ and by η."""

    factors: list[Run]
    regs: list[Run]
    steps: list[Run]

    @property
    def example(self) -> Run:
        """The run with the paper's settings."""
        return next(run for run in self.regs if run.reg == REG)


def first_rise(losses: list[float]) -> int:
    """Return the epoch before the first one whose loss is above the one before; else the last.

    Examples
    --------
    >>> first_rise([0.5, 0.4, 0.4, 0.45, 0.3]), first_rise([0.5, 0.4])
    (3, 2)
    """
    for epoch in range(1, len(losses)):
        if losses[epoch] > losses[epoch - 1]:
            return epoch
    return len(losses)


def measure(split: Split, plan: Plan, say: Say) -> Curves:
    """Run all of it."""

    def run(k: int = K, reg: float = REG, step: float = STEP, epochs: int = plan.epochs) -> Run:
        fit = fit_ffm(
            split.train, n_factors=k, step=step, reg=reg, epochs=epochs,
            validation=split.validation, schedule="serial", seed=0,
        )  # fmt: skip
        history = fit.history
        return Run(
            k, reg, step, [record.train_loss for record in history],
            [record.validation_loss for record in history],
            statistics.median(record.seconds for record in history),
        )  # fmt: skip

    factors = [run(k=k) for k in plan.factors]
    say(f"  k: {len(factors)} runs")
    regs = [run(reg=reg, epochs=max(plan.epochs, plan.example)) for reg in plan.regs]
    say(f"  λ: {len(regs)} runs")
    steps = [run(step=step) for step in plan.steps]
    say(f"  η: {len(steps)} runs")
    return Curves(factors, regs, steps)


def sections(found: Curves, plan: Plan) -> list[Section]:
    """Return the sections on k, on λ and η, and on the readme's example."""
    return [_factors(found), _stopping(found), _example(found, plan)]


def summary(found: Curves, plan: Plan) -> list[str]:
    """Return the lines for the terminal."""
    run = found.example
    return [
        "FFM by k: made click data; the paper on a tenth of Criteo",
        *plain_table(_factor_table(found)), "",
        f"λ {REG:g}, η {STEP:g}: the validation loss is least after epoch {run.best} "
        f"({run.loss(run.best):.4f}),",
        f"after epoch {len(run.validation)} it is {run.loss(len(run.validation)):.4f};",
        f"the readme's example: epoch {STOPPED}, .4695, and .4870 after 15",
    ]  # fmt: skip


def _factors(found: Curves) -> Section:
    runs = found.factors
    base = next((run for run in runs if run.k == K), runs[0])
    ratios = ", ".join(f"{run.k}: {run.seconds / base.seconds:.2f}" for run in runs)
    printed = ", ".join(
        f"{k}: {seconds / FACTORS[base.k][0]:.2f}" for k, (seconds, _) in FACTORS.items()
    )
    return Section(
        "How many factors",
        [
            "In the paper k hardly matters: from 1 to 16 the loss changes by .0008, and up to 4 "
            "an epoch takes as long as with 1, for SSE works on four numbers at a time. Here too "
            "k is rounded up to a multiple of 4 for the compiled kernel.",
            f"Seconds an epoch, of those with k = {base.k}: {ratios}; in the paper {printed}.",
        ],
        [_factor_table(found)],
    )


def _factor_table(found: Curves) -> Table:
    rows = []
    for run in found.factors:
        seconds, loss = FACTORS.get(run.k, (None, None))
        rows.append([run.k, run.seconds, run.best, run.loss(run.best), seconds, loss])
    return Table(
        "Seconds an epoch and best validation loss by k",
        [
            Column("k", "d"), Column("s, here", ".4f"), Column("epoch", "d"),
            Column("best loss", ".5f"), Column("s, paper", ".1f"), Column("loss, paper", ".5f"),
        ],
        rows,
        "Paper: a tenth of Criteo, one thread. Epoch: that of the best loss here.",
        timed=True,
    )  # fmt: skip


def _stopping(found: Curves) -> Section:
    run = found.example
    rises = [each for each in [*found.regs, *found.steps] if each.best < len(each.validation)]
    agree = sum(each.kept == each.best for each in rises)
    return Section(
        "λ, η and early stopping",
        [
            "The paper's figures show that too large a λ spoils the result and a small one "
            "overfits sooner; that a small η is slow, and a large one fast and then overfits. So "
            "stopping early is part of the method.",
            _seen(found),
            f"Of {len(found.regs) + len(found.steps)} runs {len(rises)} rise before their end; in "
            f"{agree} of these the epoch before the first rise, which auto-stop keeps, is the best "
            "one.",
        ],
        [_stop_table(found)],
        [
            _figure(
                "Validation loss by epoch, for each λ",
                [(f"λ {_short(each.reg)}", each) for each in found.regs],
            ),
            _figure(
                "Validation loss by epoch, for each η",
                [(f"η {each.step:g}", each) for each in found.steps],
            ),
        ],
        f"fit_ffm(train, validation=held, step={run.step:g}, reg={run.reg:g}, auto_stop=True)",
    )


def _short(value: float) -> str:
    return power(value) if value else "0"


def _seen(found: Curves) -> str:
    """Say what the curves here do, in words."""
    low, high = found.regs[0], found.regs[-1]
    slow, fast = found.steps[0], found.steps[-1]
    return (
        f"Here λ {_short(low.reg)} is best after epoch {low.best} ({low.loss(low.best):.4f}) and "
        f"ends at {low.validation[-1]:.4f}; λ {_short(high.reg)} ends at "
        f"{high.validation[-1]:.4f}, its training loss at {high.training[-1]:.4f} in place of "
        f"{low.training[-1]:.4f}. η {slow.step:g} is best after epoch {slow.best} of "
        f"{len(slow.validation)} ({slow.loss(slow.best):.4f}), η {fast.step:g} after epoch "
        f"{fast.best} ({fast.loss(fast.best):.4f}), and ends at {fast.validation[-1]:.4f}."
    )


def _stop_table(found: Curves) -> Table:
    rows = [
        [
            _short(run.reg), f"{run.step:g}", run.best, run.loss(run.best), run.kept,
            run.loss(run.kept), run.validation[-1], run.training[-1],
        ]
        for run in [*found.regs, *found.steps]
    ]  # fmt: skip
    return Table(
        "Best epoch, the epoch that auto-stop keeps, and the end",
        [
            Column("λ"), Column("η"), Column("best", "d"), Column("loss", ".4f"),
            Column("auto-stop", "d"), Column("loss", ".4f"), Column("at end", ".4f"),
            Column("training", ".4f"),
        ],
        rows,
        "Losses are those of the validation rows, training: that of the last epoch.",
    )  # fmt: skip


def _figure(title: str, runs: list[tuple[str, Run]]) -> Figure:
    curves = [
        Curve(label, list(range(1, len(run.validation) + 1)), run.validation, colour)
        for colour, (label, run) in enumerate(runs)
    ]
    lows = "; ".join(
        f"{label} is least, {run.loss(run.best):.4f}, after epoch {run.best}" for label, run in runs
    )
    return Figure(title, f"Validation loss by epoch: {lows}.", "epoch", "log loss", curves)


def _example(found: Curves, plan: Plan) -> Section:
    run = found.example
    n = min(plan.example, len(run.validation))
    low, end = run.loss(run.best), run.loss(n)
    rows = [
        [epoch, run.training[epoch - 1], run.loss(epoch), *EXAMPLE[epoch - 1]]
        for epoch in range(1, min(n, len(EXAMPLE)) + 1)
    ]
    return Section(
        "The readme's example of overfitting",
        [
            f"libFFM's readme prints a run on a part of Criteo with λ {REG:g}: the validation loss "
            f"falls until epoch {STOPPED} and then rises, by .0175 up to epoch 15, while the "
            "training loss goes on falling. On made data, which are fewer, it is the same shape: "
            f"least after epoch {run.best}, and {end - low:.4f} above that after epoch {n}.",
        ],
        [
            Table(
                f"Log loss by epoch, λ {REG:g}: ours on made data, the readme's on its own",
                [
                    Column("epoch", "d"), Column("training", ".5f"), Column("validation", ".5f"),
                    Column("readme's tr", ".5f"), Column("readme's va", ".5f"),
                ],
                rows,
            )
        ],
    )  # fmt: skip


def data(found: Curves) -> dict[str, Any]:
    """Return everything, for report.json."""

    def rows(runs: list[Run]) -> list[dict[str, Any]]:
        return [asdict(run) | {"best": run.best, "kept": run.kept} for run in runs]

    return {
        "factors": rows(found.factors), "regs": rows(found.regs), "steps": rows(found.steps)
    }  # fmt: skip
