"""The bundled engines: what they find, and what they refuse."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest

from ai_engines import RunOutcome, engine, engines, find_engine, missing_requirements, run_isolated
from ai_engines.bundled.brain_extraction import weights_directory
from ai_engines.images import read_study, volume_of
from connectathon.fiction import DemoOrder
from connectathon.modality import corrupt_file, ct_phantom_study, mr_phantom_study, single_slice_study
from connectathon.modality.bad_studies import other_body_part_study
from profiles.dicom import Code


def test_the_network_finds_the_brain_of_a_real_head(brain_run) -> None:
    run = brain_run.run
    assert run.outcome == RunOutcome.SUCCEEDED, run.failure
    (volume,) = run.results.measurements
    assert volume.value == pytest.approx(1394, rel=0.02)
    assert volume.unit.value == "mL"
    assert run.load_seconds > 0
    assert run.inference_seconds > 0


def test_the_mask_lies_on_the_brain(brain_run) -> None:
    images = volume_of(read_study(brain_run.series)[0])
    mask = brain_run.run.results.segmentations[0].segments[0].mask
    assert brain_run.run.results.segmentations[0].source_instance_uids == images.source_instance_uids
    where = np.argwhere(mask).mean(axis=0)
    left, posterior, superior = (images.affine @ [*where, 1])[:3]
    (side, *_), (top, *_) = _extent(images, 0), _extent(images, 2)
    assert abs(left - side) < 15  # in the midline of the head
    assert superior > top  # in its upper half
    assert images.volume[mask].mean() > 2 * images.volume[~mask].mean()  # on tissue
    assert posterior == pytest.approx(_extent(images, 1)[0], abs=60)


def _extent(images, axis: int) -> tuple[float, float]:
    corners = [
        (images.affine @ [s, r, c, 1])[axis]
        for s in (0, images.shape[0])
        for r in (0, images.shape[1])
        for c in (0, images.shape[2])
    ]
    return (min(corners) + max(corners)) / 2, max(corners) - min(corners)


def test_progress_is_reported_and_never_goes_back(brain_run) -> None:
    percents = [percent for percent, _ in brain_run.progress]
    assert percents == sorted(percents)
    assert percents[-1] == 100


def test_the_head_mask_contains_the_brain(brain_run, tmp_path: Path) -> None:
    run = run_isolated("head-mask", brain_run.series, tmp_path)
    assert run.outcome == RunOutcome.SUCCEEDED, run.failure
    head = run.results.segmentations[0].segments[0].mask
    brain = brain_run.run.results.segmentations[0].segments[0].mask
    assert (head & brain).sum() / brain.sum() > 0.99
    assert 3000 < run.results.measurements[0].value < 6000


@pytest.mark.parametrize("name", ["brain-extraction", "head-mask"])
@pytest.mark.parametrize(
    ("make", "reason", "check"),
    [
        (ct_phantom_study, "110522", "modality"),
        (single_slice_study, "110523", "enough-slices"),
        (other_body_part_study, "110522", "body-part"),
    ],
)
def test_what_is_no_head_mr_is_refused_by_its_headers(name, make, reason, check, tmp_path: Path) -> None:
    make(DemoOrder(), tmp_path / "in")
    run = run_isolated(name, tmp_path / "in", tmp_path / "out")
    assert run.outcome == RunOutcome.REFUSED
    assert (run.failure.reason.value, run.failure.check) == (reason, check)


@pytest.mark.parametrize("name", ["brain-extraction", "head-mask"])
def test_a_phantom_is_refused_by_its_pixels(name, tmp_path: Path) -> None:
    mr_phantom_study(DemoOrder(), tmp_path / "in", slices=80)
    run = run_isolated(name, tmp_path / "in", tmp_path / "out")
    assert run.outcome == RunOutcome.REFUSED
    assert run.failure.kind == "refused-input"


def test_a_truncated_slice_is_refused_as_badly_formatted(head_series: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for path in sorted(head_series.iterdir()):
        (folder / path.name).hardlink_to(path)
    broken = folder / "IM0088.dcm"
    content = broken.read_bytes()
    broken.unlink()
    broken.write_bytes(content[: len(content) // 2])
    run = run_isolated("head-mask", folder, tmp_path / "out")
    assert run.outcome == RunOutcome.REFUSED
    assert (run.failure.reason.value, run.failure.check) == ("110521", "decodable")


def test_a_missing_slice_is_refused_as_an_incomplete_set(head_series: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for path in sorted(head_series.iterdir()):
        if path.name != "IM0088.dcm":
            (folder / path.name).hardlink_to(path)
    run = run_isolated("head-mask", folder, tmp_path / "out")
    assert run.outcome == RunOutcome.REFUSED
    assert (run.failure.reason.value, run.failure.check) == ("110523", "regular-slices")


def test_files_that_are_no_dicom_are_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "readme.txt").write_text("hello")
    run = run_isolated("head-mask", tmp_path / "in", tmp_path / "out")
    assert (run.outcome, run.failure.reason.value) == (RunOutcome.REFUSED, "110521")
    assert "readme" not in run.failure.text


def test_no_images_are_refused_as_an_incomplete_set(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    run = run_isolated("head-mask", tmp_path / "in", tmp_path / "out")
    assert (run.outcome, run.failure.reason.value) == (RunOutcome.REFUSED, "110523")


def test_a_t2_weighted_head_is_refused_by_the_network(head_series: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for path in sorted(head_series.iterdir()):
        image = pydicom.dcmread(path)
        image.EchoTime = "90"
        image.save_as(folder / path.name)
    run = run_isolated("brain-extraction", folder, tmp_path / "out")
    assert (run.outcome, run.failure.check) == (RunOutcome.REFUSED, "t1-like")


BLOCKER = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "deepbet"}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Blocker())
"""


def test_without_torch_the_network_says_what_to_install(
    head_series: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(BLOCKER)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    run = run_isolated("brain-extraction", head_series, tmp_path / "out")
    assert run.failure.kind == "not-installed"
    assert "pip install 'stepwell[ai]'" in run.failure.text
    assert run_isolated("head-mask", head_series, tmp_path / "out").outcome == RunOutcome.SUCCEEDED


def test_the_weights_are_those_that_the_description_names() -> None:
    for name, digest in engine("brain-extraction").describe().weights_sha256.items():
        assert hashlib.sha256((weights_directory() / name).read_bytes()).hexdigest() == digest


def test_every_engine_says_what_a_site_must_know() -> None:
    for found in engines():
        about = found.describe()
        assert "no medical device" in about.intended_use
        assert about.training_data
        assert about.limits
        assert about.licence
        assert about.workitem_codes
        assert all(figure.how and figure.data for figure in about.validation)
        assert missing_requirements(about) == ""


def test_an_engine_is_found_by_its_workitem_code_whatever_its_meaning() -> None:
    assert find_engine(Code("BRAINSEG", "99STEPWELL", "anything")) == "brain-extraction"
    assert find_engine(Code("HEADMASK", "99STEPWELL")) == "head-mask"
    assert find_engine(Code("BRAINSEG", "99OTHER")) is None


def test_other_weights_are_another_device() -> None:
    about = engine("brain-extraction").describe()
    import dataclasses

    changed = dataclasses.replace(about, weights_sha256={**about.weights_sha256, "model.pt": "0" * 64})
    assert changed.algorithm.device_uid != about.algorithm.device_uid
    assert about.algorithm.device_uid == engine("brain-extraction").describe().algorithm.device_uid


def test_describing_engines_loads_no_heavy_library() -> None:
    import subprocess

    code = (
        "import sys; from ai_engines import engines; [e.describe() for e in engines()]; "
        "print([m for m in ('torch', 'highdicom', 'pandas', 'nibabel') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_corrupt_study_is_refused(tmp_path: Path) -> None:
    corrupt_file(tmp_path / "in")
    assert run_isolated("head-mask", tmp_path / "in", tmp_path / "out").outcome == RunOutcome.REFUSED
