"""A failing engine ends its own process and nothing else, and its end has a coded reason."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from ai_engines import Limits, RunOutcome, run_isolated
from connectathon.waiting import eventually

SMALL = Limits(wall_seconds=60, memory_bytes=1024**3, file_bytes=8 * 1024**2)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_good_engine_hands_over_its_results(misbehaving: str, small_series: Path, tmp_path: Path) -> None:
    run = run_isolated(f"{misbehaving}:Good", small_series, tmp_path, limits=SMALL)
    assert run.outcome == RunOutcome.SUCCEEDED
    assert run.results is not None
    mask = run.results.segmentations[0].segments[0].mask
    assert mask.sum() == 1
    assert mask[1, 2, 3]
    assert run.results.figures["series_instance_uid"]


@pytest.mark.parametrize(
    ("engine", "outcome", "kind", "reason"),
    [
        ("Raises", "failed", "crashed", "110501"),
        ("Crashes", "failed", "crashed", "110501"),
        ("Exits", "failed", "crashed", "110501"),
        ("Killed", "failed", "out-of-memory", "110527"),
        ("EatsMemory", "failed", "out-of-memory", "110527"),
        ("GrowsSlowly", "failed", "out-of-memory", "110527"),
        ("FillsDisk", "failed", "out-of-disk", "110524"),
        ("Needy", "failed", "not-installed", "110527"),
        ("RefusesInput", "refused", "refused-input", "110522"),
        ("RefusesOutput", "refused", "refused-output", "110513"),
        ("LeavesRubbish", "failed", "bad-results", "110501"),
        ("NotThere", "failed", "unknown-engine", "110522"),
    ],
)
def test_whatever_an_engine_does_becomes_a_coded_reason(
    misbehaving: str, small_series: Path, tmp_path: Path, engine: str, outcome: str, kind: str, reason: str
) -> None:
    run = run_isolated(f"{misbehaving}:{engine}", small_series, tmp_path, limits=SMALL)
    assert run.failure is not None
    assert (run.outcome, run.failure.kind, run.failure.reason.value) == (outcome, kind, reason)
    assert run.failure.reason.scheme == "DCM"
    assert run.failure.reason.meaning
    assert run.failure.text
    assert run.results is None


def test_an_engine_that_hangs_is_ended_at_the_wall_time_limit(
    misbehaving: str, small_series: Path, tmp_path: Path
) -> None:
    run = run_isolated(f"{misbehaving}:Hangs", small_series, tmp_path, limits=Limits(wall_seconds=3))
    assert run.failure is not None
    assert (run.failure.kind, run.failure.reason.value) == ("timed-out", "110527")
    assert gone(int((tmp_path / "pid").read_text()))


def test_an_engine_that_burns_processor_time_is_ended_by_the_system(
    misbehaving: str, small_series: Path, tmp_path: Path
) -> None:
    run = run_isolated(
        f"{misbehaving}:BurnsProcessor", small_series, tmp_path, limits=Limits(wall_seconds=60, cpu_seconds=2)
    )
    assert run.failure is not None
    assert run.failure.kind == "timed-out"


def test_a_cancelled_run_ends_with_all_its_processes(misbehaving: str, small_series: Path, tmp_path: Path) -> None:
    child = tmp_path / "child"
    run = run_isolated(
        f"{misbehaving}:HangsWithChild",
        small_series,
        tmp_path,
        cancelled=lambda: child.exists() and bool(child.read_text()),
    )
    assert run.outcome == RunOutcome.CANCELLED
    assert run.failure is not None
    assert run.failure.reason.value == "110513"
    eventually(lambda: gone(int(child.read_text())), what="the engine's child to be gone")


def test_what_an_engine_says_stays_in_its_log_which_only_we_can_read(
    misbehaving: str, small_series: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = run_isolated(f"{misbehaving}:Raises", small_series, tmp_path)
    log = tmp_path / "engine.log"
    assert "FICTIONAL^ADA went to stdout" in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert run.failure is not None
    assert "FICTIONAL" not in run.failure.text
    assert "FICTIONAL" not in "".join(capfd.readouterr())


def test_leftovers_of_an_earlier_run_are_no_results(misbehaving: str, small_series: Path, tmp_path: Path) -> None:
    run_isolated(f"{misbehaving}:Good", small_series, tmp_path)
    run = run_isolated(f"{misbehaving}:Exits", small_series, tmp_path)
    assert run.outcome == RunOutcome.FAILED


def test_an_engine_ends_when_the_process_that_started_it_is_killed(
    misbehaving: str, small_series: Path, tmp_path: Path
) -> None:
    starter = (
        "import sys; from pathlib import Path; from ai_engines import run_isolated; "
        f"run_isolated('{misbehaving}:Hangs', Path(sys.argv[1]), Path(sys.argv[2]))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    parent = subprocess.Popen([sys.executable, "-c", starter, str(small_series), str(tmp_path)], env=environment)
    pid = tmp_path / "pid"
    eventually(lambda: pid.exists() and pid.read_text(), what="the engine to hang")
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    eventually(lambda: gone(int(pid.read_text())), what="the orphaned engine to end")


def test_settings_of_the_actor_do_not_reach_the_engine(
    misbehaving: str, small_series: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ai_engines.isolation import _environment

    monkeypatch.setenv("STEPWELL_SECRET", "x")
    assert not [name for name in _environment(SMALL) if name.startswith("STEPWELL_")]
    assert _environment(SMALL)["OMP_NUM_THREADS"] == "2"
