"""The ``stepwell`` command: exit status 0 good, 1 finding or failure, 2 usage; refusals in words (DESIGN 4.1)."""

import json
import subprocess
import sys

import pytest


def stepwell(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "stepwell", *arguments],
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **environment},
    )


def test_help_names_only_commands_that_answer_help():
    listing = stepwell("--help").stdout
    commands = [
        line.split()[0]
        for line in listing.split("Commands:")[1].splitlines()
        if line.startswith("  ") and line[2] != " "
    ]
    assert {"demo", "up", "trace", "check", "pki", "config"} <= set(commands)
    for command in commands:
        assert stepwell(command, "--help").returncode == 0, command


def test_an_unknown_actor_is_refused_with_the_names_there_are():
    answer = stepwell("up", "task-manger")
    assert answer.returncode == 2
    assert "task_manager" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_config_check_prints_every_problem_and_ends_with_2(tmp_path):
    path = tmp_path / "stepwell.toml"
    path.write_text('[task_manager]\nhost = "0.0.0.0"\nport = 99999\n')
    answer = stepwell("config", "check", "--config", str(path))
    assert answer.returncode == 2
    assert "loopback" in answer.stderr
    assert "port" in answer.stderr


def test_a_non_loopback_address_keeps_an_actor_from_starting(tmp_path):
    path = tmp_path / "stepwell.toml"
    path.write_text('[task_manager]\nhost = "0.0.0.0"\n')
    answer = stepwell("up", "task-manager", "--config", str(path))
    assert answer.returncode == 2
    assert "loopback" in answer.stderr


def test_pki_init_makes_an_authority_and_does_not_overwrite_it(tmp_path):
    directory = tmp_path / "pki"
    assert stepwell("pki", "init", str(directory)).returncode == 0
    assert {"authority.pem", "server.pem", "server.key", "client.pem", "client.key"} <= {
        path.name for path in directory.iterdir()
    }
    assert all(path.stat().st_mode & 0o077 == 0 for path in directory.glob("*.key"))
    again = stepwell("pki", "init", str(directory))
    assert again.returncode != 0
    assert "Traceback" not in again.stderr


def test_an_unknown_fault_is_refused_before_anything_starts(tmp_path):
    answer = stepwell("demo", "--once", "--fault", "earthquake", "--data-dir", str(tmp_path / "demo"))
    assert answer.returncode == 2
    assert "archive-away" in answer.stderr
    assert not (tmp_path / "demo").exists()


def test_a_data_directory_that_cannot_be_written_is_said_in_words(tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("")
    answer = stepwell("demo", "--once", "--data-dir", str(blocker / "demo"))
    assert answer.returncode == 1
    assert "--data-dir" in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize("blocked", ["torch", "deepbet"])
def test_without_the_network_library_the_demo_names_what_to_install(tmp_path, blocked):
    """A folder that hides the library stands first on the path."""
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as u\nfound = u.find_spec\n"
        f"u.find_spec = lambda name, package=None: None if name == {blocked!r} else found(name, package)\n"
    )
    answer = stepwell("demo", "--once", "--data-dir", str(tmp_path / "demo"), PYTHONPATH=str(tmp_path))
    assert answer.returncode == 1
    assert "stepwell[ai]" in answer.stderr


def test_engine_list_as_json_has_the_keys_of_the_contract():
    """DESIGN 4.5."""
    rows = json.loads(stepwell("engine", "list", "--json").stdout)
    assert rows
    assert all({"name", "version", "vendor", "codes", "kind", "weights"} <= set(row) for row in rows)


def test_an_engine_is_described_in_plain_lines():
    answer = stepwell("engine", "describe", "brain-extraction")
    assert answer.returncode == 0
    for line in (
        "workitem codes: BRAINSEG 99STEPWELL (",
        "training data: ",
        "  measure: Dice",
        "  value: 0.9",
        "limits: ",
    ):
        assert line in answer.stdout
    assert "no medical device" in answer.stdout
    assert "{'" not in answer.stdout, "a Python value was printed"


def test_an_engine_that_is_none_is_refused_with_where_to_look():
    answer = stepwell("engine", "describe", "brane-extraction")
    assert answer.returncode == 1
    assert "engine list" in answer.stderr
