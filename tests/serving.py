"""Applications of this process on real sockets."""

import threading
from contextlib import contextmanager

import uvicorn

from connectathon.waiting import eventually, free_port


@contextmanager
def serving(app, port=None):
    """The address of an application on a free port, until the context ends."""
    port = port or free_port()
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, timeout_graceful_shutdown=2)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    eventually(lambda: server.started or not thread.is_alive(), what="the application to be served")
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(30)
