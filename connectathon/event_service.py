"""A worklist in this process whose notification connections are served over a real socket."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import uvicorn
from fastapi import FastAPI

from actors.shared.serving import PING_SECONDS, PONG_SECONDS, server_config
from actors.shared.ups_face.channel import EventChannels
from connectathon.waiting import eventually, free_port
from connectathon.workitems import new_workitem
from profiles.ups.subscriptions import GLOBAL_SUBSCRIPTION
from workitems.model import Channel
from workitems.store import Store
from workitems.worklist import Worklist


class EventService:
    """The worklist, its port, and who was refused.

    Args:
        store: where it is kept.
        port: where it is served.
    """

    def __init__(self, store: Store, port: int) -> None:
        self.store, self.port, self.refused = store, port, list[str]()
        self.worklist = Worklist(store, lambda: datetime.now(UTC))
        self.channels = EventChannels(
            store, self.worklist.subscriptions, refused=lambda _connection, error: self.refused.append(error.row_key)
        )

    def url(self, name: str, path: str = "/subscribers/{}") -> str:
        """Where an AE opens its notification connection."""
        return f"ws://127.0.0.1:{self.port}/ups-rs{path.format(name)}"

    def subscribe(self, name: str = "WATCHER", target: str = GLOBAL_SUBSCRIPTION) -> None:
        """Subscribe an AE to a workitem, or to all."""
        self.worklist.subscriptions.subscribe(name, target, Channel.WEBSOCKET)

    def create(self) -> str:
        """UID of a new workitem."""
        return self.worklist.create(new_workitem(now=datetime.now(UTC))).uid

    def waiting(self, name: str = "WATCHER") -> list[int]:
        """Places of the events that an AE has not confirmed."""
        return [one.event.sequence for one in self.store.deliveries_after(0, 100_000, name)]


@contextmanager
def event_service(
    url: str, *, ping_seconds: float = PING_SECONDS, pong_seconds: float = PONG_SECONDS
) -> Iterator[EventService]:
    """Serve a worklist while the block runs.

    Args:
        url: of its database.
        ping_seconds: between two pings of a connection.
        pong_seconds: how long a peer may take to answer one.
    """
    store = Store(url)
    service = EventService(store, free_port())
    app = FastAPI()
    app.include_router(service.channels.router, prefix="/ups-rs")
    config = server_config(app, "127.0.0.1", service.port, ping_seconds=ping_seconds, pong_seconds=pong_seconds)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        eventually(lambda: server.started, what="the service to listen")
        yield service
    finally:
        server.should_exit = True
        thread.join()
        store.close()
