"""The MLLP face: frames to the intake and its answers back. No rules."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from actors.shared.mllp import MllpServer
from actors.task_requester.service import TaskRequester
from actors.task_requester.settings import Settings

#: Senders of which so many at a time share one write to the disk; each one's messages are taken in their order.
_WORKERS = 4


def mllp_server(requester: TaskRequester, settings: Settings) -> MllpServer:
    """The listener for a Task Requester; start it to take messages."""
    return MllpServer(
        requester.intake.take,
        settings.host,
        settings.mllp_port,
        max_bytes=settings.max_message_bytes,
        frame_seconds=settings.frame_seconds,
        idle_seconds=settings.idle_seconds,
        max_connections=settings.max_connections,
        tls=settings.tls,
        workers=ThreadPoolExecutor(_WORKERS, "mllp"),
    )
