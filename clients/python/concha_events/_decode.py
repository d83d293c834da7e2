"""Decoding of events from messages and from the CloudEvents JSON format."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Mapping

TYPES = frozenset(
    f"concha.{kind}.{change}.v1"
    for kind in ("account", "audio")
    for change in ("created", "updated", "deleted")
)


class MalformedEvent(ValueError):
    """The event breaks the contract. Delivering it again does not help."""


class UnknownType(ValueError):
    """The type of the event is newer than this package. Acknowledge and skip the event."""


@dataclass(frozen=True)
class Event:
    """One change of one resource."""

    type: str
    subject: str  # "account/<id>" or "audio/<session_id>"
    version: int  # of the resource after the change, from 1 without gaps
    time: datetime  # of the commit
    data: Mapping[str, Any] = field(repr=False)
    traceparent: str = ""  # of the request that made the change, or ""
    cursor: str = ""  # of the feed; "" for an event from a message

    @property
    def id(self) -> str:
        """The id of the event. An event that is published again has the same id."""
        return f"{self.subject}/{self.version}"

    @property
    def redacted(self) -> bool:
        """Whether the payload was erased because the resource was deleted later."""
        return self.data.get("redacted") is True

    @property
    def deleted(self) -> bool:
        """Whether the change is the deletion of the resource."""
        return self.type.endswith(".deleted.v1")

    @property
    def resource(self) -> Mapping[str, Any] | None:
        """The v1 body after the change; None for a deleted or redacted event."""
        return self.data.get("resource")

    @property
    def changed_fields(self) -> list[str]:
        """The members of the resource that the change set."""
        return list(self.data.get("changed_fields", ()))


def decode(attributes: Mapping[str, str], data: bytes | str) -> Event:
    """Decode a message in the CloudEvents binary mode.

    attributes are those of a Pub/Sub message, or the headers of an unwrapped
    push with their names in lower case. Raises UnknownType or MalformedEvent.
    """
    try:
        payload = json.loads(data)
    except ValueError as err:
        raise MalformedEvent(f"the data of {attributes.get('ce-id')} is not JSON: {err}") from err
    return _event(
        {name[3:]: value for name, value in attributes.items() if name.startswith("ce-")}, payload
    )


def decode_json(event: bytes | str | Mapping[str, Any]) -> Event:
    """Decode one event in the CloudEvents JSON format, as the feed and the histories have it.

    Raises UnknownType or MalformedEvent.
    """
    if not isinstance(event, Mapping):
        try:
            event = json.loads(event)
        except ValueError as err:
            raise MalformedEvent(f"the event is not JSON: {err}") from err
    if not isinstance(event, Mapping):
        raise MalformedEvent("the event is not an object")
    return _event(event, event.get("data"))


def _event(attributes: Mapping[str, Any], data: Any) -> Event:
    name = attributes.get("id")
    if attributes.get("specversion") != "1.0":
        raise MalformedEvent(f"{name} is not a CloudEvent of version 1.0")
    if attributes.get("type") not in TYPES:
        raise UnknownType(f"{name} has the unknown type {attributes.get('type')}")
    try:
        event = Event(
            type=attributes["type"],
            subject=attributes["subject"],
            version=int(attributes["resourceversion"]),
            time=datetime.fromisoformat(_microseconds(attributes["time"])),
            data=data,
            traceparent=attributes.get("traceparent", ""),
            cursor=attributes.get("cursor", ""),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as err:
        raise MalformedEvent(f"{name} lacks a valid attribute: {err}") from err
    if not isinstance(data, Mapping):
        raise MalformedEvent(f"the data of {name} is not an object")
    if event.version < 1 or event.id != name:
        raise MalformedEvent(f"the id {name} is not that of {event.subject} at version {event.version}")
    if not (event.redacted or event.deleted or isinstance(event.resource, Mapping)):
        raise MalformedEvent(f"the data of {name} has no resource")
    return event


def _microseconds(time: str) -> str:
    """Return an RFC 3339 time in the form that every Python since 3.8 parses."""
    body, _, fraction = time.removesuffix("Z").partition(".")
    return f"{body}.{fraction[:6]:0<6}+00:00"
