"""Run the Image Display as a process of its own."""

from __future__ import annotations

from contextlib import closing

from actors.image_display.reporting import ReadingLog
from actors.image_display.routes import create_app
from actors.image_display.settings import Settings
from actors.shared.reporting import reporter_for
from actors.shared.serving import serve
from actors.shared.settings import CommonSettings

ACTOR = "image_display"


def run(settings: Settings, common: CommonSettings) -> None:
    """Serve the pages until SIGTERM.

    Raises:
        Unavailable: when the port is taken, or the event spool cannot be used.
    """
    with closing(reporter_for(ACTOR, common, settings)) as reporter:
        reporter.start()
        serve(
            create_app(settings, ReadingLog(reporter)),
            actor=ACTOR,
            host=settings.host,
            port=settings.port,
            data_dir=common.data_dir,
            endpoints={"web": f"http://{settings.host}:{settings.port}"},
        )
