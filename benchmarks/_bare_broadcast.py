"""The baseline of events-fanout: what is posted goes to every open WebSocket at once; nothing is kept.

Run as ``python -m benchmarks._bare_broadcast PORT``.
"""

from __future__ import annotations

import sys

import uvicorn
from fastapi import FastAPI, Request, Response, WebSocket


def app_without_store() -> FastAPI:
    """The application, with the WebSockets of the same server library as the Task Manager's."""
    app, listeners = FastAPI(openapi_url=None), set[WebSocket]()

    async def listen(websocket: WebSocket) -> None:
        await websocket.accept()
        listeners.add(websocket)
        while (await websocket.receive())["type"] != "websocket.disconnect":
            pass
        listeners.discard(websocket)

    async def tell(request: Request) -> Response:
        words = (await request.body()).decode()
        for websocket in listeners:
            await websocket.send_text(words)
        return Response(status_code=200)

    app.add_api_websocket_route("/listen", listen)
    app.add_api_route("/tell", tell, methods=["POST"])
    return app


if __name__ == "__main__":
    uvicorn.run(
        app_without_store(),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_config=None,
        access_log=False,
        ws_per_message_deflate=False,
    )
