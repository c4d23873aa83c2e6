"""Tiers, foreign samples, and the rule that nothing is skipped silently (docs/testing.md)."""

import os
import tomllib
from pathlib import Path

import hypothesis
import pytest

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


def pytest_testnodedown(node, error):
    """What a process of several left out is told by the one that reports."""
    node.config.stash[REASONS] = getattr(node, "workeroutput", {}).get("reasons", {})


def pytest_terminal_summary(terminalreporter, config):
    for reason, names in sorted(config.stash.get(REASONS, {}).items()):
        terminalreporter.write_line(f"not run ({reason}): {len(names)} tests")
        if not reason.startswith("tier 2"):
            for name in names:
                terminalreporter.write_line(f"    {name}")


def pytest_sessionfinish(session, exitstatus):
    """A skipped test is a failure: what a machine cannot run is listed in not_here.toml."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["reasons"] = session.config.stash.get(REASONS, {})
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if skipped and exitstatus == 0:
        for report in skipped:
            reporter.write_line(f"skipped without a row in tests/not_here.toml: {report.nodeid}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
