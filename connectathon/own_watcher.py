"""Our own Watcher as a system under test: ``stepwell ups watch``, the Watcher's pages, and who uses them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from conformance.harness import Instruction
from connectathon.bad_peers.running import running
from connectathon.waiting import eventually, free_port

AE_TITLE = "STEPWELL_WATCH"
_LOOK_SECONDS = 15.0
_END_SECONDS = 20.0


class OwnWatcher:
    """A user of our Watcher, who does what the harness asks.

    Args:
        folder: for what the commands print.
        url: of the worklist that is watched.
        pages: address of the Watcher's pages.
        peer: ``good``, or the name of a bad peer.

    Attributes:
        actions: what the user can do, by name.
    """

    def __init__(self, folder: Path, url: str, pages: str, peer: str) -> None:
        self._url, self._pages, self._peer = url, pages, peer
        self._output, self._words = folder / "watcher.out", folder / "watcher.err"
        self._config = folder / "stepwell.toml"
        self._config.write_text(f'[stepwell]\ndata_dir = "{folder / "data"}"\n', encoding="utf-8")
        self._running: list[subprocess.Popen[bytes]] = []
        self._page = ""
        self.actions: Mapping[str, Callable[[Instruction], bool]] = {
            "watch-workitem": lambda asked: self._watch(asked.values["workitem"]),
            "watch-all": lambda _asked: self._watch(),
            "watch-filtered": lambda asked: self._watch("--filter", f"WorklistLabel={asked.values['label']}"),
            "stop-watching": lambda _asked: self.stop(),
            "show-workitem": lambda asked: self._show(asked.values["workitem"]),
            "request-cancel": lambda asked: self._ask_cancel(asked.values["workitem"]),
            "is-shown": self._is_shown,
        }

    def _run(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "connectathon.bad_peers.watching", self._peer, *arguments]
        with self._output.open("ab") as output, self._words.open("ab") as words:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=words)

    @contextmanager
    def at_work(self, dimse_port: int) -> Iterator[None]:
        """Take event reports over DIMSE while the block runs; at its end everything is stopped."""
        receiver = self._run("receive", str(dimse_port), AE_TITLE)
        try:
            eventually(lambda: "listening" in self._output.read_text(), what="the receiver of event reports")
            yield
        finally:
            self.stop()
            receiver.send_signal(signal.SIGTERM)
            receiver.wait(_END_SECONDS)

    def stop(self) -> bool:
        """Type Ctrl-C at every command, as a user does who has seen enough."""
        for process in self._running:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        for process in self._running:
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._running.clear()
        return True

    def _fresh(self, *arguments: str) -> subprocess.Popen[bytes]:
        for printed in (self._output, self._words):
            printed.write_bytes(b"")
        self._running.append(self._run(*arguments))
        return self._running[-1]

    def _to_worklist(self) -> tuple[str, ...]:
        return ("--url", self._url, "--ae", AE_TITLE, "--config", str(self._config))

    def _watch(self, *what: str) -> bool:
        self._fresh("ups", "watch", *what, "--json", *self._to_worklist())
        return True

    def _ask_cancel(self, uid: str) -> bool:
        command = self._fresh("ups", "cancel", uid, "--reason", "no longer needed", *self._to_worklist())
        command.wait(_END_SECONDS)
        return True

    def _show(self, uid: str) -> bool:
        self._page = httpx.get(f"{self._pages}/workitems/{uid}", timeout=_LOOK_SECONDS, trust_env=False).text
        return True

    def _is_shown(self, asked: Instruction) -> bool:
        event, uid, text = (asked.values[name] for name in ("event", "workitem", "says"))
        if event == "content":
            return text in self._page

        def is_there() -> bool:
            return self._is_refused(text) if event == "refusal" else self._is_printed(event, uid, text)

        try:
            return bool(eventually(is_there, limit_seconds=_LOOK_SECONDS, what=f"{event} of {uid}"))
        except TimeoutError:
            return False

    def _is_refused(self, text: str) -> bool:
        ended = bool(self._running) and self._running[-1].poll() not in {None, 0}
        words = self._words.read_text(encoding="utf-8", errors="replace")
        return ended and "stepwell: " in words and text in words

    def _is_printed(self, event: str, uid: str, text: str) -> bool:
        lines = [line for line in self._output.read_text(encoding="utf-8").splitlines() if line.startswith("{")]
        kind = event.replace("_", "-")
        told: list[dict[str, Any]] = [json.loads(line) for line in lines]
        return any(
            one["workitem"] == uid and one["event"] == kind and text in json.dumps(one["information"]) for one in told
        )


@contextmanager
def own_watcher(folder: Path, worklist_port: int, peer: str = "good") -> Iterator[tuple[OwnWatcher, dict[str, Any]]]:
    """Our Watcher and its user.

    Args:
        folder: for its data and what it prints.
        worklist_port: where the worklist is that it watches.
        peer: ``good``, or the name of a bad peer.

    Yields:
        The user, and the declaration for the harness.
    """
    url = f"http://127.0.0.1:{worklist_port}/ups-rs"
    pages, dimse = free_port(), free_port()
    settings: dict[str, Any] = {"port": pages, "task_manager_url": url, "event_repository_url": ""}
    with running("watcher", folder / "pages", peer, **settings):
        user = OwnWatcher(folder, url, f"http://127.0.0.1:{pages}", peer)
        declaration = {
            "worklist": {"port": worklist_port},
            "watcher": {"ae_title": AE_TITLE, "port": dimse},
            "options": ["cancel", "event-reports-dimse"],
        }
        with user.at_work(dimse):
            yield user, declaration
