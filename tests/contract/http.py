"""UPS-RS over a real socket in this process, where a test needs a worklist, limits or callers of its own."""

import threading
from datetime import UTC, datetime

import httpx
import uvicorn
from fastapi import FastAPI

from actors.shared.caller import Caller
from actors.shared.serving import server_config
from actors.shared.ups_face import ups_router
from connectathon.waiting import eventually, free_port
from workitems.worklist import Worklist


def now():
    return datetime.now(UTC)


def named(request):
    """The caller that a header names, as an identity provider would: ``NAME;role role``."""
    name, _, roles = request.headers.get("x-caller", "local;operator").partition(";")
    return Caller(name, frozenset(roles.split()))


class Service:
    """One worklist, served until the block ends; what was refused is kept by its key.

    With ``mounted_at`` it is an application of its own inside another one.
    """

    def __init__(self, store, *, policy=None, subscriptions=None, mounted_at=None, **router):
        self.refused = []
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}{mounted_at or '/ups-rs'}"
        worklist = Worklist(store, now, policy=policy, subscriptions=subscriptions)
        routes = ups_router(
            worklist, lambda _request, error: self.refused.append(error.row_key), caller_of=named, **router
        )
        app = FastAPI()
        if mounted_at:
            inside = FastAPI()
            inside.include_router(routes)
            app.mount(mounted_at, inside)
        else:
            app.include_router(routes, prefix="/ups-rs")
        self.server = uvicorn.Server(server_config(app, "127.0.0.1", self.port))
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.http = httpx.Client(base_url=self.base, headers={"Accept": "*/*"})

    def __enter__(self):
        self.thread.start()
        eventually(lambda: self.server.started, what="the service")
        return self

    def __exit__(self, *_):
        self.http.close()
        self.server.should_exit = True
        self.thread.join(30)
