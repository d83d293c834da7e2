"""The rule for consumers: each change takes effect once, and in order for one resource."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Callable, Iterator, Protocol

from ._decode import Event


@dataclass(frozen=True)
class Gap:
    """Versions between last and event.version are missing."""

    event: Event
    last: int  # the last handled version, or 0


class GapError(Exception):
    """The consumer does not accept gaps."""

    def __init__(self, gap: Gap) -> None:
        super().__init__(f"event {gap.event.id} follows version {gap.last}: versions between are missing")
        self.gap = gap


class _Slot(Protocol):
    tx: Any
    last: int  # set it to save a version


class State(Protocol):
    """Keeps the last handled version of each subject, also of deleted resources."""

    def update(self, subject: str) -> Any:
        """Return a context manager of a slot for the subject.

        The version in the slot is saved at the end, together with the effects
        in its transaction. An exception discards both. Updates of one subject
        are sequential.
        """


class Consumer:
    """Applies changes.

    apply(tx, event) applies one change. It is called again if it failed.
    Effects in tx are committed together with the version. Other effects must be
    idempotent.

    on_gap(tx, gap) is called before apply if versions are missing. If it
    returns, apply is called. Without on_gap, a gap raises GapError.
    """

    def __init__(
        self,
        state: State,
        apply: Callable[[Any, Event], None],
        on_gap: Callable[[Any, Gap], None] | None = None,
    ) -> None:
        self._state, self._apply, self._on_gap = state, apply, on_gap

    def handle(self, event: Event) -> bool:
        """Apply a change, and return False if it is a duplicate.

        After an exception nothing has changed, and the event has to be
        delivered again.
        """
        with self._state.update(event.subject) as slot:
            if event.version <= slot.last:
                return False
            if event.version > slot.last + 1:
                gap = Gap(event, slot.last)
                if self._on_gap is None:
                    raise GapError(gap)
                self._on_gap(slot.tx, gap)
            self._apply(slot.tx, event)
            slot.last = event.version
            return True


class _Mutable:
    def __init__(self, tx: Any, last: int) -> None:
        self.tx, self.last = tx, last


class MemoryState:
    """A State that ends with the process, for effects that end with it too."""

    def __init__(self) -> None:
        self._lock, self._versions = threading.Lock(), {}

    @contextmanager
    def update(self, subject: str) -> Iterator[_Mutable]:
        with self._lock:
            slot = _Mutable(None, self._versions.get(subject, 0))
            yield slot
            self._versions[subject] = slot.last


class SQLiteState:
    """A State in an SQLite database. tx is its connection.

    The file may be shared by several processes. consumer names the consumer, as
    different consumers can share a database.
    """

    def __init__(self, path: str, consumer: str) -> None:
        self._consumer, self._lock = consumer, threading.Lock()
        self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        self.connection.execute(
            "CREATE TABLE IF NOT EXISTS event_versions (consumer TEXT NOT NULL, subject TEXT NOT NULL,"
            " version BIGINT NOT NULL, PRIMARY KEY (consumer, subject))"
        )

    @contextmanager
    def update(self, subject: str) -> Iterator[_Mutable]:
        with self._lock:
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                row = self.connection.execute(
                    "SELECT version FROM event_versions WHERE consumer = ? AND subject = ?",
                    (self._consumer, subject),
                ).fetchone()
                slot = _Mutable(self.connection, row[0] if row else 0)
                yield slot
                self.connection.execute(
                    "INSERT INTO event_versions VALUES (?, ?, ?)"
                    " ON CONFLICT (consumer, subject) DO UPDATE SET version = excluded.version",
                    (self._consumer, subject, slot.last),
                )
                self.connection.execute("COMMIT")
            except BaseException:
                self.connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        self.connection.close()
