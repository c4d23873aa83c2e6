"""The Task Manager as users run it, but silent: what happens is not told to the operational log."""

from __future__ import annotations

import sys

from actors.task_manager.reporting import OutboxReporting
from stepwell.cli import main


def _silent(_self: OutboxReporting) -> None:
    pass


if __name__ == "__main__":
    OutboxReporting.start = OutboxReporting.stop = _silent  # type: ignore[method-assign]
    sys.argv = ["stepwell", *sys.argv[1:]]
    main()
