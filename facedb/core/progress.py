"""How long work reports itself: workflows talk to a Reporter, the CLI draws it, a notebook may stay silent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Task(Protocol):
    """One running piece of work with a known or unknown total."""

    def advance(self, n: int = 1, note: str = "") -> None:
        """Count ``n`` further units as done; ``note`` says where the work stands, in larger units."""


class Reporter(Protocol):
    """Where workflows say what they do."""

    def task(self, title: str, total: int | None, unit: str) -> AbstractContextManager[Task]:
        """Open a piece of work of ``total`` units (None: unknown)."""

    def say(self, message: str) -> None:
        """Say one sentence."""


class _SilentTask:
    def advance(self, n: int = 1, note: str = "") -> None:
        pass


class Silent:
    """A Reporter that says nothing."""

    @contextmanager
    def task(self, title: str, total: int | None, unit: str) -> Iterator[Task]:  # noqa: ARG002
        """Open a piece of work and show nothing."""
        yield _SilentTask()

    def say(self, message: str) -> None:
        """Say nothing."""
