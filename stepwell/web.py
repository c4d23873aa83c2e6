"""The Watcher's and the Image Display's pages in one process, when the configuration gives both the same port."""

from __future__ import annotations

import logging
from contextlib import closing

from actors.image_display.reporting import ReadingLog
from actors.image_display.routes import create_router as result_pages
from actors.image_display.settings import Settings as ImageDisplaySettings
from actors.shared.pages.app import create_app
from actors.shared.reporting import reporter_for
from actors.shared.serving import serve
from actors.shared.settings import CommonSettings
from actors.watcher.routes import create_router as worklist_pages
from actors.watcher.settings import Settings as WatcherSettings
from stepwell.settings import Configuration


def run_pages(configuration: Configuration) -> None:
    """Serve both until SIGTERM.

    Raises:
        Unavailable: when the port is taken.
    """
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)  # its warnings quote values of datasets
    watcher, display = configuration.actors["watcher"], configuration.actors["image_display"]
    if not isinstance(watcher, WatcherSettings) or not isinstance(display, ImageDisplaySettings):
        raise TypeError("the settings of the pages are of other classes than their actors'")
    common: CommonSettings = configuration.common
    with closing(reporter_for("image_display", common, display)) as reporter:
        reporter.start()
        serve(
            create_app("watcher", [worklist_pages(watcher), result_pages(display, reading=ReadingLog(reporter))]),
            actor="watcher",
            host=watcher.host,
            port=watcher.port,
            data_dir=common.data_dir,
            endpoints={"web": f"http://{watcher.host}:{watcher.port}"},
        )
