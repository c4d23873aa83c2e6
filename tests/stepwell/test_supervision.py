"""Actors that die are started again; actors that cannot start are said so."""

import signal
import socket

import psutil
import pytest

from connectathon.waiting import eventually, free_port
from profiles.errors import Unavailable
from stepwell.supervision import Supervisor


@pytest.fixture
def supervised(tmp_path):
    """A supervisor over one real Task Manager, not started yet."""
    config = tmp_path / "stepwell.toml"
    config.write_text(f'[stepwell]\ndata_dir = "{tmp_path}"\n[task_manager]\nport = {free_port()}\n')
    supervisor = Supervisor(["task_manager"], config, tmp_path)
    yield supervisor
    supervisor.stop()


def test_an_actor_killed_is_started_again(supervised):
    supervised.start()
    supervised.wait_ready()
    first = supervised.pid("task_manager")
    psutil.Process(first).send_signal(signal.SIGKILL)
    eventually(lambda: supervised.pid("task_manager") != first and supervised.is_ready("task_manager"))
    assert supervised.restarts("task_manager") == 1


def test_a_held_actor_stays_down_until_it_is_released(supervised):
    supervised.start()
    supervised.wait_ready()
    supervised.kill("task_manager", hold=True)
    assert not supervised.is_ready("task_manager")
    assert supervised.restarts("task_manager") == 0
    supervised.release("task_manager")
    supervised.wait_ready()
    assert supervised.restarts("task_manager") == 1


def test_stopping_ends_every_process(supervised):
    supervised.start()
    supervised.wait_ready()
    pid = supervised.pid("task_manager")
    supervised.stop()
    assert not psutil.pid_exists(pid)


def test_a_port_in_use_is_said_with_the_setting_to_change(tmp_path):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        config = tmp_path / "stepwell.toml"
        config.write_text(f'[stepwell]\ndata_dir = "{tmp_path}"\n[task_manager]\nport = {holder.getsockname()[1]}\n')
        supervisor = Supervisor(["task_manager"], config, tmp_path)
        supervisor.start()
        try:
            with pytest.raises(Unavailable, match="choose another port in \\[task_manager\\]"):
                supervisor.wait_ready()
        finally:
            supervisor.stop()
