"""Events of the Concha backend: decode them, apply the rule for consumers, follow the feed.

The package needs only the standard library.
"""

from ._consumer import Consumer, Gap, GapError, MemoryState, SQLiteState
from ._decode import Event, MalformedEvent, UnknownType, decode, decode_json
from ._feed import CursorExpired, Feed, RequestFailed

__all__ = [
    "Consumer",
    "CursorExpired",
    "Event",
    "Feed",
    "Gap",
    "GapError",
    "MalformedEvent",
    "MemoryState",
    "RequestFailed",
    "SQLiteState",
    "UnknownType",
    "decode",
    "decode_json",
]
