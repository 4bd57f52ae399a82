"""One BLAS thread a worker: workers enough for all processors must not start more threads.

A library reads its environment variable when it is loaded, which may be before a worker's first
line runs; so the limit is set twice:

* ``one_thread_environment`` around the start of a worker by ``spawn``, which passes the environment
  on;
* ``limit_threads`` inside each worker: the variables for what is loaded later, and the library's
  own function for what is there already (``fork`` copies a loaded numpy; ``forkserver`` has the
  environment of its own start).

Used by the pools.
"""

import ctypes
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
)
_LIBRARIES = re.compile(r"openblas|mkl_rt|libgomp|libiomp5|libomp|libblis")
_SETTERS = (
    "scipy_openblas_set_num_threads64_",
    "scipy_openblas_set_num_threads",
    "openblas_set_num_threads64_",
    "openblas_set_num_threads",
    "MKL_Set_Num_Threads",
    "bli_thread_set_num_threads",
    "omp_set_num_threads",
)


@contextmanager
def one_thread_environment() -> Iterator[None]:
    """Ask for one thread in the environment of processes started inside; restored after it.

    Examples
    --------
    >>> before = os.environ.get("OMP_NUM_THREADS")
    >>> with one_thread_environment():
    ...     os.environ["OMP_NUM_THREADS"]
    '1'
    >>> os.environ.get("OMP_NUM_THREADS") == before
    True
    """
    before = {name: os.environ.get(name) for name in VARIABLES}
    os.environ.update(dict.fromkeys(VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def limit_threads() -> None:
    """Limit this process to one BLAS or OpenMP thread, for libraries loaded or still to come.

    The libraries already loaded are found in ``/proc/self/maps``, which is there on Linux only;
    elsewhere they keep what they read when they were loaded.
    """
    names = list(VARIABLES)
    if "numba" in sys.modules:
        # numba refuses another value than the one it was loaded with
        names.remove("NUMBA_NUM_THREADS")
    os.environ.update(dict.fromkeys(names, "1"))
    for path in _loaded_libraries():
        try:
            library = ctypes.CDLL(path, mode=os.RTLD_NOLOAD)
        except OSError:
            continue  # the file was replaced since it was loaded: it can't be asked any more
        for setter in _SETTERS:
            if hasattr(library, setter):
                getattr(library, setter)(ctypes.c_int(1))
                break


def _loaded_libraries() -> set[str]:
    maps = Path("/proc/self/maps")
    if not maps.exists():
        return set()
    # each library is mapped in several pieces: look at its name once, for every worker does this
    lines = maps.read_text().splitlines()
    paths = {line[line.find("/") :] for line in lines if ".so" in line}
    return {path for path in paths if _LIBRARIES.search(os.path.basename(path))}
