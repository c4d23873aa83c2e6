"""What the simulated servers share: they record every exchange, and fail as they are told to.

A simulator listens for the length of a run. A test scripts it (:meth:`Simulator.fail`), lets the system under test
come, and reads what it did (:attr:`Simulator.exchanges`). Times are of one clock for all simulators, so that the order
of requests to different ones can be judged.
"""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from threading import Event, RLock
from typing import Any
from urllib.parse import unquote

from conformance.harness.trial import Trial
from conformance.partners.exchanges import Exchange, Fault, Reply, Request
from conformance.partners.serving import Message, Receive, Send, Server

__all__ = ["Exchange", "Fault", "Reply", "Request", "Simulator"]
_NUMBERS = count(1)
_LARGEST_BODY = 256 * 1024 * 1024
_MOST_EXCHANGES = 5_000
_SECRET_HEADERS = {"authorization", "cookie", "proxy-authorization"}


class Simulator:
    """An HTTP server in a partner's role; a subclass says what it answers.

    Args:
        host: interface.
        port: TCP port.
        base: path under which its resources lie.

    Attributes:
        heard: how many requests have come at all.
    """

    def __init__(self, host: str, port: int, base: str) -> None:
        self.lock = RLock()
        self.heard = 0
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{port}{base}"
        self._base = base
        self._exchanges: list[Exchange] = []
        self._faults: list[Fault] = []
        self._trial: Trial | None = None
        self._kept: dict[tuple[str, int], str] = {}
        self._free = Event()
        self._free.set()
        self._server = Server(self._serve, host, port)

    # -- scripting ---------------------------------------------------------------------------------------------------

    def begin(self, trial: Trial) -> None:
        """What comes from now on is that trial's evidence; nothing goes wrong any more, and nothing is recorded yet."""
        with self.lock:
            self._trial = trial
            self._exchanges.clear()
            self._faults.clear()
        self.release()
        self.up()

    def end(self) -> None:
        """No trial is on: what comes is answered and forgotten."""
        with self.lock:
            self._trial = None
            self._faults.clear()
        self.release()
        self.up()

    def close(self) -> None:
        """Listen no longer."""
        self.release()
        self._server.stop()

    def fail(self, fault: Fault) -> Fault:
        """From now on until the end of the trial; the first fault that is about a request befalls it."""
        with self.lock:
            self._faults.append(fault)
        return fault

    def spare(self) -> None:
        """Nothing goes wrong any more."""
        with self.lock:
            self._faults.clear()

    def hold(self) -> None:
        """From now on every answer waits for :meth:`release`, so that the system under test stays at work."""
        self._free.clear()

    def release(self) -> None:
        """Let all answers go."""
        self._free.set()

    def down(self) -> None:
        """Be away: connections break, and none is taken."""
        self._server.stop()

    def up(self) -> None:
        """Be there again."""
        self._server.start()

    # -- seeing ------------------------------------------------------------------------------------------------------

    @property
    def exchanges(self) -> list[Exchange]:
        """What came in this trial, in the order of arrival."""
        with self.lock:
            return sorted(self._exchanges, key=lambda one: one.request.number)

    def proof(self, trial: Trial, *exchanges: Exchange) -> list[str]:
        """Ids of the evidence that a trial has of exchanges, of its own or of another trial."""
        return [self._keep(trial, one) for one in exchanges]

    # -- answering ---------------------------------------------------------------------------------------------------

    @abstractmethod
    def answer(self, request: Request) -> Reply:
        """What is answered, by the rules; called with the lock held."""

    def told(self, exchange: Exchange) -> tuple[str, str]:
        """Both bodies for the evidence."""
        return _text(exchange.request.body), exchange.reply.told or _text(exchange.reply.body)

    def held_back(self, request: Request) -> bool:
        """Whether :meth:`hold` is about a request."""
        return bool(request)

    async def connected(self, request: Request, receive: Receive, send: Send) -> None:
        """A WebSocket wants to be opened; refused here."""
        del request
        await receive()
        await send({"type": "websocket.close", "code": 1008})

    def record(self, exchange: Exchange) -> None:
        """Take an exchange into the records."""
        with self.lock:
            self.heard += 1
            if self._trial is None:
                return
            if len(self._exchanges) < _MOST_EXCHANGES:
                self._exchanges.append(exchange)
                self._keep(self._trial, exchange)

    def cut(self, request: Request) -> None:
        """Break the connection of a request."""
        self._server.cut(request.client)

    def write(self, request: Request, octets: bytes) -> None:
        """Write octets to the connection of a request as they are, such as WebSocket frames of an odd shape."""
        self._server.write(request.client, octets)

    def soon(self, act: Callable[[], object]) -> None:
        """Do something on the server's thread."""
        self._server.soon(act)

    async def _serve(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self.connected(self._request(scope, b""), receive, send)
            return
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False) and len(body) <= _LARGEST_BODY
        request = self._request(scope, bytes(body))
        while self.held_back(request) and not self._free.is_set():  # noqa: ASYNC110 - set by another thread
            await asyncio.sleep(0.01)
        fault, reply = self.decided(request)
        if fault.seconds:
            await asyncio.sleep(fault.seconds)
        if fault.lost:
            self.cut(request)
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        headers = {"content-length": str(len(reply.body)), **reply.headers}
        raw = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": raw})
        await send({"type": "http.response.body", "body": reply.body})

    def decided(self, request: Request) -> tuple[Fault, Reply]:
        """What goes wrong and what is answered; recorded before the other side can know of it."""
        with self.lock:
            fault = next((one for one in self._faults if one.befalls(request)), Fault(lambda _request: False))
            if len(request.body) > _LARGEST_BODY:
                reply = Reply(413)
            elif fault.status:
                reply = Reply.warning(fault.status, fault.warning)
            else:
                reply = self.answer(request)
                if fault.warning:
                    said = Reply.warning(reply.status, fault.warning).headers
                    reply = replace(reply, headers={**reply.headers, **said})
            self.record(Exchange(request, reply, time.monotonic(), fault.lost))
            fault.then()
        return fault, reply

    def _request(self, scope: Message, body: bytes) -> Request:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        path = unquote(scope["path"]).removeprefix(self._base) or "/"
        method = scope.get("method", "WEBSOCKET")
        query = scope["query_string"].decode("latin-1")
        client = tuple(scope.get("client") or ("", 0))
        return Request(next(_NUMBERS), time.monotonic(), method, path, query, headers, body, (client[0], client[1]))

    def _keep(self, trial: Trial, exchange: Exchange) -> str:
        name = (trial.case.id, exchange.request.number)
        with self.lock:
            if name not in self._kept:
                self._kept[name] = trial.keep("http", exchange.words, self._as_har(exchange), "json")
            return self._kept[name]

    def _as_har(self, exchange: Exchange) -> dict[str, Any]:
        """One entry in the way of HAR 1.2."""
        request, reply = exchange.request, exchange.reply
        sent, answered = self.told(exchange)
        began = datetime.now(UTC).timestamp() - (time.monotonic() - request.at)
        return {
            "startedDateTime": datetime.fromtimestamp(began, UTC).isoformat(timespec="microseconds"),
            "time": round((exchange.answered - request.at) * 1000, 3),
            "request": {
                "method": request.method,
                "url": self.url + request.path + (f"?{request.query}" if request.query else ""),
                "httpVersion": "HTTP/1.1",
                "headers": _named(request.headers),
                "postData": {"mimeType": request.headers.get("content-type", ""), "text": sent},
            },
            "response": {
                "status": 0 if exchange.lost else reply.status,
                "headers": _named(reply.headers),
                "content": {
                    "size": len(reply.body),
                    "mimeType": reply.headers.get("content-type", ""),
                    "text": answered,
                },
            },
            "comment": "the answer was lost on purpose" if exchange.lost else "",
        }


def _named(headers: Mapping[str, str]) -> list[dict[str, str]]:
    return [
        {"name": name, "value": "CREDENTIAL" if name.lower() in _SECRET_HEADERS else value}
        for name, value in headers.items()
    ]


def _text(body: bytes) -> str:
    return body.decode("utf-8", errors="backslashreplace")
