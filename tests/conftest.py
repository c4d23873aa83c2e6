"""Tiers, foreign samples, no silent skips (docs/testing.md); the database and the browser that tests share."""

import itertools
import os
import tomllib
from pathlib import Path

import hypothesis
import pytest
import sqlalchemy

from connectathon.peers.postgres import postgres

from .valid_messages import ValidMessages

HERE = Path(__file__).parent
#: A test says what is right, not how fast a shared machine is. The examples are the same in every run, so that a change
#: is judged by what it changes; ``STEPWELL_EXPLORE`` set to anything looks for new ones.
hypothesis.settings.register_profile("house", deadline=None, derandomize=not os.environ.get("STEPWELL_EXPLORE"))
hypothesis.settings.load_profile("house")
#: Folders whose files take minutes go first, so that no process ends long after the others.
LONG = ("conformance/suites", "task_performer", "ohif", "peers", "image_manager", "image_display")
#: Files that share what takes longest to make, the plain demo, are run by one process.
WITH = {"tests/demo/test_trace.py": "tests/demo/test_demo.py"}
SAMPLES = ("STEPWELL_SAMPLES", "STEPWELL_SCHEMAS")
#: Of Chromium: it draws without a graphics card, also in a container, and asks nothing of the network.
BROWSER = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--enable-unsafe-swiftshader",
]  # fmt: skip
_schemas = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server():
    """One for all tests of a process."""
    with postgres(durable=False) as url:
        engine = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT")
        yield engine
        engine.dispose()


@pytest.fixture
def postgres_url(postgres_server):
    """A schema of its own, without tables; a database of its own would take seconds to remove."""
    name = f"test_{next(_schemas)}"
    with postgres_server.connect() as connection:
        connection.execute(sqlalchemy.text(f"CREATE SCHEMA {name}"))
    url = postgres_server.url.update_query_dict({"options": f"-csearch_path={name}"})
    return url.render_as_string(hide_password=False)


@pytest.fixture(scope="module")
def browser():
    """A real Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=BROWSER)
        yield running
        running.close()


def pytest_addoption(parser):
    parser.addoption("--all-tiers", action="store_true", help="also the tests marked tier2")


def _left_out(item, all_tiers):
    """Why a test is not to run, or an empty string."""
    if item.get_closest_marker("tier2") and not all_tiers:
        return "tier 2: scripts/test --all"
    marker = item.get_closest_marker("samples")
    if marker:
        needed = marker.args or ("STEPWELL_SAMPLES",)
        absent = [name for name in needed if not os.environ.get(name)]
        if absent:
            return f"foreign samples: set {', '.join(absent)}"
    return ""


def pytest_collection_modifyitems(config, items):
    not_here = tomllib.loads((HERE / "not_here.toml").read_text())
    kept, dropped, reasons = [], [], {}
    for item in items:
        reason = _left_out(item, config.getoption("--all-tiers")) or not_here.get(item.nodeid, "")
        if reason:
            dropped.append(item)
            reasons.setdefault(reason, []).append(item.nodeid)
        else:
            kept.append(item)
    turns = _turns(item.path for item in kept)
    items[:] = sorted(kept, key=lambda item: turns.index(item.path))
    config.hook.pytest_deselected(items=dropped)
    config.stash[REASONS] = reasons


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """The tests of a file stay together, and with those of another file that share its fixtures."""
    from xdist.scheduler import LoadFileScheduling

    class Sharing(LoadFileScheduling):
        def _split_scope(self, nodeid):
            file = super()._split_scope(nodeid)
            return WITH.get(file, file)

    return Sharing(config, log)


def _turns(paths):
    """The test files in the order in which they begin: whole departments one at a time, other long ones beside them."""
    files = {path: path.parent.relative_to(HERE).as_posix() for path in paths}
    departments = [path for path, folder in files.items() if folder == "demo"]
    beside = [path for path, folder in files.items() if folder in LONG]
    turns = []
    for department in departments:
        turns += [department, *beside[:3]]
        beside = beside[3:]
    turns += beside
    return turns + [path for path in files if path not in turns]


REASONS = pytest.StashKey[dict]()
FAULTY = pytest.StashKey[list]()
VALID = pytest.StashKey[ValidMessages]()


def pytest_sessionstart(session):
    """Every audit message of the run is judged by the schema, where it is there (SOLE-020, SOLE-REP-004)."""
    if folder := os.environ.get("STEPWELL_SCHEMAS"):
        actors = [path.name for path in (HERE.parent / "actors").iterdir() if path.name != "shared"]
        session.config.stash[VALID] = ValidMessages(folder, [*actors, "orders_desk", "alerts_desk"])
        session.config.stash[VALID].watch()


def _faulty_messages(config):
    """What is wrong with the audit messages of the run."""
    judge = config.stash.get(VALID, None)
    made = getattr(getattr(config, "_tmp_path_factory", None), "_basetemp", None)
    if judge is None or made is None:
        return judge.faults if judge else []
    judge.read(made)
    return judge.faults


def pytest_testnodedown(node, error):
    """What a process of several left out is told by the one that reports."""
    output = getattr(node, "workeroutput", {})
    node.config.stash[REASONS] = output.get("reasons", {})
    node.config.stash.setdefault(FAULTY, []).extend(output.get("faulty", ()))


def pytest_terminal_summary(terminalreporter, config):
    for reason, names in sorted(config.stash.get(REASONS, {}).items()):
        terminalreporter.write_line(f"not run ({reason}): {len(names)} tests")
        if not reason.startswith("tier 2"):
            for name in names:
                terminalreporter.write_line(f"    {name}")


def pytest_sessionfinish(session, exitstatus):
    """A skipped test is a failure: what a machine cannot run is listed in not_here.toml."""
    faulty = _faulty_messages(session.config)
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["reasons"] = session.config.stash.get(REASONS, {})
        session.config.workeroutput["faulty"] = [str(one) for one in faulty]
    session.config.stash.setdefault(FAULTY, []).extend(faulty)
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if skipped and exitstatus == 0:
        for report in skipped:
            reporter.write_line(f"skipped without a row in tests/not_here.toml: {report.nodeid}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    for fault in session.config.stash[FAULTY] if reporter else ():
        reporter.write_line(f"an audit message is not valid by PS3.15 A.5.1.1: {fault}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
