"""A numpy array whose bytes several processes see: the weights, and the data they are trained on.

The bytes belong to a ``multiprocessing.sharedctypes.RawArray``; ``SharedArray.array`` is a numpy
view of them, and whatever one process writes there the others read. There is no lock: that is the
point of Hogwild!.

Four functions of the standard library's ``multiprocessing/heap.py`` decide what happens below:

* ``Arena.__init__`` makes a file in ``/dev/shm``, unlinks it at once (a killed process leaves
  nothing behind), sets its size and maps it. Setting the size reserves nothing: a page is taken
  when it is first written, and a write that finds none left ends the process by SIGBUS.
* ``Arena._choose_dir`` asks whether ``/dev/shm`` has room, and if not takes a file in the temporary
  folder without a word: shared still, but on a disk.
* ``Heap.malloc`` cuts small blocks out of one arena, aligned to 8 bytes only.
* ``reduce_arena`` lets an arena be pickled while a process is being started, and at no other time.

Hence: the room is checked here before anything is allocated; ``RawArray`` writes zeros to all of it
at once, so that the next check sees what is really left; and every block is made larger than asked
for, so that its array can start on a cache line. Two processes that write to different numbers in
*one* line slow each other down as if they wrote to the same number (false sharing); no two arrays
made here share a line.

Used by the models (weights, data) and by the schedules (counters).
"""

import ctypes
import math
import mmap
import os
import sys
import tempfile
from collections.abc import Callable
from multiprocessing import context
from multiprocessing.sharedctypes import RawArray
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from hogwild.errors import SharedMemoryError

CACHE_LINE = 128
"""Bytes: a line has 64 on x86-64 (fetched in pairs), and 128 on some ARM processors."""


class SharedArray:
    """An array of zeros in shared memory, for this process and the workers that it will start.

    It reaches a worker while that worker is being started (``Pool(initargs=...)``,
    ``Process(args=...)``), under every start method; sent with a task it raises ``RuntimeError``.
    Send block numbers with tasks. Mind that ``shared.array`` by itself pickles as a *copy*: always
    hand over the ``SharedArray``.

    Parameters
    ----------
    shape : int or tuple of int
        As for ``numpy.zeros``; sizes of 0 are allowed.
    dtype : dtype, default float64
        Any type of fixed size, structured ones too.

    Attributes
    ----------
    array : ndarray, C-contiguous, writable
        The view. It starts on a cache line, from one page of memory upwards on a page. The bytes
        live as long as the last view of them.
    shape, dtype, nbytes
        Those of the array.

    Raises
    ------
    SharedMemoryError
        When the file system behind shared memory has less room than this array needs.

    Examples
    --------
    >>> w = SharedArray(3)
    >>> w.array[1] = 0.5
    >>> w.array
    array([0. , 0.5, 0. ])
    >>> w
    SharedArray(shape=(3,), dtype=float64)
    """

    def __init__(self, shape: int | tuple[int, ...], dtype: DTypeLike = np.float64):
        self.dtype = np.dtype(dtype)
        self.shape = _checked_shape(shape)
        if self.dtype.hasobject:
            raise ValueError(
                f"dtype must have a fixed size in bytes, got {self.dtype} (Python objects)"
            )
        self.nbytes = math.prod(self.shape) * self.dtype.itemsize
        alignment = CACHE_LINE if self.nbytes < mmap.PAGESIZE else mmap.PAGESIZE
        # whole lines, so that the next block can't begin in this array's last one
        size = alignment + -(-self.nbytes // CACHE_LINE) * CACHE_LINE
        check_room(size)
        self._raw = RawArray(ctypes.c_ubyte, size)
        self._offset = -ctypes.addressof(self._raw) % alignment
        self.array = self._view()

    @classmethod
    def copy_of(cls, array: ArrayLike) -> "SharedArray":
        """A new shared array with the values, shape and dtype of ``array``.

        Examples
        --------
        >>> SharedArray.copy_of([[1, 2], [3, 4]]).array.sum()
        np.int64(10)
        """
        values = np.asarray(array)
        shared = cls(values.shape, values.dtype)
        shared.array[...] = values
        return shared

    def _view(self) -> NDArray[Any]:
        count = math.prod(self.shape)
        flat = np.frombuffer(memoryview(self._raw), self.dtype, count, self._offset)
        return flat.reshape(self.shape)

    def __repr__(self) -> str:
        return f"SharedArray(shape={self.shape}, dtype={self.dtype})"

    def __reduce__(self) -> tuple[Callable[..., "SharedArray"], tuple[Any, ...]]:
        if context.get_spawning_popen() is None:
            raise RuntimeError(
                f"{self!r} can reach a worker only while the worker is being started: pass it in "
                "Pool(initargs=...) or Process(args=...); with tasks send block numbers. "
                "To store or send its values, use numpy.array(shared.array)."
            )
        return _rebuild, (self._raw, self._offset, self.shape, self.dtype)


def _rebuild(raw: Any, offset: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> SharedArray:
    # the offset stays right: mappings start on a page in every process, and blocks keep their place
    # in them
    shared = SharedArray.__new__(SharedArray)
    shared._raw, shared._offset, shared.shape, shared.dtype = raw, offset, shape, dtype
    shared.nbytes = math.prod(shape) * dtype.itemsize
    shared.array = shared._view()
    return shared


def _checked_shape(shape: Any) -> tuple[int, ...]:
    sizes = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    for size in sizes:
        if not isinstance(size, (int, np.integer)) or isinstance(size, bool) or size < 0:
            raise ValueError(f"shape must be of whole numbers from 0 upwards, got {shape!r}")
    return tuple(int(size) for size in sizes)


def check_room(wanted: int) -> None:
    """Raise SharedMemoryError unless ``wanted`` bytes of shared memory are free.

    For several arrays together, ask for the sum before the first one is made. Other programs use
    the same file system: what is free now may be taken by them a moment later, and nothing can be
    done about that.
    """
    where, free = free_space()
    if wanted > free:
        raise SharedMemoryError(wanted, free, where)


def free_space() -> tuple[str, int]:
    """The folder that shared memory is taken from, and the bytes free there.

    ``/dev/shm`` on Linux, the temporary folder on other POSIX systems; Windows has no such folder
    (and no limit but the memory), which is told by an empty name.
    """
    if sys.platform == "win32":
        return "", sys.maxsize
    where = "/dev/shm" if sys.platform == "linux" else tempfile.gettempdir()
    try:
        state = os.statvfs(where)
    except FileNotFoundError:
        return where, 0
    return where, state.f_bavail * state.f_frsize
