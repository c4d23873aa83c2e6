"""An actor that is killed and started again on the same data and ports, as its supervisor would."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from connectathon.waiting import eventually
from profiles.errors import Unavailable
from stepwell.writing import tables_as_toml


class Mortal:
    """A process of an actor.

    Args:
        actor: name of its folder.
        folder: for its data, configuration and log.
        settings: tables of its configuration.
    """

    def __init__(self, actor: str, folder: Path, settings: Mapping[str, Mapping[str, str | int]]) -> None:
        self._actor, self._folder = actor, folder
        self._process: subprocess.Popen[bytes] | None = None
        self._config = folder / "stepwell.toml"
        common: dict[str, str | int] = {"data_dir": str(folder / "data"), "log_level": "WARNING"}
        tables: dict[str, Mapping[str, str | int]] = {"stepwell": common, **settings}
        self._config.write_text(tables_as_toml(tables), encoding="utf-8")

    def start(self) -> None:
        """Start, and wait until it is ready."""
        command = [sys.executable, "-m", "stepwell", "up", self._actor, "--config", str(self._config)]
        with self.log.open("ab") as log:
            self._process = process = subprocess.Popen(command, stdout=log, stderr=log)
        ready = self.data / "run" / f"{self._actor}.json"

        def is_ready() -> bool:
            if process.poll() is not None:
                raise Unavailable(f"{self._actor} does not start: {self.log.read_text(errors='replace')[-500:]}")
            return ready.exists() and json.loads(ready.read_text(encoding="utf-8"))["pid"] == process.pid

        eventually(is_ready, what=f"{self._actor} to be ready")

    @property
    def data(self) -> Path:
        """The data directory."""
        return self._folder / "data"

    @property
    def log(self) -> Path:
        """Where its log lines go."""
        return self._folder / f"{self._actor}.log"

    def kill(self) -> None:
        """End it with SIGKILL."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """End it with SIGTERM."""
        if self._process:
            self._process.terminate()
            self._process.wait()
