"""Named steps of an actor's work: logged when reached, and the places where a test may kill the process.

An actor calls ``reached(Step.CLAIMED, workitem=uid)`` at each step of its ``steps.py``. When the environment variable
``STEPWELL_KILL_POINTS`` names a directory that holds a file called like the step (``task_performer.claimed``), that
file is removed and the process ends itself with SIGKILL: exactly there, exactly once. Without the variable nothing
happens.
"""

from __future__ import annotations

import os
import signal
from enum import StrEnum
from pathlib import Path

from actors.shared.logs import get_logger

KILL_POINTS = "STEPWELL_KILL_POINTS"
_log = get_logger(__name__)


def reached(step: StrEnum, **thread: str) -> None:
    """Log that a step was reached, with the identifiers of its thread, and die here if a test asked for it."""
    _log.info("step", step=str(step), **thread)
    directory = os.environ.get(KILL_POINTS)
    if directory is None:
        return
    try:
        Path(directory, str(step)).unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
