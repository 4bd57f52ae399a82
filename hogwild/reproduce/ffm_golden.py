"""libFFM's example files: its printed losses beside ours, epoch by epoch, and Hogwild! beside both.

Called by ``ffm``, where the folder given has the files.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hogwild.models import fit_ffm
from hogwild.reproduce import ffm_data
from hogwild.reproduce.ffm_published import GOLDEN
from hogwild.reproduce.machine import start_method
from hogwild.reproduce.parts import Column, Section, Table, plain_table


@dataclass(frozen=True)
class Golden:
    """Losses by epoch, (training, validation): one worker with libFFM's numbers, and two."""

    rows: int
    features: int
    one: list[tuple[float, float]]
    two: list[tuple[float, float]]

    @property
    def equal(self) -> int:
        """How many of libFFM's printed losses ours have, to all five digits."""
        return sum(
            f"{mine:.5f}" == f"{theirs:.5f}"
            for ours, printed in zip(self.one, GOLDEN, strict=True)
            for mine, theirs in zip(ours, printed, strict=True)
        )

    @property
    def apart(self) -> float:
        """How far two workers' final validation loss is from one's."""
        return abs(self.two[-1][1] - self.one[-1][1])


def measure(folder: Path) -> Golden:
    """Fit the pair for the epochs that are printed."""
    train, test = ffm_data.pair(folder)

    def losses(**settings: Any) -> list[tuple[float, float]]:
        fit = fit_ffm(train, validation=test, epochs=len(GOLDEN), random="libffm", **settings)
        return [(record.train_loss, record.validation_loss) for record in fit.history]

    return Golden(
        len(train), train.n_features, losses(schedule="serial"),
        losses(n_workers=2, start_method=start_method()),
    )  # fmt: skip


def section(found: Golden) -> Section:
    """Return the section."""
    return Section(
        "libFFM's example, digit by digit",
        [
            f"The {found.rows} + {found.rows} rows that come with libFFM, all defaults. "
            "random='libffm' takes that program's own random numbers, so that one worker does "
            "what it does with one thread. "
            f"{found.equal} of {2 * len(GOLDEN)} printed losses are the same to all five digits.",
            "Two workers write to the same weights without locks, and so their figures differ from "
            f"run to run. After {len(GOLDEN)} epochs their validation loss is {found.apart:.5f} "
            "from one worker's.",
        ],
        [_table(found)],
        code='fit_ffm(train, validation=test, epochs=5, random="libffm", schedule="serial")',
    )


def _table(found: Golden) -> Table:
    rows = [
        [epoch, one[0], printed[0], one[1], printed[1], two[1]]
        for epoch, (one, printed, two) in enumerate(
            zip(found.one, GOLDEN, found.two, strict=True), 1
        )
    ]
    return Table(
        "Log loss by epoch: ours, and as libFFM 1.23 prints it",
        [
            Column("epoch", "d"), Column("training", ".5f"), Column("libFFM", ".5f"),
            Column("validation", ".5f"), Column("libFFM", ".5f"), Column("2 workers", ".5f"),
        ],
        rows,
        "Training: the mean of the losses before each row's update. 2 workers: validation.",
    )  # fmt: skip


def summary(found: Golden) -> list[str]:
    """Return the lines for the terminal."""
    return [
        "libFFM's example: log loss by epoch",
        *plain_table(_table(found)),
        f"{found.equal} of {2 * len(GOLDEN)} equal to all digits; two workers end "
        f"{found.apart:.5f} from one",
    ]


def data(found: Golden | None) -> dict[str, Any] | None:
    """Return everything, for report.json."""
    if found is None:
        return None
    return asdict(found) | {"equal": found.equal, "apart": found.apart, "printed": GOLDEN}
