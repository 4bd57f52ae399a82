"""Text files as whole lines in chunks, compressed or not; and files that appear complete or not at
all.

Contract: `line_chunks` yields bytes that all end with a newline, in memory that does not grow with
the file; gzip, bzip2 and xz are recognised by their first bytes, never by the name. What can't be
decompressed to the end raises `DataError`; a missing file is the `OSError` that it is. `replacing`
gives a file to write to, and puts it in place of the old one only when all went well.

Called by the readers and writers of this folder.
"""

import bz2
import gzip
import lzma
import os
import secrets
import shutil
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from hogwild.errors import DataError

STDIN_OR_STDOUT = "-"

CHUNK_BYTES = 1 << 18
"""Bytes of text in hand at a time: their arrays still fit a processor's second-level cache."""

# First bytes of a file, what it is, and what makes a decompressor for one member of it.
_FORMATS: tuple[tuple[bytes, str, Callable[[], Any]], ...] = (
    (b"\x1f\x8b", "gzip", lambda: zlib.decompressobj(wbits=31)),
    (b"BZh", "bzip2", bz2.BZ2Decompressor),
    (b"\xfd7zXZ\x00", "xz", lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ)),
)
_LONGEST_MAGIC = 6


def shown(path: str | os.PathLike[str], reading: bool = True) -> str:
    """Return the path as messages show it."""
    if path == STDIN_OR_STDOUT:
        return "<stdin>" if reading else "<stdout>"
    return os.fsdecode(path)


def line_chunks(path: str | os.PathLike[str], size: int | None = None) -> Iterator[bytes]:
    """Yield the text of a file in chunks of whole lines; the last line gets a newline if it has
    none.

    Parameters
    ----------
    path : str or path-like
        A file, compressed or not; ``-`` for standard input.
    size : int, optional
        Bytes to read at a time. A chunk is longer only if a single line is.
    """
    size = CHUNK_BYTES if size is None else size
    if path == STDIN_OR_STDOUT:
        yield from _whole_lines(_plain(sys.stdin.buffer, size, shown(path)))
        return
    with open(path, "rb") as file:
        yield from _whole_lines(_plain(file, size, shown(path)))


def _whole_lines(blocks: Iterator[bytes]) -> Iterator[bytes]:
    begun: list[bytes] = []  # blocks of a line whose end has not come yet
    for block in blocks:
        cut = block.rfind(b"\n") + 1
        if cut:
            yield b"".join([*begun, block[:cut]])
            begun = []
        if cut < len(block):
            begun.append(block[cut:])
    if begun:
        yield b"".join([*begun, b"\n"])


def _plain(file: BinaryIO, size: int, name: str) -> Iterator[bytes]:
    """Yield the file's bytes, decompressed if its first bytes say that it is compressed."""
    head = b""
    while len(head) < _LONGEST_MAGIC and (more := file.read(_LONGEST_MAGIC - len(head))):
        head += more  # a pipe may give one byte at a time
    for magic, kind, make in _FORMATS:
        if head.startswith(magic):
            yield from _decompressed(_blocks(file, head, size), kind, make, size, name)
            return
    yield from _blocks(file, head, size)


def _blocks(file: BinaryIO, head: bytes, size: int) -> Iterator[bytes]:
    if head:
        yield head
    while block := file.read(size):
        yield block


def _decompressed(
    blocks: Iterator[bytes], kind: str, make: Callable[[], Any], size: int, name: str
) -> Iterator[bytes]:
    """Yield at most `size` bytes at a time, whatever the ratio; several members may follow each
    other.

    The standard library's file objects are not used: those for bzip2 and xz drop what follows the
    first member if it can't be read.
    """
    engine = make()
    for block in blocks:
        while block or not _needs_input(engine):
            if engine.eof:
                # tapes and downloaders pad gzip files with zeros
                block = block.lstrip(b"\0") if kind == "gzip" else block
                if not block:
                    break
                engine = make()
            try:
                text = engine.decompress(block, size)
            except (zlib.error, OSError, lzma.LZMAError) as error:
                raise DataError(f"the {kind} data is corrupt ({error})", path=name) from error
            block = engine.unused_data if engine.eof else _left_over(engine)
            if text:
                yield text
    if not engine.eof:
        raise DataError(f"the {kind} data ends too early; is the download complete?", path=name)


def _needs_input(engine: Any) -> bool:
    """Whether nothing more comes out without more input (zlib keeps what it has not used
    outside).
    """
    return engine.eof or getattr(engine, "needs_input", True)


def _left_over(engine: Any) -> bytes:
    return getattr(engine, "unconsumed_tail", b"")


@contextmanager
def replacing(path: str | os.PathLike[str], *, compress: bool = True) -> Iterator[BinaryIO]:
    """Give a file to write bytes to; on success it takes the place of `path` in one step.

    Until then it is a temporary file in the same folder, removed if anything is raised. A name that
    ends in ``.gz``, ``.bz2`` or ``.xz`` is compressed (the same content gives the same bytes),
    unless `compress` is false. ``-`` is standard output; devices and pipes are written to directly.
    """
    if path == STDIN_OR_STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    target = Path(os.path.realpath(path))  # a link stays a link
    if target.exists() and not target.is_file():
        with open(target, "wb") as file:
            yield file
        return
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(draft, "xb") as file:
            with _compressing(file, Path(path).suffix if compress else "") as writer:
                yield writer
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, draft)
        os.replace(draft, target)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _compressing(file: BinaryIO, suffix: str) -> Iterator[Any]:
    makers: dict[str, Callable[[], Any]] = {
        ".gz": partial(gzip.GzipFile, "", "wb", 6, file, mtime=0),
        ".bz2": partial(bz2.BZ2File, file, "wb"),
        ".xz": partial(lzma.LZMAFile, file, "wb"),
    }
    if suffix not in makers:
        yield file
        return
    with makers[suffix]() as writer:
        yield writer
