"""Ctrl-C that never tears a step in two."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType
from typing import Any, TypeVar

# What holds Ctrl-C back for longer than this is taken to hang; then a second Ctrl-C goes through.
PATIENCE = 1.0

_R = TypeVar("_R")


class Interrupts:
    """During ``run``, Ctrl-C raises as ever, except inside ``with interrupts.held``: there it waits for the end.

    Once it has raised, what is done to clean up is held, too, until ``run`` is left. A handler of SIGINT that the user
    has set is the one that is called. Where Ctrl-C is ignored, and in other threads than the main one, which it never
    reaches, nothing is changed.
    """

    def __init__(self) -> None:
        self.held = _Held(self)
        self.before: Any = None
        self.holders = 0
        self.since = 0.0  # when the Ctrl-C came that waits; 0 if none does

    def run(self, work: Callable[..., _R], *arguments: Any) -> _R:
        """Return ``work(*arguments)``. Inside another ``run`` this is all it does."""
        outermost = self.before is None and threading.current_thread() is threading.main_thread()
        before = signal.getsignal(signal.SIGINT) if outermost else None
        if not callable(before):
            return work(*arguments)
        # No with-statement: Python looks for signals when it calls __exit__, before the first line there. Here it is
        # held from before the handler is set to the line where ``try`` begins, and again until the old one is back.
        self.before, self.holders, self.since = before, 1, 0.0
        signal.signal(signal.SIGINT, self.arrives)
        done = False
        try:
            self.holders -= 1
            result = work(*arguments)
            done = True
            return result
        finally:
            self.holders += 1
            signal.signal(signal.SIGINT, before)
            self.before = None
            if done and self.since:
                before(signal.SIGINT, None)

    @contextmanager
    def whole(self, context: AbstractContextManager[Any]) -> Iterator[None]:
        """Enter and leave a context, both with Ctrl-C held back; what is inside it is not."""
        inside = False

        def leave() -> None:
            nonlocal inside
            if inside:
                inside = False
                context.__exit__(None, None, None)

        try:
            try:
                with self.held:
                    context.__enter__()
                    inside = True
                yield
            finally:
                with self.held:
                    leave()
        finally:
            # If Ctrl-C came in the moment before it was held there. It has raised, so no other one comes here.
            leave()

    def arrives(self, number: int, frame: FrameType | None) -> None:
        """Handle the signal: now, or at the end of what is held."""
        if self.holders:
            now = time.monotonic()
            self.since = self.since or now
            if now - self.since < PATIENCE:
                return
        self.since = 0.0
        self.holders += 1
        self.before(number, frame)
        self.holders -= 1  # it did not raise

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), ()


class _Held:
    """The part that is not interrupted. It may be entered again inside."""

    __slots__ = ("_of",)

    def __init__(self, of: Interrupts) -> None:
        self._of = of

    def __enter__(self) -> None:
        self._of.holders += 1

    def __exit__(self, *exception: object) -> None:
        of = self._of
        of.holders -= 1
        if of.since and not of.holders and of.before is not None:
            of.arrives(signal.SIGINT, None)
