"""SharedArray: what one process writes the others see; too little room is an error, no crash."""

import multiprocessing
import os
import pickle
import shutil
import subprocess
import sys
import weakref
from multiprocessing.sharedctypes import RawArray
from pathlib import Path

import numpy as np
import pool_tasks
import pytest

from hogwild.engine import shared
from hogwild.engine.shared import CACHE_LINE, SharedArray
from hogwild.engine.workers import Pool
from hogwild.errors import SharedMemoryError

pytestmark = pytest.mark.timeout(60)

SHAPES = [(), (0,), (3, 0, 2), (5,), (3, 4), (2, 3, 4), (10_000,)]
PAIR = np.dtype([("row", np.int32), ("value", np.float64)])
DTYPES = [np.float64, np.float32, np.int64, np.int32, np.uint8, np.bool_, PAIR]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_new_array_is_zeros_of_that_shape_and_type(shape, dtype):
    array = SharedArray(shape, dtype)
    expected = np.zeros(shape, dtype)
    assert array.array.shape == array.shape == expected.shape
    assert array.array.dtype == array.dtype == expected.dtype
    assert array.array.nbytes == array.nbytes == expected.nbytes
    assert array.array.tobytes() == expected.tobytes()
    assert array.array.flags.c_contiguous
    assert array.array.flags.writeable


def test_a_whole_number_is_a_shape_as_for_numpy():
    assert SharedArray(3).shape == SharedArray(np.int64(3)).shape == (3,)
    assert SharedArray(3).dtype == np.float64


def test_a_copy_has_the_values_of_the_original_in_any_layout():
    original = np.arange(24.0, dtype=np.float32).reshape(4, 6)
    for values in (original, original.T, original[::2, ::-1], np.asfortranarray(original)):
        copy = SharedArray.copy_of(values).array
        assert copy.dtype == values.dtype
        np.testing.assert_array_equal(copy, values)
        assert not np.shares_memory(copy, values)


def test_a_copy_may_be_of_a_list_or_a_number():
    assert SharedArray.copy_of([1, 2]).array.tolist() == [1, 2]
    assert SharedArray.copy_of(2.5).array.item() == 2.5


def test_arrays_start_on_a_cache_line_and_share_none():
    # blocks of others in between, so that the next one starts anywhere
    others, arrays = [], []
    for n in (1, 3, 10, 17, 0, 1, 40, 2):
        others.append(np.frombuffer(RawArray("d", n + 1)))
        arrays.append(SharedArray(n).array)
    assert all(a.ctypes.data % CACHE_LINE == 0 for a in arrays)
    lines = [_lines(a) for a in arrays] + [set().union(*map(_lines, others))]
    assert sum(len(of_one) for of_one in lines) == len(set().union(*lines))


def _lines(array):
    first, end = array.ctypes.data, array.ctypes.data + array.nbytes
    return set(range(first // CACHE_LINE, -(-end // CACHE_LINE)))


def test_a_large_array_starts_on_a_page():
    assert SharedArray(100_000).array.ctypes.data % os.sysconf("SC_PAGESIZE") == 0


@pytest.mark.parametrize("shape", [-1, (2, -1), 1.5, "3", None, True, (2, None)], ids=repr)
def test_an_impossible_shape_is_refused(shape):
    with pytest.raises(ValueError, match="shape must be of whole numbers from 0 upwards, got"):
        SharedArray(shape)


def test_python_objects_are_refused():
    with pytest.raises(ValueError, match="dtype must have a fixed size in bytes, got object"):
        SharedArray(3, object)


def test_a_worker_writes_and_the_parent_sees_it(start_method):
    array = SharedArray((2, 3), np.float32)
    with Pool(2, pool_tasks.take, (array,), start_method=start_method) as pool:
        pool.run_on_each(pool_tasks.write, [1.5, 2.5])
        shape, dtype, writeable, aligned, remainder, total = pool.map(pool_tasks.facts, [0])[0]
    assert array.array.tolist() == [[1.5] * 3, [2.5] * 3]
    assert (shape, dtype, writeable, aligned, remainder, total) == (
        (2, 3), np.float32, True, True, 0, 12.0,
    )  # fmt: skip


def test_the_parent_writes_and_a_worker_sees_it(start_method):
    array = SharedArray.copy_of(np.arange(1000.0))
    empty = SharedArray(0)
    with Pool(1, pool_tasks.take, (array,), start_method=start_method) as pool:
        array.array[0] = 500.0
        assert pool.map(pool_tasks.facts, [0])[0][-1] == 1000 * 999 / 2 + 500
    with Pool(1, pool_tasks.take, (empty,), start_method=start_method) as pool:
        assert pool.map(pool_tasks.facts, [0])[0][:2] == ((0,), np.float64)


def test_a_plain_process_can_take_it_too(start_method):
    array = SharedArray(2)
    context = multiprocessing.get_context(start_method)
    process = context.Process(target=pool_tasks.take_and_fill, args=(array, 7.0))
    process.start()
    process.join(30)
    assert process.exitcode == 0
    assert array.array.tolist() == [7.0, 7.0]


def test_pickling_it_at_any_other_time_says_how_it_travels():
    with pytest.raises(RuntimeError, match=r"only while the worker is being started: pass it in"):
        pickle.dumps(SharedArray(3))


def test_sending_it_with_a_task_says_how_it_travels():
    with Pool(1, start_method="fork") as pool, pytest.raises(RuntimeError, match="pass it in Pool"):
        pool.map(pool_tasks.square, [SharedArray(3)])


def test_the_bytes_live_as_long_as_a_view_of_them():
    array = SharedArray(1000)
    view, owner = array.array[10:20], weakref.ref(array)
    del array
    assert owner() is None
    view[:] = 1.0
    assert view.sum() == 10.0


def test_nothing_has_a_name_in_shared_memory():
    arrays = [SharedArray(100_000) for _ in range(5)]
    assert len(arrays) == 5
    # heap.py puts the pid into the name, and unlinks the file before anything is written
    assert [name for name in os.listdir("/dev/shm") if f"pym-{os.getpid()}-" in name] == []


def test_too_little_room_is_an_error_before_anything_is_allocated(monkeypatch):
    allocated = []
    monkeypatch.setattr(shared, "free_space", lambda: ("/dev/shm", 1_000_000))
    monkeypatch.setattr(shared, "RawArray", lambda *args: allocated.append(args))
    with pytest.raises(SharedMemoryError, match=r"has 1\.0 MB left") as caught:
        SharedArray(1_000_000, np.float64)
    assert (caught.value.free, caught.value.where) == (1_000_000, "/dev/shm")
    assert 8_000_000 <= caught.value.wanted <= 8_010_000
    assert allocated == []


def test_the_room_for_several_arrays_can_be_asked_for_at_once(monkeypatch):
    monkeypatch.setattr(shared, "free_space", lambda: ("/dev/shm", 100))
    shared.check_room(100)
    with pytest.raises(SharedMemoryError):
        shared.check_room(101)


def test_a_missing_folder_has_no_room(monkeypatch):
    def gone(path):
        raise FileNotFoundError(path)

    monkeypatch.setattr(os, "statvfs", gone)
    assert shared.free_space()[1] == 0


def test_memory_that_really_runs_short_is_an_error_and_not_sigbus():
    """In a /dev/shm of 8 MB, in its own mount name space: two arrays of 3 MB fit, a third not."""
    if shutil.which("unshare") is None:
        pytest.skip("no unshare command here, to make a small /dev/shm with")
    mount = "mount -t tmpfs -o size=8m tmpfs /dev/shm"
    tried = _in_own_mounts(mount)
    if tried.returncode:
        pytest.skip(f"mounting is not permitted here: {tried.stderr.strip()}")
    code = "import pool_tasks; pool_tasks.fill_memory(3_000_000, 5)"
    ran = _in_own_mounts(f'{mount} && exec "{sys.executable}" -c "{code}"')
    assert ran.returncode == 0, ran
    made, wanted, free, where = ran.stdout.split()
    assert (made, where) == ("2", "/dev/shm")
    assert int(wanted) > 3_000_000 > int(free) > 1_900_000


def _in_own_mounts(command):
    who = ["--mount"] if os.getuid() == 0 else ["--mount", "--user", "--map-root-user"]
    paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
    return subprocess.run(
        ["unshare", *who, "sh", "-c", command],
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, "PYTHONPATH": paths},
        cwd=Path(__file__).parent,
    )
