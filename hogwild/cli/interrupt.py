"""Ctrl-C that nothing can lose: it is raised again and again until it has ended the command.

Python raises KeyboardInterrupt wherever it finds itself, and that may be where nobody passes it on:

- C code calls Python code and drops what it raises.  numpy does so whenever it makes a dtype of
  bytes; LLVM where numba compiles; Python itself in every ``__del__``.
- A clean-up on its way fails, since what it closes is half done, and hides it behind an error of
  its own.  zipfile does so in the middle of an ``.npz``.
- Half-made objects complain when they are thrown away.

So an alarm a little later looks whether the interrupt is on its way, and raises it again if not.

Used by ``cli.main``, and by what has a word to say before a command ends.
"""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

AGAIN = 0.05  # seconds


class Interrupt:
    """The context of a command, which Ctrl-C will end.

    It does nothing where Ctrl-C raises no KeyboardInterrupt anyway: off the main thread, where it
    is ignored (a shell has its background jobs do so), and where a program around this one has a
    handler of its own.
    """

    def __init__(self) -> None:
        self._came = self._over = self._set = False

    def __enter__(self) -> Self:
        self._set = (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler
            and hasattr(signal, "setitimer")  # not on Windows
        )
        if self._set:
            self._hook = sys.unraisablehook
            sys.unraisablehook = self._drop
            signal.signal(signal.SIGINT, self._raise)
        return self

    def over(self) -> None:
        """Raise nothing more: the command has ended, and says so."""
        self._over = True

    def __exit__(self, *_: object) -> None:
        self.over()
        if self._came:
            signal.signal(signal.SIGALRM, self._alarm)
            signal.setitimer(signal.ITIMER_REAL, *self._timer)
        if self._set:
            sys.unraisablehook = self._hook
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _raise(self, *_: object) -> None:
        if self._over:
            return
        if not self._came:  # not sooner: the alarm may be someone else's
            self._timer = signal.getitimer(signal.ITIMER_REAL)
            self._alarm = signal.signal(signal.SIGALRM, self._insist)
            self._came = True
        signal.setitimer(signal.ITIMER_REAL, AGAIN)
        raise KeyboardInterrupt

    def _insist(self, *_: object) -> None:
        if self._over:
            return
        if is_interrupt(sys.exception()):  # the clean-up takes its time: workers have to end
            signal.setitimer(signal.ITIMER_REAL, AGAIN)
        else:  # by the signal, which others may hold back for a moment
            signal.raise_signal(signal.SIGINT)

    def _drop(self, dropped: Any) -> None:
        if not self._came:
            self._hook(dropped)


def is_interrupt(error: BaseException | None) -> bool:
    """Tell whether the error is a KeyboardInterrupt, or came up while one was on its way.

    Examples
    --------
    >>> try:
    ...     try:
    ...         raise KeyboardInterrupt
    ...     finally:
    ...         {}["half done"]
    ... except KeyError as error:
    ...     is_interrupt(error), is_interrupt(KeyError())
    (True, False)
    """
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


@contextmanager
def unhidden() -> Iterator[None]:
    """Raise the KeyboardInterrupt that is hidden behind an error, if one is."""
    try:
        yield
    except Exception as error:
        if is_interrupt(error):
            raise KeyboardInterrupt from None
        raise
