"""Bodies of requests, up to a size and a time; all that are under way together take a bounded room."""

from __future__ import annotations

import asyncio

from fastapi import Request

from profiles.errors import BadInput, Unavailable, UnsupportedMediaType
from profiles.sole.transfer import GREATEST_BODY

_ROOM_OCTETS = 4 * GREATEST_BODY
_MEBIBYTE = 2**20


class Bodies:
    """Reads bodies in the event loop of the application.

    Args:
        seconds: how long one may take to arrive.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._octets = 0

    async def read(self, request: Request, *media_types: str) -> bytes:
        """The body of a request.

        Raises:
            UnsupportedMediaType: when it is of another type.
            BadInput: when it is too large, or did not arrive in time.
            Unavailable: when too many are under way.
        """
        given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if given not in media_types:
            raise UnsupportedMediaType(f"The body is {given or 'of no type'}; send {' or '.join(media_types)}.")
        body = bytearray()
        try:
            async with asyncio.timeout(self._seconds):
                async for chunk in request.stream():
                    self._octets += len(chunk)
                    body += chunk
                    self._require_room(len(body))
        except TimeoutError:
            raise BadInput(
                f"The body did not arrive whole within {self._seconds:g} seconds; nothing was stored. Send it again.",
                key="payload-not-received",
            ) from None
        finally:
            self._octets -= len(body)
        return bytes(body)

    def _require_room(self, octets: int) -> None:
        if octets > GREATEST_BODY:
            raise BadInput(
                f"The body is larger than {GREATEST_BODY // _MEBIBYTE} MiB; send the events in several requests "
                "(sole.md 3.4).",
                key="too-large",
            )
        if self._octets > _ROOM_OCTETS:
            raise Unavailable("Too many events are on their way to this repository; send them again a little later.")
