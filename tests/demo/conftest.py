"""One demo run by the command that users run, shared by the tests that look at what it left."""

import json
import subprocess
import sys

import pytest


def run_demo(data_dir, *arguments, limit_seconds=600):
    """``stepwell demo --once --json`` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "stepwell", "demo", "--once", "--json", "--data-dir", str(data_dir), *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=limit_seconds,
    )


@pytest.fixture(scope="session")
def demo_command():
    """The function that runs the demo's command."""
    return run_demo


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """The summary of a plain demo."""
    answer = run_demo(tmp_path_factory.mktemp("demo") / "data")
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)
