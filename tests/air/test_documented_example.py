"""The example of ``docs/results.md``: from a NumPy mask to validated objects in under 20 lines."""

from __future__ import annotations

import contextlib
import re
import shutil
from pathlib import Path

import pydicom

import conformance

PAGE = Path(__file__).parents[2] / "docs" / "results.md"


def example() -> str:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return code


def run(code: str, source_files, folder: Path) -> list[str]:
    """The rules by which the results of the example are not clean."""
    (folder / "images").mkdir()
    for path in source_files:
        shutil.copy(path, folder / "images" / f"{path.stem}.dcm")
    with contextlib.chdir(folder):
        exec(compile(code, str(PAGE), "exec"), {})  # noqa: S102 - the documentation's own code
    made = [pydicom.dcmread(folder / "images" / name) for name in ("SEG.dcm", "SR.dcm")]
    assert [one.Modality for one in made] == ["SEG", "SR"]
    return sorted({one.rule for one in conformance.check("air", [folder / "images"])})


def test_the_example_has_under_20_lines() -> None:
    assert len(example().strip().splitlines()) < 20


def test_the_example_makes_objects_without_an_error(source_files, tmp_path) -> None:
    assert run(example(), source_files, tmp_path) == ["AIR-010", "AIR-038"]


def test_with_a_workitem_nothing_is_left_to_note(source_files, tmp_path, workitem, monkeypatch) -> None:
    import profiles.air

    tie = profiles.air.context_from_workitem
    monkeypatch.setattr(profiles.air, "context_from_workitem", lambda _, images, **more: tie(workitem, images, **more))
    assert run(example(), source_files, tmp_path) == []
