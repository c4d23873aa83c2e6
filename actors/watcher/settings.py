"""The ``[watcher]`` table of the configuration."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from actors.shared.settings import ActorSettings, AETitle, Port


class Settings(ActorSettings):
    """Where the pages are served, and whom they ask.

    Attributes:
        port: of the pages; the same as the Image Display's when both run in one process.
        task_manager_url: base URL of the UPS-RS service (RAD-81, RAD-83).
        event_repository_url: base URL of the event repository; empty when there is none.
        event_repository_token_file: holds the token that it asks for.
        results_url: address of the Image Display's pages, when they are on another server.
        ae_title: under which the worklist is asked.
        refresh_seconds: how often live parts of a page ask again.
        late_seconds: a workitem that waits longer than this is said to be late.
        timeout_seconds: how long to wait for an answer.
    """

    port: Port = 8083
    task_manager_url: str = "http://127.0.0.1:8080/ups-rs"
    event_repository_url: str = "http://127.0.0.1:8082"
    event_repository_token_file: Path | None = None
    results_url: str = ""
    ae_title: AETitle = "STEPWELL_WATCH"
    refresh_seconds: float = Field(default=3.0, ge=0.5)
    late_seconds: float = Field(default=900.0, gt=0)
    timeout_seconds: float = Field(default=10.0, gt=0)
