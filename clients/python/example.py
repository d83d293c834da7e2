"""Keeps a table of all accounts up to date from the feed of a running system."""

import sys

from concha_events import Consumer, Feed, SQLiteState


def main(url: str, path: str) -> None:
    state = SQLiteState(path, "accounts-table")
    db = state.connection
    db.execute("CREATE TABLE IF NOT EXISTS accounts (id INTEGER PRIMARY KEY, email TEXT NOT NULL)")
    db.execute("CREATE TABLE IF NOT EXISTS cursors (feed TEXT PRIMARY KEY, cursor TEXT NOT NULL)")

    def apply(tx, event):
        key = int(event.subject.removeprefix("account/"))
        if event.resource is not None:
            tx.execute("INSERT OR REPLACE INTO accounts VALUES (?, ?)", (key, event.resource["email"]))
        elif event.deleted:
            tx.execute("DELETE FROM accounts WHERE id = ?", (key,))
        tx.execute("INSERT OR REPLACE INTO cursors VALUES ('accounts', ?)", (event.cursor,))
        print(event.id, event.type, flush=True)

    # An event carries the whole account, so missing versions do not matter.
    consumer = Consumer(state, apply, on_gap=lambda tx, gap: None)
    row = db.execute("SELECT cursor FROM cursors WHERE feed = 'accounts'").fetchone()
    for event in Feed(url, "accounts").follow(row[0] if row else ""):
        consumer.handle(event)


if __name__ == "__main__":
    try:
        main(*(sys.argv[1:] + ["http://localhost:8080", "accounts-table.db"][len(sys.argv) - 1 :]))
    except KeyboardInterrupt:
        pass
