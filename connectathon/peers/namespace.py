"""Run a command inside a fresh network namespace that has a loopback interface only.

Some peers listen on every address and cannot be told not to (Orthanc 1.10 of Debian 12). Inside a namespace of their
own nobody else can reach them. Whatever talks to such a peer, our own actors included, has to run inside too.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence

INSIDE = "STEPWELL_OWN_NETWORK"
_ENTER = 'ip link set lo up && exec "$@"'


def is_inside() -> bool:
    """Whether this process was started by `run_inside`."""
    return os.environ.get(INSIDE) == "1"


def inside(command: Sequence[str]) -> list[str]:
    """The command line that runs a command in a network namespace of its own.

    As root it needs nothing more; another user gets a user namespace too, where the system allows it.
    """
    unshare = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--user", "--map-root-user"]
    return [*unshare, "sh", "-c", _ENTER, "sh", *command]


def run_inside(
    command: Sequence[str], *, timeout_seconds: float = 900, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in a network namespace of its own and wait for it.

    Args:
        command: program and arguments.
        timeout_seconds: after this the command is killed.
        environment: what is set beyond our own environment.
    """
    variables = {**os.environ, **(environment or {}), INSIDE: "1", "TCP_NODELAY": "1"}
    return subprocess.run(
        inside(command), env=variables, capture_output=True, text=True, timeout=timeout_seconds, check=False
    )


def python(*arguments: str) -> list[str]:
    """The command line of this Python interpreter."""
    return [sys.executable, *arguments]
