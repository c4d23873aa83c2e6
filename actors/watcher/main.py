"""Run the Watcher as a process of its own."""

from __future__ import annotations

from actors.shared.serving import serve
from actors.shared.settings import CommonSettings
from actors.watcher.routes import create_app
from actors.watcher.settings import Settings

ACTOR = "watcher"


def run(settings: Settings, common: CommonSettings) -> None:
    """Serve the pages until SIGTERM.

    Raises:
        Unavailable: when the port is taken.
    """
    serve(
        create_app(settings),
        actor=ACTOR,
        host=settings.host,
        port=settings.port,
        data_dir=common.data_dir,
        endpoints={"web": f"http://{settings.host}:{settings.port}"},
    )
