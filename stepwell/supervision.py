"""Run actors as child processes, restart those that die, and end all of them together."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from profiles.errors import Unavailable

POLL_SECONDS = 0.1
RESTART_SECONDS = (0.1, 0.5, 1.0, 2.0, 5.0)
STOP_SECONDS = 10.0
STARTS_BEFORE_GIVING_UP = 3
#: Threads of an actor share two pools of memory; glibc would keep one for each, mostly empty.
_FEW_ARENAS = {"MALLOC_ARENA_MAX": "2"}
#: Exit status of an actor whose configuration is wrong: starting it again cannot help.
USAGE = 2


@dataclass
class _Child:
    """One actor's process and what happened to it."""

    process: subprocess.Popen[bytes]
    started_at: float
    restarts: int = 0
    quick_deaths: int = 0
    held: bool = False
    died: list[str] = field(default_factory=list)


class Supervisor:
    """Keeps one process per actor alive.

    Args:
        actors: the actors' names, in starting order.
        config: the configuration file that each of them reads.
        data_dir: where ``logs/<actor>.log`` and ``run/<actor>.json`` are.
        environment: variables for the children on top of this process's own.
    """

    def __init__(
        self, actors: Iterable[str], config: Path, data_dir: Path, environment: dict[str, str] | None = None
    ) -> None:
        self._config, self._data_dir = config, data_dir
        self._environment = {**_FEW_ARENAS, **os.environ, **(environment or {})}
        self._children: dict[str, _Child] = {}
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._watch = threading.Thread(target=self._keep_alive, name="supervisor", daemon=True)
        self.actors = tuple(actors)
        self.failure: str | None = None

    def start(self) -> None:
        """Start every actor and the watch over them."""
        (self._data_dir / "logs").mkdir(parents=True, exist_ok=True)
        for actor in self.actors:
            self._children[actor] = _Child(self._spawn(actor), time.monotonic())
        self._watch.start()

    def _spawn(self, actor: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "stepwell", "up", actor, "--alone", "--config", str(self._config)]
        with self.log_file(actor).open("ab") as log:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment, start_new_session=True
            )

    def log_file(self, actor: str) -> Path:
        """Where the actor's log lines go."""
        return self._data_dir / "logs" / f"{actor}.log"

    def pid(self, actor: str) -> int:
        """The process id of an actor's present process."""
        return self._children[actor].process.pid

    def restarts(self, actor: str) -> int:
        """How often an actor was started again."""
        return self._children[actor].restarts

    def is_ready(self, actor: str) -> bool:
        """Whether the actor's present process has announced itself."""
        try:
            announced = json.loads((self._data_dir / "run" / f"{actor}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return bool(announced.get("pid") == self.pid(actor)) and self._children[actor].process.poll() is None

    def wait_ready(self, limit_seconds: float = 60.0, actors: Iterable[str] | None = None) -> None:
        """Wait until all actors, or those named, have announced themselves.

        Raises:
            Unavailable: when one does not start; the message ends with its last log line.
        """
        wanted, end = list(actors or self.actors), time.monotonic() + limit_seconds
        while missing := [actor for actor in wanted if not self.is_ready(actor)]:
            if self.failure:
                raise Unavailable(self.failure)
            if time.monotonic() > end:
                raise Unavailable(
                    f"{missing[0]} did not start within {limit_seconds:g} s. {self.last_words(missing[0])}"
                )
            time.sleep(POLL_SECONDS / 2)

    def last_words(self, actor: str) -> str:
        """The last line of an actor's log, and where the rest is."""
        path = self.log_file(actor)
        lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines() if path.exists() else []
        return f"Its log ({path}) ends with: {lines[-1] if lines else 'nothing'}"

    def kill(self, actor: str, hold: bool = False) -> None:
        """End an actor with SIGKILL, to try what happens then.

        Args:
            actor: whom.
            hold: do not start it again until ``release``.
        """
        with self._lock:
            child = self._children[actor]
            child.held = hold
            child.process.kill()
            child.process.wait()

    def release(self, actor: str) -> None:
        """Let a held actor be started again."""
        with self._lock:
            self._children[actor].held = False

    def _keep_alive(self) -> None:
        while not self._stopping.wait(POLL_SECONDS):
            with self._lock:
                for actor, child in self._children.items():
                    if child.process.poll() is not None and not child.held:
                        self._restart(actor, child)

    def _restart(self, actor: str, child: _Child) -> None:
        died_young = not self._was_ready(actor, child)
        child.quick_deaths = child.quick_deaths + 1 if died_young else 0
        if child.quick_deaths >= STARTS_BEFORE_GIVING_UP or child.process.returncode == USAGE:
            child.held = True
            self.failure = f"{actor} ends while it starts. {self.last_words(actor)}"
            return
        pause = RESTART_SECONDS[min(child.quick_deaths, len(RESTART_SECONDS) - 1)]
        if self._stopping.wait(pause):
            return
        _signal_group(child.process, signal.SIGKILL)  # what the dead process left behind
        child.process, child.started_at = self._spawn(actor), time.monotonic()
        child.restarts += 1

    def _was_ready(self, actor: str, child: _Child) -> bool:
        try:
            announced = json.loads((self._data_dir / "run" / f"{actor}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return bool(announced.get("pid") == child.process.pid)

    def stop(self) -> None:
        """End all actors: SIGTERM in reverse starting order, then SIGKILL for those that stay."""
        self._stopping.set()
        with self._lock:
            for actor in reversed(list(self._children)):
                self._children[actor].process.terminate()
            end = time.monotonic() + STOP_SECONDS
            for child in self._children.values():
                try:
                    child.process.wait(max(0.0, end - time.monotonic()))
                except subprocess.TimeoutExpired:
                    _signal_group(child.process, signal.SIGKILL)
                    child.process.wait()
                _signal_group(child.process, signal.SIGKILL)


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Signal a child and whatever it started in its own process group."""
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        return
