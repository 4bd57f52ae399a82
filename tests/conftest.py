"""Fixtures that every test module may use."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from hogwild.cli import main

# a busy machine is no counterexample; what an example may take is the business of the time-out
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

pytest_plugins = ["spark_sessions"]  # the fixture `spark`

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets; HOGWILD_TEST_DATA names it, ../shared/data is the default."""
    folder = Path(os.environ.get("HOGWILD_TEST_DATA", HERE.parent.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no data folder at {folder}: set HOGWILD_TEST_DATA")
    return folder


@pytest.fixture(params=["fork", "spawn", "forkserver"])
def start_method(request: pytest.FixtureRequest) -> str:
    """Each way in which multiprocessing can start a worker."""
    return request.param


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs a command line; gives exit code, stdout and stderr."""

    def run_one(*argv: object) -> tuple[int, str, str]:
        code = main([str(part) for part in argv])
        out, err = capsys.readouterr()
        return code, out, err

    return run_one


@pytest.fixture
def run_json(run: Callable[..., tuple[int, str, str]]) -> Callable[..., Any]:
    """Runs a command line with --json; gives the object, which must be all that is printed."""

    def run_one(*argv: object) -> Any:
        code, out, err = run(*argv, "--json")
        assert (code, err) == (0, "")
        return json.loads(out, parse_constant=pytest.fail)

    return run_one
