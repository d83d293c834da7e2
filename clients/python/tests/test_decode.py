import json
import unittest
from pathlib import Path

from concha_events import MalformedEvent, UnknownType, decode, decode_json

GOLDEN = Path(__file__).parents[3] / "pkg/events/eventstest/testdata"


class Decode(unittest.TestCase):
    def test_golden_messages(self):
        files = sorted(GOLDEN.glob("*.json"))
        self.assertEqual(len(files), 6)
        for file in files:
            message = json.loads(file.read_text())
            attributes = message["attributes"]
            event = decode(attributes, json.dumps(message["data"]))
            self.assertEqual(event.id, attributes["ce-id"])
            self.assertEqual(event.type, file.stem)
            self.assertEqual(event.subject, message["ordering_key"])
            self.assertEqual(event.time.isoformat(), "2026-03-14T09:26:53.589793+00:00")
            self.assertEqual(event.deleted, event.resource is None)
            self.assertEqual(event.traceparent, attributes.get("ce-traceparent", ""))
            structured = {name[3:]: value for name, value in attributes.items() if name.startswith("ce-")}
            self.assertEqual(decode_json(json.dumps({**structured, "data": message["data"]})), event)

    def message(self):
        message = json.loads((GOLDEN / "concha.account.updated.v1.json").read_text())
        return message["attributes"], message["data"]

    def test_redacted(self):
        attributes, _ = self.message()
        event = decode(attributes, '{"redacted":true}')
        self.assertTrue(event.redacted)
        self.assertIsNone(event.resource)

    def test_unknown_type(self):
        attributes, data = self.message()
        with self.assertRaises(UnknownType):
            decode({**attributes, "ce-type": "concha.account.updated.v9"}, json.dumps(data))

    def test_malformed(self):
        attributes, data = self.message()
        for changes in (
            {"ce-specversion": "2.0"},
            {"ce-resourceversion": "x"},
            {"ce-resourceversion": "0"},
            {"ce-id": "account/1/1"},
            {"ce-time": "today"},
            {"ce-time": None},
            {"ce-subject": None},
        ):
            with self.assertRaises(MalformedEvent, msg=changes):
                decode({**attributes, **changes}, json.dumps(data))
        for text in ("", "[]", "null", "{}", '{"resource":1}'):
            with self.assertRaises(MalformedEvent, msg=text):
                decode(attributes, text)
        for text in ("", "[]", "{"):
            with self.assertRaises(MalformedEvent, msg=text):
                decode_json(text)
