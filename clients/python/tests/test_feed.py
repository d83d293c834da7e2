"""Drives the package against a running system, whose address is in CONCHA_URL."""

import json
import os
import unittest
import uuid
from urllib.request import Request, urlopen

from concha_events import Consumer, CursorExpired, Feed, MemoryState, RequestFailed

URL = os.environ["CONCHA_URL"]


def call(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = Request(URL + path, data, {"Content-Type": "application/json"}, method=method)
    with urlopen(request, timeout=30) as answer:
        return json.loads(answer.read() or "null")


class Running(unittest.TestCase):
    def test_follow(self):
        feed = Feed(URL, "accounts")
        _, cursor = feed.page(limit=1000)
        profile = {"name": "Py", "email": f"{uuid.uuid4()}@example.org", "address": ""}
        account = call("POST", "/v1/accounts", profile)
        call("PUT", f"/v1/accounts/{account['id']}", {**profile, "address": "Street 1"})
        call("DELETE", f"/v1/accounts/{account['id']}")
        seen = []
        consumer = Consumer(MemoryState(), lambda tx, event: seen.append(event))
        for event in feed.follow(cursor):
            if event.subject != f"account/{account['id']}":
                continue
            self.assertTrue(consumer.handle(event))
            self.assertFalse(consumer.handle(event))
            if event.deleted:
                break
        self.assertEqual([event.version for event in seen], [1, 2, 3])
        self.assertTrue(all(event.redacted for event in seen[:2]))
        rest, _ = feed.page(seen[-1].cursor, wait=1)
        self.assertNotIn(seen[-1].id, [event.id for event in rest])

    def test_failures(self):
        with self.assertRaises(RequestFailed) as failure:
            Feed(URL, "accounts").page("no-cursor")
        self.assertEqual(failure.exception.status, 400)
        self.assertNotIsInstance(failure.exception, CursorExpired)
        with self.assertRaises(RequestFailed):
            Feed(URL, "accounts").page(limit=-1)
