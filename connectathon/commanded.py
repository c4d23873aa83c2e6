"""A process of our own that does what it is told to: commands and answers are JSON, one a line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_END_SECONDS = 20.0
_READY = "ready\n"


@dataclass(frozen=True)
class Remote:
    """The process, as whoever commands it has it."""

    process: subprocess.Popen[str]

    def tell(self, **command: Any) -> Any:
        """Have one command carried out, and get its answer; None when the process is gone."""
        if self.process.stdin is None or self.process.stdout is None:
            return None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        return json.loads(line) if line else None


@contextmanager
def commanded(module: str, log: Path, *arguments: str) -> Iterator[Remote]:
    """``python -m MODULE ARGUMENTS``, ready, until the block is left.

    Raises:
        RuntimeError: when it ends before it is ready; with its log.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=out,
            text=True,
        )
    try:
        if process.stdout is None or process.stdout.readline() != _READY:
            raise RuntimeError(log.read_text(errors="replace"))
        yield Remote(process)
    finally:
        try:
            process.communicate(timeout=_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def obey(actor: Any) -> None:
    """Carry out each command of the standard input: its ``do`` is a method, the rest its arguments."""
    sys.stdout.write(_READY)
    sys.stdout.flush()
    for line in sys.stdin:
        told = json.loads(line)
        answer = getattr(actor, told.pop("do"))(**told)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
