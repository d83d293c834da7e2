"""The feed of events over HTTP."""

from __future__ import annotations

import json
from typing import Iterator
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from ._decode import Event, UnknownType, decode_json


class RequestFailed(Exception):
    """The API answered with a problem."""

    def __init__(self, status: int, problem: dict) -> None:
        super().__init__(f"{status}: {problem.get('detail') or problem.get('title') or 'no details'}")
        self.status, self.problem = status, problem


class CursorExpired(RequestFailed):
    """The cursor is older than 90 days, or of a lost database: copy the collection again."""


class Feed:
    """The feed of one collection, "accounts" or "audios", of the API at url.

    headers are sent with every request, for example an Authorization.
    """

    def __init__(self, url: str, collection: str, headers: dict[str, str] | None = None) -> None:
        self._url, self._headers = f"{url.rstrip('/')}/v1/events/{collection}", dict(headers or {})

    def page(self, after: str = "", *, since: str = "", limit: int = 100, wait: int = 0) -> tuple[list[Event], str]:
        """Return the events after a cursor, and the cursor from which to continue.

        Without a cursor, the page begins at the time since, or with the oldest
        event. wait is how many seconds to wait for an event, at most 30. Events
        of unknown types are left out. Raises CursorExpired or RequestFailed,
        and OSError if the API cannot be reached.
        """
        query = {"after": after, "since": "" if after else since, "limit": limit, "wait": wait or ""}
        request = Request(
            f"{self._url}?{urlencode({name: value for name, value in query.items() if value != ''})}",
            headers={**self._headers, "Accept": "application/cloudevents-batch+json"},
        )
        try:
            with urlopen(request, timeout=wait + 30) as answer:
                batch, cursor = json.load(answer), answer.headers["Concha-Feed-Cursor"]
        except HTTPError as err:
            with err:
                try:
                    problem = json.load(err)
                except ValueError:
                    problem = {}
            raise (CursorExpired if err.code == 410 else RequestFailed)(err.code, problem) from None
        events = []
        for item in batch:
            try:
                events.append(decode_json(item))
            except UnknownType:
                continue
        return events, cursor

    def follow(self, after: str = "", *, since: str = "") -> Iterator[Event]:
        """Yield events as they are committed, without end. Each event has its cursor."""
        while True:
            events, after = self.page(after, since=since, wait=30)
            yield from events
