"""``hogwild sparsity`` and ``hogwild info``: look, and change nothing."""

import importlib.util
import platform
from argparse import Namespace
from importlib import metadata
from typing import Any

from hogwild import __version__, models
from hogwild.cli import report
from hogwild.cli.command import Commands, add_command, add_reading
from hogwild.cli.reading import read_whole
from hogwild.engine.shared import free_space
from hogwild.engine.starting import checked_processes

EXTRAS = {
    "fast": "numba",
    "plot": "matplotlib",
    "progress": "tqdm",
    "sklearn": "sklearn",
    "spark": "pyspark",
}


def add(commands: Commands) -> None:
    """Add the two."""
    parser = add_command(
        commands,
        "sparsity",
        sparsity,
        "tell how often the updates of a file's rows would meet",
        "example:\n  hogwild sparsity train.txt",
        "Print the Hogwild! paper's Omega, Delta and rho, counted exactly: where Delta\n"
        "and rho are far below 1, updates seldom meet.",
        "DATA [--json]",
    )
    parser.add_argument(
        "data", metavar="DATA", help="LIBSVM file, also compressed; - is standard input"
    )
    add_reading(parser)
    add_command(
        commands,
        "info",
        info,
        "tell versions, extras, processors and shared memory",
        "example:\n  hogwild info --json",
        "Print what a report of a fault should say.",
        "[--json]",
    )


def sparsity(args: Namespace) -> int:
    """Print Omega, Delta and rho."""
    rows = read_whole(args.data, zero_based=args.zero_based)
    found = models.sparsity(rows)
    feature = found.busiest_feature
    if feature is not None and not args.zero_based:
        feature += 1  # as the file counts
    row = None if found.busiest_row is None else found.busiest_row + 1
    if args.json:
        report.emit_json(
            {"data": args.data, "rows": len(rows), "features": rows.n_features}
            | {"entries": rows.nnz, "omega": found.omega, "delta": found.delta, "rho": found.rho}
            | {"busiest_feature": feature, "busiest_row": row}
        )
        return 0
    where = {
        "Delta": f"   feature {feature} is in the most rows",
        "rho": f"   row {row} meets the most",
    }
    if feature is None:
        where = {"Delta": "", "rho": ""}
    report.emit_table(
        {
            "rows": str(len(rows)),
            "features": str(rows.n_features),
            "entries": str(rows.nnz),
            "Omega": f"{found.omega:<8}   features in the longest row",
            "Delta": f"{found.delta:<8.4g}{where['Delta']}",
            "rho": f"{found.rho:<8.4g}{where['rho']}",
        }
    )
    return 0


def info(args: Namespace) -> int:
    """Print what matters in a report of a fault."""
    where, free = free_space()
    facts: dict[str, Any] = {
        "hogwild": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "numpy": metadata.version("numpy"),
        "scipy": metadata.version("scipy"),
        "extras": {extra: _version(module) for extra, module in EXTRAS.items()},
        "processors": checked_processes(None),
        "shared_memory_free": free if where else None,
    }
    if args.json:
        report.emit_json(facts)
        return 0
    del facts["shared_memory_free"]
    rows = {name: str(fact) for name, fact in facts.items() if name != "extras"}
    for extra, version in facts["extras"].items():
        missing = f"no: pip install 'hogwild[{extra}]'"
        rows[f"[{extra}]"] = f"{EXTRAS[extra]} {version}" if version else missing
    if where:
        rows[where] = f"{free / 1e6:.0f} MB free"
    report.emit_table(rows)
    return 0


def _version(module: str) -> str | None:
    """Return the version of an optional library, without importing it; None if it is not there."""
    if importlib.util.find_spec(module) is None:
        return None
    return metadata.version({"sklearn": "scikit-learn"}.get(module, module))
