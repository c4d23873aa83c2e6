"""What the pages are served with: their files, and the word that something is new."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from actors.shared.pages.assets import Assets
from profiles.errors import Unavailable
from sole_logging.store import EventStore

PACKAGE = "actors.event_repository.dashboard"
ASSETS = Assets(PACKAGE, "/assets/dashboard")
#: Pages are told of news at most so often, and that the connection lives so often.
_LOOK_SECONDS, _HEARTBEAT_SECONDS = 1.0, 15.0
_MOST_LISTENERS = 200


class Live:
    """Tells open pages that events were read (server-sent events); one number is looked at, nobody holds a thread.

    Args:
        store: whose events.
    """

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._ending = asyncio.Event()
        self._listeners = 0

    async def end(self) -> None:
        """Let all listeners go, so that the server can stop."""
        self._ending.set()

    def listen(self) -> AsyncIterator[str]:
        """A stream of server-sent events: ``news`` whenever there are some.

        Raises:
            Unavailable: when too many listen; their pages ask by themselves now and then.
        """
        if self._listeners >= _MOST_LISTENERS:
            raise Unavailable("Too many pages are open; this one asks by itself every half minute.")
        return self._stream()

    async def _stream(self) -> AsyncIterator[str]:
        self._listeners += 1
        try:
            seen, quiet = self._store.changes, 0.0
            yield "retry: 3000\n\n"
            while not self._ending.is_set():
                await self._pause()
                quiet += _LOOK_SECONDS
                if seen != self._store.changes:
                    seen, quiet = self._store.changes, 0.0
                    yield "event: news\ndata: 1\n\n"
                elif quiet >= _HEARTBEAT_SECONDS:
                    quiet = 0.0
                    yield ": still here\n\n"
        finally:
            self._listeners -= 1

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._ending.wait(), _LOOK_SECONDS)
        except TimeoutError:
            return
