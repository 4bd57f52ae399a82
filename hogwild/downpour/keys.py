"""Keys: 32 random bytes that let a process in, and files that keep them from everybody else.

A key is never a word that somebody chose, and there is none by default: who has it may run any code
in the server's process, since the messages are pickles.  A file with a key is readable by its owner
only, or it is refused.

Used by ``downpour.listening`` and the command line.
"""

import os
import secrets
import stat
from pathlib import Path

from hogwild.engine.server_process import KEY_BYTES

_PREFIX = "hogwild-key-1 "


def new_key() -> bytes:
    """Return a new key, drawn by the system.

    Examples
    --------
    >>> len(new_key()), new_key() == new_key()
    (32, False)
    """
    return secrets.token_bytes(KEY_BYTES)


def checked_key(key: object) -> bytes:
    """Return the key, if it is long enough to be one.

    Raises
    ------
    ValueError
        For anything but 32 bytes or more.  The message does not show them.

    Examples
    --------
    >>> checked_key(b"abc")
    Traceback (most recent call last):
    ValueError: a key must have 32 bytes or more, got 3; new_key() draws one
    """
    if not isinstance(key, bytes):
        raise ValueError(f"a key must be bytes, got {type(key).__name__}; new_key() draws one")
    if len(key) < KEY_BYTES:
        raise ValueError(
            f"a key must have {KEY_BYTES} bytes or more, got {len(key)}; new_key() draws one"
        )
    if len(set(key)) < KEY_BYTES // 4:
        raise ValueError("a key must be random; this one repeats itself; new_key() draws one")
    return bytes(key)


def write_key(path: str | os.PathLike[str], key: bytes | None = None) -> bytes:
    """Write a key to a new file that only its owner may read (mode 0600); return the key.

    Parameters
    ----------
    path : str or path-like
        Must not exist: an old key is never overwritten.
    key : bytes, optional
        By default a new one.

    Raises
    ------
    FileExistsError
        There is such a file.
    ValueError
        For a key that is too short.
    """
    key = new_key() if key is None else checked_key(key)
    # the mode is there from the first moment, whatever the umask
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, 0o600)
        file.write(f"{_PREFIX}{key.hex()}\n")
    return key


def read_key(path: str | os.PathLike[str]) -> bytes:
    """Return the key that `write_key` has written.

    Raises
    ------
    PermissionError
        When others than its owner may read or write the file, or another user owns it.
    ValueError
        When it holds no key.
    """
    name = os.fspath(path)
    with open(path, "rb") as file:
        # of the open file: what the name stands for may change meanwhile
        about = os.fstat(file.fileno())
        mode = stat.S_IMODE(about.st_mode)
        if mode & 0o077:
            raise PermissionError(
                f"{name}: others than its owner may use this key file (mode {mode:04o}); it must "
                f"be 0600: chmod 600 {name}, after making sure that nobody has read it"
            )
        if about.st_uid not in (os.geteuid(), 0):
            raise PermissionError(f"{name}: this key file belongs to another user ({about.st_uid})")
        text = file.read(4096).decode("ascii", "replace").strip()
    if not text.startswith(_PREFIX.strip()):
        raise ValueError(f"{Path(name)}: not a key file; write_key makes one")
    try:
        return checked_key(bytes.fromhex(text[len(_PREFIX) :]))
    except ValueError as error:
        raise ValueError(f"{Path(name)}: {error}") from None
