"""Download a data set of the catalogue: checked before anything of it is used, whole or not at all.

Contract: the archive's size and sha256 must be those of the catalogue; only the members that the
catalogue names are unpacked, to names that the catalogue gives, so that nothing in the archive can
choose where it is written. Files appear in their folder when all is well; what fails leaves nothing
behind. The terms of use are one of the files.

Called by users and by ``hogwild data fetch``.
"""

import hashlib
import http.client
import os
import secrets
import shutil
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from hogwild.data.catalogue import CATALOGUE, Archive, find_data_set
from hogwild.errors import DataError

Progress = Callable[[int, int], None]

TIMEOUT = 30.0
"""Seconds of silence after which a server counts as gone."""

_BLOCK = 1 << 16


def fetch(
    name: str,
    to: str | os.PathLike[str] = ".",
    *,
    url: str | None = None,
    progress: Progress | None = None,
) -> Path:
    """Download a data set and return the path of its ratings.

    They lie in a folder of the archive's own name, together with the terms of use: read these. If
    the files are there already, nothing is downloaded.

    Parameters
    ----------
    name : str
        A data set of the catalogue that has an archive: ``movielens-1m``, say.
    to : str or path-like
        The folder in which the data set's folder is made; it is made too if it is missing.
    url : str, optional
        Another place of the same archive: a mirror, or a ``file:`` URL.
    progress : callable, optional
        Called with the bytes that have come, and the bytes in all.

    Raises
    ------
    ValueError
        No such data set, or one that has no archive.
    DataError
        The network or the server refused, or the connection broke; size or checksum differ; the
        archive lacks a file.
    OSError
        Something can't be written.
    """
    archive = find_data_set(name).archive
    if archive is None:
        known = ", ".join(entry.name for entry in CATALOGUE if entry.archive is not None)
        raise ValueError(f"{name} can't be downloaded; those that can are {known}")
    folder = Path(to) / archive.folder
    result = folder / archive.members[0]
    if all((folder / member).is_file() for member in archive.members):
        return result
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.parent / f".{archive.folder}.{secrets.token_hex(4)}.tmp"
    draft.mkdir()
    try:
        packed = draft / "archive.zip"
        address = url or archive.url
        _download(address, packed, archive, progress or _silence)
        _unpack(packed, draft, archive, address)
        folder.mkdir(exist_ok=True)
        # the ratings come last: whoever finds them finds all
        for member in reversed(archive.members):
            os.replace(draft / member, folder / member)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return result


def _silence(done: int, total: int) -> None:
    pass


def _download(url: str, path: Path, archive: Archive, progress: Progress) -> None:
    """Write what the URL gives to the path; raise unless it is the archive."""
    digest, done = hashlib.sha256(), 0
    with open(path, "xb") as file, _network(url, lambda: done):
        request = urllib.request.Request(url, headers={"User-Agent": "hogwild"})
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            for block in _blocks(response):
                file.write(block)
                digest.update(block)
                done += len(block)
                progress(min(done, archive.size), archive.size)
                if done > archive.size:
                    raise DataError(
                        f"the file there has more than the {archive.size} bytes known", path=url
                    )
    if done < archive.size:
        raise DataError(f"the download ended after {done} of {archive.size} bytes", path=url)
    if digest.hexdigest() != archive.sha256:
        raise DataError(
            f"the file there is not the one known: its sha256 is {digest.hexdigest()}, expected "
            f"{archive.sha256}. Nothing was kept",
            path=url,
        )


def _blocks(response: Any) -> Iterator[bytes]:
    while block := response.read(_BLOCK):
        yield block


@contextmanager
def _network(url: str, done: Callable[[], int]) -> Iterator[None]:
    """Turn what a network may raise into one sentence; errors of the disk pass."""
    try:
        yield
    except urllib.error.HTTPError as error:
        with error:
            raise DataError(
                f"can't be downloaded: the server answered {error.code} {error.reason}", path=url
            ) from None
    except urllib.error.URLError as error:
        raise DataError(
            f"can't be downloaded: {_reason(error.reason)}; is there a network?", path=url
        ) from None
    except (TimeoutError, ConnectionError, http.client.HTTPException) as error:
        raise DataError(
            f"the connection broke after {done()} bytes: {_reason(error)}; try again", path=url
        ) from None


def _reason(error: Any) -> str:
    return str(getattr(error, "strerror", None) or error) or type(error).__name__


def _unpack(packed: Path, folder: Path, archive: Archive, url: str) -> None:
    """Write the members to the folder under the catalogue's names."""
    checksums = dict(archive.member_sha256)
    try:
        with zipfile.ZipFile(packed) as source:
            for member in archive.members:
                with (
                    source.open(f"{archive.folder}/{member}") as reader,
                    open(folder / member, "xb") as writer,
                ):
                    digest = _copy(reader, writer)
                if digest != checksums.get(member, digest):
                    raise DataError(f"{member} in it has the sha256 {digest}", path=url)
    except KeyError as error:
        raise DataError(f"the archive lacks a file: {error.args[0]}", path=url) from None
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise DataError(f"the archive can't be unpacked ({error})", path=url) from None


def _copy(reader: Any, writer: BinaryIO) -> str:
    digest = hashlib.sha256()
    for block in _blocks(reader):
        writer.write(block)
        digest.update(block)
    return digest.hexdigest()
