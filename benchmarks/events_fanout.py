"""events-fanout: how late the last of many subscribers gets an event, against a bare broadcast of the same bytes.

Late is counted from the request that causes the event: ours is decided, made durable, written to the outbox for each
subscriber, read back and encoded within that time; the bare server only sends what it was given.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import orjson
from websockets.asyncio.client import ClientConnection, connect

from connectathon.waiting import eventually, free_port
from connectathon.workitems import new_workitem
from profiles.dicom import new_uid, put

ROOT = Path(__file__).parent.parent
GOAL = 10
SUBSCRIBERS, ROUNDS = 200, 40
QUICK_SUBSCRIBERS, QUICK_ROUNDS = 50, 10
WARM_UP = 3
_HEADERS = {"Content-Type": "application/dicom+json", "Accept": "application/dicom+json"}


def run(quick: bool) -> list[dict[str, Any]]:
    """One row; the ratio is the lateness of the last subscriber to that of the last listener of the bare server."""
    subscribers, rounds = (QUICK_SUBSCRIBERS, QUICK_ROUNDS) if quick else (SUBSCRIBERS, ROUNDS)
    with tempfile.TemporaryDirectory() as folder, _bare() as bare, _task_manager(Path(folder)) as ours:
        late, bare_late = asyncio.run(_measure(ours, bare, subscribers, rounds))
    value, baseline = statistics.median(late), statistics.median(bare_late)
    ratio = round(value / baseline, 2)
    note = f"the last of {subscribers} subscribers, median of {rounds} events, from the request that causes the event"
    smaller = f"; fewer than the {SUBSCRIBERS} subscribers and {ROUNDS} events of the full size" if quick else ""
    return [
        {
            "name": "events-fanout",
            "ratio": ratio,
            "goal": GOAL,
            "better": "lower",
            "met": ratio <= GOAL,
            "value": round(value * 1000, 2),
            "baseline": round(baseline * 1000, 2),
            "unit": "ms",
            "note": f"{note}; ours durable (SQLite, synchronous FULL){smaller}",
        }
    ]


class _Audience:
    """Many open connections, and when the last of them got the newest message."""

    def __init__(self, size: int) -> None:
        self.size, self.text = size, ""
        self._missing, self._last, self._all = 0, 0.0, asyncio.Event()

    async def lateness(self, cause: Callable[[], Awaitable[httpx.Response]]) -> float:
        """Seconds from a request until everybody has the message that it causes."""
        self._missing = self.size
        self._all.clear()
        started = time.perf_counter()
        answer = await cause()
        answer.raise_for_status()
        async with asyncio.timeout(30):
            await self._all.wait()
        return self._last - started

    async def listen(self, connection: ClientConnection) -> None:
        """Note each message."""
        async for text in connection:
            self.text = str(text)
            self._missing -= 1
            if not self._missing:
                self._last = time.perf_counter()
                self._all.set()


@contextlib.asynccontextmanager
async def _audience(urls: list[str]) -> AsyncIterator[_Audience]:
    audience = _Audience(len(urls))
    async with contextlib.AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
        listening = []
        for url in urls:
            connection = await stack.enter_async_context(connect(url, compression=None, ping_interval=None))
            listening.append(tasks.create_task(audience.listen(connection)))
        yield audience
        for task in listening:
            task.cancel()


async def _measure(ours: int, bare: int, subscribers: int, rounds: int) -> tuple[list[float], list[float]]:
    base = f"http://127.0.0.1:{ours}/ups-rs"
    async with httpx.AsyncClient(headers=_HEADERS, timeout=60) as client:
        uid, names = new_uid(), [f"S{number}" for number in range(subscribers)]
        workitem = orjson.dumps([new_workitem(now=datetime.now(UTC))])
        (await client.post(f"{base}/workitems?workitem={uid}", content=workitem)).raise_for_status()

        def change(turn: int) -> Callable[[], Awaitable[httpx.Response]]:
            state = ("UNAVAILABLE", "READY")[turn % 2]
            body = orjson.dumps([put({}, "InputReadinessState", state)])
            return lambda: client.post(f"{base}/workitems/{uid}", content=body)

        told = [f"ws://127.0.0.1:{ours}/ups-rs/subscribers/{name}" for name in names]
        listening = [f"ws://127.0.0.1:{bare}/listen"] * subscribers
        late: dict[bool, list[float]] = {True: [], False: []}
        async with _audience(told) as us, _audience(listening) as them:

            async def subscribe() -> httpx.Response:
                for name in names:
                    answer = await client.post(f"{base}/workitems/{uid}/subscribers/{name}")
                return answer.raise_for_status()

            await us.lateness(subscribe)  # each is told the present state
            for turn in range(rounds + WARM_UP):
                for is_ours in (True, False) if turn % 2 else (False, True):  # who goes first changes
                    if is_ours:
                        seconds = await us.lateness(change(turn))
                    else:
                        frame = us.text.encode()
                        seconds = await them.lateness(
                            lambda frame=frame: client.post(f"http://127.0.0.1:{bare}/tell", content=frame)
                        )
                    if turn >= WARM_UP:
                        late[is_ours].append(seconds)
    return late[True], late[False]


@contextlib.contextmanager
def _bare() -> Iterator[int]:
    port = free_port()
    with _process(port, "-m", "benchmarks._bare_broadcast", str(port)):
        yield port


@contextlib.contextmanager
def _task_manager(folder: Path) -> Iterator[int]:
    port = free_port()
    config = folder / "stepwell.toml"
    config.write_text(f'[stepwell]\ndata_dir = "{folder}"\n[task_manager]\nport = {port}\n')
    with _process(port, "-m", "stepwell", "up", "task-manager", "--config", str(config)):
        yield port


@contextlib.contextmanager
def _process(port: int, *arguments: str) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        eventually(lambda: _listens(port), what="the server to listen")
        yield
    finally:
        process.terminate()
        process.wait(30)


def _listens(port: int) -> bool:
    try:
        httpx.get(f"http://127.0.0.1:{port}/health", timeout=5)
    except httpx.TransportError:
        return False
    return True
