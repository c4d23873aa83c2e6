"""The scripts that a stranger meets first."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize(
    "script", ["scripts/setup", "scripts/demo", "scripts/test", "scripts/check", "scripts/campaign", ".ci/run"]
)
def test_each_script_is_executable_and_sound_shell(script):
    path = ROOT / script
    assert path.stat().st_mode & 0o111
    assert subprocess.run(["bash", "-n", str(path)], check=False, capture_output=True).returncode == 0


def test_set_up_without_a_python_that_can_make_environments_names_the_package(tmp_path):
    """On Debian a bare python3 lacks ensurepip; the message says which package brings it."""
    checkout = tmp_path / "checkout"
    (checkout / "scripts").mkdir(parents=True)
    for name in ("pyproject.toml", "constraints.txt", "scripts/setup"):
        (checkout / name).write_bytes((ROOT / name).read_bytes())
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\ncase "$*" in *ensurepip*) exit 1;; esac\nexec {ROOT}/.venv/bin/python "$@"\n')
    bare.chmod(0o755)
    answer = subprocess.run(
        ["bash", str(checkout / "scripts/setup")],
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "STEPWELL_PYTHON": str(bare)},
    )
    assert answer.returncode == 2
    assert "python3-venv" in answer.stderr
    assert answer.stdout == ""


def test_set_up_with_an_old_python_says_which_one_is_needed(tmp_path):
    checkout = tmp_path / "checkout"
    (checkout / "scripts").mkdir(parents=True)
    for name in ("pyproject.toml", "constraints.txt", "scripts/setup"):
        (checkout / name).write_bytes((ROOT / name).read_bytes())
    old = tmp_path / "python"
    old.write_text("#!/bin/sh\ncase \"$1\" in -V) echo 'Python 3.9.2';; *) exit 1;; esac\n")
    old.chmod(0o755)
    answer = subprocess.run(
        ["bash", str(checkout / "scripts/setup")],
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "STEPWELL_PYTHON": str(old)},
    )
    assert answer.returncode == 2
    assert "3.11 or newer" in answer.stderr
    assert "Python 3.9.2" in answer.stderr
