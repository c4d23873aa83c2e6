"""Series to run engines on: a real head, and three small slices."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from ai_engines import EngineRun, run_isolated
from connectathon.fiction import DemoOrder
from connectathon.modality import Head, head_study, write_series


@dataclass(frozen=True)
class RealRun:
    """One run of the real network, which all tests of a session look at."""

    run: EngineRun
    progress: list[tuple[int, str]]
    series: Path
    output: Path


@pytest.fixture(scope="session")
def head_series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pydeface head as an MR series."""
    folder = tmp_path_factory.mktemp("head")
    head_study(DemoOrder(), folder)
    return folder


@pytest.fixture(scope="session")
def brain_run(head_series: Path, tmp_path_factory: pytest.TempPathFactory) -> RealRun:
    """The real network, once."""
    progress: list[tuple[int, str]] = []
    output = tmp_path_factory.mktemp("brain")
    run = run_isolated(
        "brain-extraction", head_series, output, on_progress=lambda percent, text: progress.append((percent, text))
    )
    return RealRun(run, progress, head_series, output)


@pytest.fixture(scope="session")
def small_series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three slices of 8 x 8 pixels."""
    folder = tmp_path_factory.mktemp("small")
    values = np.arange(192, dtype=np.int16).reshape(8, 8, 3)
    write_series(Head("small", "Small", values, np.diag([2.0, 2.0, 3.0, 1.0])), DemoOrder(), folder, slice_axis=2)
    return folder


@pytest.fixture
def misbehaving(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name under which the worker finds the engines of ``misbehaving.py``."""
    monkeypatch.setattr(sys, "path", [str(Path(__file__).parent), *sys.path])
    return "misbehaving"
