import tempfile
import unittest
from datetime import datetime, timezone
from pathlib import Path

from concha_events import Consumer, Event, GapError, MemoryState, SQLiteState


def change(version, subject="account/1"):
    return Event("concha.account.updated.v1", subject, version, datetime.now(timezone.utc), {"resource": {}})


class Rule(unittest.TestCase):
    def states(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        sqlite = SQLiteState(str(Path(folder.name) / "consumer.db"), "suite")
        self.addCleanup(sqlite.close)
        return MemoryState(), sqlite

    def test_duplicates_and_order(self):
        for state in self.states():
            applied = []
            consumer = Consumer(state, lambda tx, event: applied.append(event.id))
            self.assertEqual([consumer.handle(change(v)) for v in (1, 2, 1, 2, 3)], [True, True, False, False, True])
            self.assertTrue(consumer.handle(change(1, "account/2")))
            self.assertEqual(applied, ["account/1/1", "account/1/2", "account/1/3", "account/2/1"])

    def test_gap(self):
        for state in self.states():
            applied, gaps = [], []
            apply = lambda tx, event: applied.append(event.version)  # noqa: E731
            with self.assertRaises(GapError):
                Consumer(state, apply).handle(change(3))
            self.assertEqual(applied, [])
            Consumer(state, apply, lambda tx, gap: gaps.append(gap.last)).handle(change(3))
            self.assertEqual((applied, gaps), ([3], [0]))

    def test_failure_changes_nothing(self):
        for state in self.states():
            def fail(tx, event):
                if tx is not None:
                    tx.execute("CREATE TABLE effects (id)")
                raise RuntimeError
            with self.assertRaises(RuntimeError):
                Consumer(state, fail).handle(change(1))
            self.assertTrue(Consumer(state, lambda tx, event: tx and tx.execute("CREATE TABLE effects (id)")).handle(change(1)))

    def test_consumers_share_a_database(self):
        _, state = self.states()
        other = SQLiteState(state.connection.execute("PRAGMA database_list").fetchone()[2], "other")
        self.addCleanup(other.close)
        for s in (state, other):
            self.assertTrue(Consumer(s, lambda tx, event: None).handle(change(1)))
