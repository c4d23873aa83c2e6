"""``stepwell db upgrade``, and what happens when the database and the program are of different age (DESIGN D4)."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy

from workitems.migrations.versions import v0002_subscriptions
from workitems.schema import upgrade
from workitems.store import sqlite_url


@pytest.fixture(params=["sqlite", "postgresql"])
def site(request, tmp_path):
    """A configuration file and the database that it names, which has no tables yet."""
    if request.param == "sqlite":
        url = sqlite_url(tmp_path / "data" / "task_manager" / "workitems.sqlite")
        (tmp_path / "data" / "task_manager").mkdir(parents=True)
        setting = ""
    else:
        url = request.getfixturevalue("postgres_url")
        setting = f'database_url = "{url}"'
    config = tmp_path / "stepwell.toml"
    config.write_text(f'[stepwell]\ndata_dir = "{tmp_path / "data"}"\n[task_manager]\n{setting}\n')
    engine = sqlalchemy.create_engine(url)
    yield config, engine
    engine.dispose()


def stepwell(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "stepwell", *arguments], check=False, capture_output=True, text=True, timeout=300
    )


def revision(engine):
    with engine.connect() as connection:
        return connection.execute(sqlalchemy.text("SELECT version_num FROM alembic_version")).scalar()


def tables(engine):
    return set(sqlalchemy.inspect(engine).get_table_names())


def test_it_makes_the_tables_says_so_and_has_nothing_to_do_the_second_time(site):
    config, engine = site
    first = stepwell("db", "upgrade", "--config", str(config))
    assert first.returncode == 0, first.stderr
    assert "made" in first.stdout
    assert revision(engine) in first.stdout
    again = stepwell("db", "upgrade", "--config", str(config))
    assert again.returncode == 0
    assert "up to date" in again.stdout


def test_it_brings_an_old_database_up_to_date_and_names_both_revisions(site):
    config, engine = site
    upgrade(engine, "0001")
    answer = stepwell("db", "upgrade", "--config", str(config))
    assert answer.returncode == 0, answer.stderr
    assert "0001" in answer.stdout
    assert revision(engine) in answer.stdout
    assert revision(engine) != "0001"


def test_a_newer_database_is_refused_by_the_command_and_at_start_and_left_as_it_is(site):
    config, engine = site
    upgrade(engine)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE alembic_version SET version_num = '9999'"))
    for command in (("db", "upgrade"), ("up", "task-manager")):
        answer = stepwell(*command, "--config", str(config))
        assert answer.returncode == 1
        assert "made by a newer Stepwell" in answer.stderr
        assert "9999" in answer.stderr
        assert "Install the newer program" in answer.stderr
        assert "Traceback" not in answer.stderr
    assert revision(engine) == "9999"


def test_of_four_processes_that_start_at_once_one_makes_the_tables(site):
    config, _ = site
    with ThreadPoolExecutor(4) as together:
        answers = list(together.map(lambda _: stepwell("db", "upgrade", "--config", str(config)), range(4)))
    assert [answer.returncode for answer in answers] == [0] * 4, [answer.stderr for answer in answers]
    assert sorted("up to date" in answer.stdout for answer in answers) == [False, True, True, True]


STORE = "import sys; from workitems.store import Store; Store(sys.argv[1]).close()"


def test_four_task_managers_that_open_a_database_without_tables_at_once_all_can(site):
    _, engine = site
    url = engine.url.render_as_string(hide_password=False)
    started = [subprocess.Popen([sys.executable, "-c", STORE, url], stderr=subprocess.PIPE) for _ in range(4)]
    said = [process.communicate(timeout=300)[1].decode() for process in started]
    assert [process.returncode for process in started] == [0] * 4, said


def test_a_migration_that_breaks_off_leaves_the_tables_as_they_were(site, monkeypatch):
    _, engine = site
    upgrade(engine, "0001")
    before = tables(engine)

    def break_off(*arguments, **options):
        raise OSError("no space left on device")

    monkeypatch.setattr(v0002_subscriptions.op, "create_index", break_off)
    with pytest.raises(OSError, match="no space"):
        upgrade(engine)
    assert (tables(engine), revision(engine)) == (before, "0001")
    columns = {column["name"] for column in sqlalchemy.inspect(engine).get_columns("workitem")}
    assert "lease_until" not in columns
    monkeypatch.undo()
    assert upgrade(engine).before == "0001"


def test_it_needs_a_task_manager_in_the_configuration(tmp_path):
    config = tmp_path / "stepwell.toml"
    config.write_text("[watcher]\n")
    answer = stepwell("db", "upgrade", "--config", str(config))
    assert answer.returncode == 2
    assert "[task_manager]" in answer.stderr
