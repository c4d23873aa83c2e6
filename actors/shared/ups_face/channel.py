"""Open Notification Connection (PS3.18 8.10.4, RAD-109) and Send Event Report over it (8.10.5, RAD-87)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from fastapi import APIRouter, Response, WebSocket
from fastapi.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection

from actors.shared.logs import get_logger
from actors.shared.receipts import RECEIPTS
from actors.shared.ups_face.conveyance import error_body
from actors.shared.ups_face.hub import Hub, Listener
from profiles.errors import BadInput, NotAuthorised, StepwellError
from workitems.store import Store
from workitems.subscriptions import Subscriptions, ae_title

#: 2026 editions, older peers, 2024e; the last has the AE title in ``?requester=``.
PATHS = ("/subscribers/{aetitle}", "/ws/subscribers/{aetitle}", "/")
_UPGRADE = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_FAREWELL_SECONDS = 2.0
_log = get_logger(__name__)
Refused = Callable[[HTTPConnection, StepwellError], None]


class EventChannels:
    """The notification connections of one service; include ``router`` below its base.

    The application must be served with `actors.shared.serving`, which knows what has arrived over a WebSocket.

    Args:
        store: whose events are told.
        subscriptions: of that store.
        fallback: AE titles that are told of the server's status, subscribed or not (PS3.4 CC.2.4.3).
        refused: told of every refusal, in a thread that may wait.
    """

    def __init__(
        self,
        store: Store,
        subscriptions: Subscriptions,
        *,
        fallback: tuple[str, ...] = (),
        refused: Refused = lambda _connection, _error: None,
    ) -> None:
        self._subscriptions, self._fallback, self._refused = subscriptions, fallback, refused
        self._hub = Hub(store, subscriptions)
        self.router = APIRouter(lifespan=self._running)
        for path in PATHS:
            self.router.add_api_websocket_route(path, self._open)
        self.router.add_api_route(PATHS[0], _upgrade_required, methods=["GET"], include_in_schema=False)

    @asynccontextmanager
    async def _running(self, _app: object) -> AsyncIterator[None]:
        async with self._hub.running():
            await self._announce("RESTARTED")
            yield

    @property
    def open_connections(self) -> int:
        """How many connections there are now."""
        return self._hub.connections

    async def say_goodbye(self) -> None:
        """Tell everybody that the server stops, while its connections are still open (event 4, GOING DOWN)."""
        if await self._announce("GOING DOWN"):
            await self._hub.drained(_FAREWELL_SECONDS)

    async def _announce(self, status: str) -> bool:
        try:
            await run_in_threadpool(self._subscriptions.announce, status, self._fallback)
        except StepwellError as error:  # a store that cannot be written keeps nobody from reading it
            _log.warning("status-not-told", status=status, reason=error.message)
            return False
        return True

    async def _open(self, websocket: WebSocket) -> None:
        try:
            _require_own_origin(websocket)
            receiver = _receiver(websocket)
        except StepwellError as error:
            await run_in_threadpool(self._refused, websocket, error)
            await websocket.send_denial_response(
                Response(error_body(error), error.row.http, media_type="application/json")
            )
            return
        await websocket.accept()
        _log.info("channel-opened", receiver=receiver)
        listener = Listener(receiver, websocket.scope["extensions"][RECEIPTS], websocket.send_text)
        await self._hub.serve(listener, _closed(websocket))
        _log.info("channel-closed", receiver=receiver)


async def _closed(websocket: WebSocket) -> None:
    """Returns when the connection is closed; what the peer sends means nothing (PS3.18 8.10.5)."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass


async def _upgrade_required() -> Response:
    return Response("Open a WebSocket here (PS3.18 8.10.4).\n", 426, _UPGRADE, "text/plain")


def _receiver(websocket: WebSocket) -> str:
    named = websocket.path_params.get("aetitle") or websocket.query_params.get("requester")
    if not named:
        raise BadInput("Whose events? Open /subscribers/{AE title}, or name it in ?requester= (PS3.18 8.10.4).")
    return ae_title(named)


def _require_own_origin(websocket: WebSocket) -> None:
    """Keep pages of foreign sites from listening through the browser of somebody who may (RFC 6455 10.2)."""
    origin = websocket.headers.get("origin")
    host = urlsplit(f"//{websocket.headers.get('host', '')}").hostname
    if origin and urlsplit(origin).hostname not in (host, *_LOOPBACK):
        raise NotAuthorised("A page of another site may not open a notification connection (RFC 6455 10.2).")
