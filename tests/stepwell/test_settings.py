"""One TOML file plus environment, validated whole at start (design decision D17)."""

import pytest

from profiles.errors import BadInput
from stepwell.settings import load, validate
from stepwell.writing import as_toml


def test_every_problem_of_a_configuration_is_reported_at_once():
    with pytest.raises(BadInput) as refused:
        validate({"task_manager": {"port": 0, "prot": 1}, "task_manger": {}, "stepwell": {"data_dirr": "x"}})
    words = str(refused.value)
    assert "[task_manager] port" in words
    assert "[task_manager] prot" in words
    assert "[task_manger]" in words
    assert "[stepwell] data_dirr" in words
    assert len(refused.value.findings) == 4


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "hospital.example"])
def test_an_address_beyond_loopback_is_refused_and_the_reason_said(host):
    with pytest.raises(BadInput) as refused:
        validate({"task_manager": {"host": host}})
    assert "127.0.0.1" in str(refused.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.0.0.9"])
def test_loopback_addresses_are_taken(host):
    assert validate({"task_manager": {"host": host}}).actors["task_manager"].host == host


def test_environment_variables_are_laid_over_the_file(tmp_path):
    path = tmp_path / "stepwell.toml"
    path.write_text("[task_manager]\nport = 9000\n")
    environment = {"STEPWELL_TASK_MANAGER__PORT": "9001", "STEPWELL_DATA_DIR": str(tmp_path), "HOME": "/"}
    configuration = load(path, environment=environment)
    assert configuration.actors["task_manager"].port == 9001
    assert configuration.common.data_dir == tmp_path


def test_without_a_file_every_actor_has_its_defaults():
    assert set(load(None, environment={}).actors) >= {"task_manager", "task_requester", "task_performer"}


def test_a_configuration_written_as_toml_reads_back_the_same(tmp_path):
    before = load(None, environment={})
    path = tmp_path / "stepwell.toml"
    path.write_text(as_toml(before))
    assert load(path, environment={}) == before


@pytest.mark.parametrize("content", ["not toml =", "[task_manager\n", b"\xff\xfe"])
def test_a_file_that_is_no_toml_is_refused_by_name(tmp_path, content):
    path = tmp_path / "broken.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BadInput, match=r"broken\.toml"):
        load(path, environment={})


def test_a_missing_file_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(BadInput, match="config show"):
        load(tmp_path / "none.toml", environment={})
