"""Disks that are full or read-only, inside a mount namespace; `test_bad_input.py` starts it.

Whoever runs the tests may mount there, permission bits do not matter, and everything is gone with the namespace.
"""

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from actors.shared.ups_client import UpsClient
from connectathon.waiting import eventually, free_port
from connectathon.workitems import new_workitem
from profiles.errors import Unavailable

ACTORS = [
    "event_repository",
    "image_manager",
    "task_manager",
    "task_requester",
    "task_performer",
    "watcher",
    "image_display",
]
PORTS = {
    "event_repository": ("port", "syslog_port"),
    "image_manager": ("port", "dimse_port"),
    "task_manager": ("port",),
    "task_requester": ("mllp_port",),
    "watcher": ("port",),
    "image_display": ("port",),
}


class Disk:
    """A file system of its own."""

    def __init__(self, path, size):
        self.path = path
        path.mkdir()
        mount("-t", "tmpfs", "-o", f"size={size}", "none", path)

    def resize(self, size):
        mount("-o", f"remount,size={size}", self.path)

    def make_read_only(self):
        mount("-o", "remount,ro", self.path)

    def fill(self):
        """Take all the room that is left."""
        with (self.path / "filler").open("ab", buffering=0) as filler:
            for size in (65536, 4096, 1):
                try:
                    while filler.write(b"x" * size):
                        pass
                except OSError:
                    continue

    def make_room(self):
        (self.path / "filler").unlink()

    def files(self):
        """What is on it besides the filler."""
        return sorted(
            str(path.relative_to(self.path))
            for path in self.path.rglob("*")
            if path.is_file() and path.name != "filler"
        )


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)


@pytest.fixture
def disk(tmp_path):
    """Makes disks of a given size; they are unmounted with the namespace."""
    return lambda size="64m": Disk(tmp_path / "disk", size)


class Actor:
    """``stepwell up ACTOR`` over a disk."""

    def __init__(self, actor, folder, data_dir):
        self.actor, self.data_dir = actor, data_dir
        self.ports = {key: free_port() for key in PORTS.get(actor, ())}
        self.config = folder / "stepwell.toml"
        lines = [f'[stepwell]\ndata_dir = "{data_dir}"', f"[{actor}]"]
        self.config.write_text("\n".join([*lines, *(f"{key} = {port}" for key, port in self.ports.items()), ""]))
        self.command = [sys.executable, "-m", "stepwell", "up", actor, "--config", str(self.config)]
        self.process = None

    def fails(self):
        """Run it to its end; what it says."""
        return subprocess.run(self.command, check=False, capture_output=True, text=True, timeout=60)

    def start(self):
        self.process = subprocess.Popen(self.command, stderr=subprocess.DEVNULL)
        eventually(self.is_ready, 30, f"{self.actor} to be ready")

    def is_ready(self):
        announced = self.data_dir / "run" / f"{self.actor}.json"
        return announced.exists() and json.loads(announced.read_text())["pid"] == self.process.pid

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)


@pytest.fixture
def actor(tmp_path):
    made = []

    def make(name, data_dir):
        made.append(Actor(name, tmp_path, data_dir))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def assert_said_in_words(answer, *words):
    assert answer.returncode == 1, answer.stderr
    assert "Traceback" not in answer.stderr
    assert "should not" not in answer.stderr
    (said,) = [line for line in answer.stderr.splitlines() if line.startswith("stepwell: ")]
    for one in words:
        assert one in said


@pytest.mark.parametrize("name", ACTORS)
def test_a_full_disk_is_said_at_start_and_the_actor_starts_once_there_is_room(name, disk, actor):
    small = disk()
    small.fill()
    running = actor(name, small.path)
    assert_said_in_words(running.fails(), str(small.path), "space")
    small.make_room()
    running.start()


@pytest.mark.parametrize("name", ACTORS)
def test_a_disk_too_small_for_the_first_files_is_said_and_what_was_begun_does_no_harm(name, disk, actor):
    small = disk("16k")
    running = actor(name, small.path)
    if name not in ("watcher", "image_display"):  # those need less
        assert_said_in_words(running.fails(), "space")
    small.resize("64m")
    running.start()


@pytest.mark.parametrize("name", ACTORS)
def test_a_read_only_disk_is_said_at_start(name, disk, actor):
    closed = disk()
    closed.make_read_only()
    assert_said_in_words(actor(name, closed.path).fails(), str(closed.path), "ead-only file system")
    assert closed.files() == []


def test_certificates_are_written_all_or_none(disk, tmp_path):
    small = disk("16k")
    command = [sys.executable, "-m", "stepwell", "pki", "init", str(small.path / "pki")]
    assert_said_in_words(subprocess.run(command, check=False, capture_output=True, text=True), "free some space")
    assert small.files() == []
    small.resize("1m")
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    assert len(small.files()) == 6


def demo(data_dir):
    command = [sys.executable, "-m", "stepwell", "demo", "--once", "--data-dir", str(data_dir)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process, limit_seconds=100):
    out, err = process.communicate(timeout=limit_seconds)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.mark.parametrize("size", ["4k", "16k", "24k", "1m"])
def test_the_demo_refuses_a_disk_that_is_too_small_before_anything_is_written(size, disk):
    small = disk(size)
    assert_said_in_words(ended(demo(small.path / "data")), str(small.path / "data"), "--data-dir")
    assert small.files() == []


def test_the_demo_refuses_a_read_only_disk(disk):
    closed = disk()
    closed.make_read_only()
    assert_said_in_words(ended(demo(closed.path / "data")), "--data-dir")


def test_a_disk_that_fills_up_during_the_demo_ends_it_in_words(disk):
    large = disk("400m")
    process = demo(large.path / "data")
    eventually(lambda: list(large.path.glob("data/modality/*/*.dcm")), 60, "the first image")
    large.fill()
    assert_said_in_words(ended(process), "space", "--data-dir")


def test_a_full_disk_is_answered_in_words_by_a_running_task_manager_and_nothing_is_half_stored(disk, actor):
    small = disk("4m")
    manager = actor("task_manager", small.path)
    manager.start()
    acknowledged, refusal = [], None
    with UpsClient(f"http://127.0.0.1:{manager.ports['port']}/ups-rs", ae_title="TESTER") as client:
        acknowledged.append(client.create(new_workitem(now=datetime.now(UTC))))
        small.fill()
        while refusal is None:
            try:
                acknowledged.append(client.create(new_workitem(now=datetime.now(UTC))))
            except Unavailable as error:
                refusal = error
        assert "space" in refusal.message
        small.make_room()
        acknowledged.append(client.create(new_workitem(now=datetime.now(UTC))))
        kept = {one["00080018"]["Value"][0] for one in client.search()}
    assert kept == set(acknowledged)
