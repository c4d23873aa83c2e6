"""The fan-out of events to open notification connections: each read once, encoded once, sent to whoever is told.

A `Listener` is one connection. It first catches up from the store with what its AE has not confirmed, then follows what
the `Hub` offers it; when it falls behind, it catches up again. Nobody waits for it. What a peer's pong proves to have
arrived is confirmed; the rest stays in the store and is sent again on the next connection.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar

import orjson
from sqlalchemy.exc import SQLAlchemyError
from starlette.websockets import WebSocketDisconnect

from actors.shared.logs import get_logger
from actors.shared.receipts import Receipts
from profiles.errors import StepwellError
from profiles.ups.events import event_frame
from workitems.model import Channel, Event
from workitems.notification import is_reported, reports
from workitems.store import Store
from workitems.subscriptions import Subscriptions

#: Events sent and not known to have arrived; a peer must read so many before it answers the ping behind them.
WINDOW = 32
#: Events offered to a listener that it has not sent; when there are more, it reads them from the store.
QUEUE = 256
_BATCH = 100
_SETTLE_SECONDS = 1.0
#: The hub looks by itself so often, should nobody wake it.
_POLL_SECONDS = 5.0
_AGAIN_SECONDS = 1.0
_THREADS = 2
_log = get_logger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class News:
    """An event as it is sent: its place in the outbox, and its frames; place 0 for what is told out of turn."""

    sequence: int
    frames: tuple[str, ...]


def news_of(event: Event, sequence: int | None = None) -> News:
    """An event encoded; one frame for each report it leads to (PS3.18 8.10.5)."""
    told = reports(event) if is_reported(event.kind) else ()
    frames = (event_frame(kind, event.workitem_uid, event.sequence, information) for kind, information in told)
    texts = tuple(orjson.dumps(frame, option=orjson.OPT_SORT_KEYS).decode() for frame in frames)
    return News(event.sequence if sequence is None else sequence, texts)


class Listener:
    """One open connection of an AE.

    Args:
        receiver: AE title.
        receipts: what has arrived.
        transmit: sends one text frame, and waits when the connection is full.
    """

    def __init__(self, receiver: str, receipts: Receipts, transmit: Callable[[str], Awaitable[None]]) -> None:
        self.receiver = receiver
        self._receipts, self._transmit = receipts, transmit
        self._position = 0
        self._in_flight: deque[int] = deque()
        self._offered: deque[News] = deque()
        self._something_offered = asyncio.Event()
        self._keeps_up = self._is_sending = False

    @property
    def arrived(self) -> int:
        """The place up to which everything has arrived."""
        return self._receipts.arrived

    @property
    def is_idle(self) -> bool:
        """Whether everything that the hub knows has been sent."""
        return self._keeps_up and not self._offered and not self._is_sending

    def offer(self, news: News) -> None:
        """Take an event to send later; a listener that has too many already will find it in the store."""
        if len(self._offered) < QUEUE:
            if self._keeps_up:
                self._offered.append(news)
        else:
            self._keeps_up = False
        self._something_offered.set()

    async def run(self, backlog: Callable[[str, int], Awaitable[tuple[list[News], bool]]]) -> None:
        """Send for ever: first what waits in the store, then what is offered.

        Args:
            backlog: reads what an AE has not confirmed and follows a place, and whether there is more.
        """
        while True:
            await self._catch_up(backlog)
            await self._follow()

    async def _catch_up(self, backlog: Callable[[str, int], Awaitable[tuple[list[News], bool]]]) -> None:
        more = True
        while more or not self._keeps_up:
            self._offered.clear()
            self._keeps_up = True  # from here on events are offered; those that are found below too are not sent twice
            found, more = await backlog(self.receiver, self._position)
            for news in found:
                await self._send(news)

    async def _follow(self) -> None:
        while self._offered or self._keeps_up:
            if self._offered:
                news = self._offered.popleft()
                if news.sequence > self._position:
                    await self._send(news)
            else:
                self._something_offered.clear()
                await self._something_offered.wait()

    async def _send(self, news: News) -> None:
        self._is_sending = True
        self._forget_arrived()
        while len(self._in_flight) >= WINDOW:
            await self._receipts.wait()
            self._forget_arrived()
        for frame in news.frames:
            await self._transmit(frame)
        self._position = max(self._position, news.sequence)
        self._in_flight.append(self._position)
        self._receipts.sent = self._position
        if len(self._in_flight) == WINDOW // 2:
            self._receipts.ping()
        self._is_sending = False

    def _forget_arrived(self) -> None:
        while self._in_flight and self._in_flight[0] <= self._receipts.arrived:
            self._in_flight.popleft()


class Hub:
    """All open connections of one server process.

    Args:
        store: whose events are told.
        subscriptions: of that store.
    """

    def __init__(self, store: Store, subscriptions: Subscriptions) -> None:
        self._store, self._subscriptions = store, subscriptions
        self._listeners: dict[str, set[Listener]] = {}
        self._confirmed: dict[str, int] = {}
        self._position = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken = asyncio.Event()
        store.on_append(self._wake)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Dispatch events while the block runs."""
        self._loop = asyncio.get_running_loop()
        self._threads = ThreadPoolExecutor(_THREADS, "event-hub")  # of its own: busy requests do not delay events
        tasks = [asyncio.create_task(self._dispatch()), asyncio.create_task(self._settle())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._loop = None
            self._threads.shutdown()

    @property
    def connections(self) -> int:
        """How many there are now."""
        return sum(map(len, self._listeners.values()))

    def _wake(self) -> None:
        """Called by whichever thread appends, also when the loop is about to end."""
        if loop := self._loop:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._woken.set)

    async def serve(self, listener: Listener, closed: Awaitable[None]) -> None:
        """Send events over a connection until it is closed.

        Args:
            listener: the connection.
            closed: ends with the connection.
        """
        tasks = [asyncio.ensure_future(closed), asyncio.ensure_future(self._listen(listener))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            self._leave(listener)
        for one in ended:
            if isinstance(one, Exception) and not _is_loss(one):
                raise one

    async def _listen(self, listener: Listener) -> None:
        if not self._listeners:
            place = await self._patiently(self._store.last_sequence)
            if not self._listeners:  # what came before this, the listener finds in the store
                self._position = place
        self._listeners.setdefault(listener.receiver, set()).add(listener)
        self._woken.set()
        await listener.run(self._backlog)

    def _leave(self, listener: Listener) -> None:
        listeners = self._listeners.get(listener.receiver, set())
        if listener not in listeners:
            return  # it was closed before it began
        listeners.discard(listener)
        if not listeners:
            del self._listeners[listener.receiver]
            self._confirmed.pop(listener.receiver, None)
            if listener.arrived and self._loop:
                self._loop.run_in_executor(self._threads, self._confirm, {listener.receiver: listener.arrived})

    async def _dispatch(self) -> None:
        while True:
            self._woken.clear()
            if not self._listeners:
                await self._woken.wait()
                continue
            told = await self._patiently(self._store.told_after, self._position, _BATCH, Channel.WEBSOCKET)
            for event, receivers in told:
                self._offer(event, receivers)
                self._position = event.sequence
            if len(told) < _BATCH:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_POLL_SECONDS):
                        await self._woken.wait()

    def _offer(self, event: Event, receivers: Iterable[str]) -> None:
        here = [listener for receiver in receivers for listener in self._listeners.get(receiver, ())]
        if here:
            news = news_of(event)
            for listener in here:
                listener.offer(news)

    async def _backlog(self, receiver: str, position: int) -> tuple[list[News], bool]:
        return await self._patiently(self._read_backlog, receiver, position)

    def _read_backlog(self, receiver: str, position: int) -> tuple[list[News], bool]:
        status = self._subscriptions.take_overflow(receiver)
        found = self._store.deliveries_after(position, _BATCH, receiver, Channel.WEBSOCKET)
        told = [news_of(status, 0)] if status else []
        return told + [news_of(one.event) for one in found], len(found) == _BATCH

    async def _settle(self) -> None:
        """Confirm from time to time what has arrived at every connection of an AE."""
        while True:
            await asyncio.sleep(_SETTLE_SECONDS)
            arrived = {
                receiver: min(listener.arrived for listener in listeners)
                for receiver, listeners in self._listeners.items()
            }
            news = {one: place for one, place in arrived.items() if place > self._confirmed.get(one, 0)}
            if not news:
                continue
            confirmed = await self._in_thread(self._confirm, news)
            if confirmed:
                self._confirmed |= news

    def _confirm(self, taken: dict[str, int]) -> bool:
        try:
            self._store.confirm_all(taken)
        except (StepwellError, SQLAlchemyError) as error:  # they are confirmed later, or sent again
            _log.warning("events-not-confirmed", reason=type(error).__name__)
            return False
        return True

    async def drained(self, limit_seconds: float) -> None:
        """Wait until everything appended so far was sent, but not for those who do not take it."""

        def is_sent(last: int) -> bool:
            listeners = [one for several in self._listeners.values() for one in several]
            return not listeners or (self._position >= last and all(one.is_idle for one in listeners))

        with suppress(TimeoutError):
            async with asyncio.timeout(limit_seconds):
                last = await self._patiently(self._store.last_sequence)
                while not is_sent(last):  # noqa: ASYNC110 - listeners have no event in common, and this happens once
                    await asyncio.sleep(0.01)

    async def _in_thread(self, call: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *arguments)

    async def _patiently(self, read: Callable[..., T], *arguments: object) -> T:
        """Read from the store, again and again while it is away."""
        while True:
            try:
                return await self._in_thread(read, *arguments)
            except (StepwellError, SQLAlchemyError) as error:
                _log.warning("events-not-read", reason=type(error).__name__)
                await asyncio.sleep(_AGAIN_SECONDS)


def _is_loss(error: Exception) -> bool:
    """Whether an error only says that the connection is gone."""
    return isinstance(error, WebSocketDisconnect | OSError | RuntimeError)
