"""Fixtures that every test module may use."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

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
