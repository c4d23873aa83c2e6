"""The baseline of the HTTP benchmarks: FastAPI, a body, one durable row, an answer; nothing of UPS.

Run as ``python -m benchmarks._bare PORT DATABASE``.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import orjson
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import Column, Integer, LargeBinary, MetaData, String, Table, create_engine, event, insert

metadata = MetaData()
rows = Table(
    "row",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("uid", String, index=True),
    Column("content", LargeBinary),
)


def app_over(database: Path) -> FastAPI:
    """The application; SQLite is as durable as the Task Manager's (WAL, synchronous FULL, one writer)."""
    engine = create_engine(f"sqlite:///{database}", connect_args={"check_same_thread": False})

    @event.listens_for(engine, "connect")
    def durable(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    metadata.create_all(engine)
    writing, app = threading.Lock(), FastAPI(openapi_url=None)

    def keep(uid: str, content: bytes) -> None:
        with writing, engine.begin() as connection:
            connection.execute(insert(rows).values(uid=uid, content=content))

    async def take(request: Request) -> Response:
        dataset = orjson.loads(await request.body())
        await run_in_threadpool(keep, request.path_params["uid"], orjson.dumps(dataset))
        return Response(status_code=200)

    app.add_api_route("/rows/{uid}", take, methods=["POST"])
    return app


if __name__ == "__main__":
    uvicorn.run(app_over(Path(sys.argv[2])), host="127.0.0.1", port=int(sys.argv[1]), log_config=None, access_log=False)
