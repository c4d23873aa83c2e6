"""One actor in a process of its own, good or bad: the system under test of our own runs."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from connectathon.bad_peers.forking import Forked, fork
from connectathon.waiting import eventually

_END_SECONDS = 20.0


@contextmanager
def running(
    actor: str, data_dir: Path, peer: str = "good", common: Mapping[str, Any] | None = None, **settings: Any
) -> Iterator[Forked]:
    """The actor, ready, until the block is left.

    Args:
        actor: named as its folder.
        data_dir: where it keeps its data; its log lies beside it.
        peer: the name of a bad peer, or ``good``.
        common: the ``[stepwell]`` table without ``data_dir``.
        settings: the actor's table of the configuration.

    Raises:
        RuntimeError: when it ends before it is ready; with its log.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    log = data_dir.parent / f"{data_dir.name}.{actor}.log"
    ready = data_dir / "run" / f"{actor}.json"
    ready.unlink(missing_ok=True)
    process = fork([peer, actor, str(data_dir), json.dumps(settings), json.dumps(dict(common or {}))], log)
    try:

        def is_ready() -> bool:
            if process.poll() is not None:
                raise RuntimeError(log.read_text(errors="replace"))
            return ready.exists()

        eventually(is_ready, what=f"{actor} to be ready")
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
