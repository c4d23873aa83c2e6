"""Run the Image Display as a process of its own."""

from __future__ import annotations

from actors.image_display.routes import create_app
from actors.image_display.settings import Settings
from actors.shared.serving import serve
from actors.shared.settings import CommonSettings

ACTOR = "image_display"


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
