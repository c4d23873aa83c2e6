"""Brain extraction by the published network deepbet: a brain mask and the brain's volume."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ai_engines.bundled.head import head_mask
from ai_engines.bundled.measuring import of_volume, touches_border
from ai_engines.bundled.selection import choose
from ai_engines.checks import Check, Quantity, judge, read_checks
from ai_engines.engine import Engine, EngineDescription, Report, ValidationFigure
from ai_engines.images import Series, StudyImages
from ai_engines.refusal import Moment, Refused
from profiles.air import Mask, Measurement, Results, Segment, Segmentation, Tracking
from profiles.dicom import code

_WEIGHTS = {
    "model.pt": "de8ee7c69654d0dd3935dc4a5d84571d8ecf4637a6bfc01df399c4c2bc86e0fd",
    "bbox_model.pt": "39a7b2b5f799faa1391ea97bfcdc0b9299f20d84f2316a4ff8918dc4685e40aa",
}
_THREADS = 2
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])

_COLIN = (
    "Colin27 (ch2.nii.gz of Debian's mricron-data): one adult's head, 27 scans averaged, 1 mm. Not among the sources "
    "that the authors name (OpenNeuro); they publish no list by which this could be proven"
)
_HOW = (
    "converted to 181 axial MR instances, run as in operation, compared voxel by voxel with ch2bet.nii.gz above zero, "
    "which is itself the output of a classic tool and smaller than the brain with its outer fluid; "
    "tests/ai_engines/test_engine_validation.py measures it again"
)

VALIDATION = (
    ValidationFigure("Dice", 0.936, _COLIN, _HOW),
    ValidationFigure("part of the reference that is covered", 0.995, _COLIN, _HOW),
)


class BrainExtraction(Engine):
    """Brain against everything else in a T1-weighted head."""

    def describe(self) -> EngineDescription:
        """What it is."""
        return EngineDescription(
            name="brain-extraction",
            version="1.0.2",
            vendor="Stepwell",
            summary="Segments the brain in a T1-weighted MR head and measures its volume.",
            workitem_codes=(code("99STEPWELL", "BRAINSEG"),),
            kind="neural network",
            inputs="One T1-weighted MR series of a whole adult head with its skull, single-frame, regular slices.",
            outputs="A segmentation of the brain with its inner fluid spaces, and its volume in mL.",
            weights="deepbet 1.0.2 from PyPI (model.pt, bbox_model.pt), unchanged",
            weights_sha256=_WEIGHTS,
            licence="weights and network: MIT; this engine: Apache-2.0",
            training_data=(
                "By its authors, T1-weighted MR of adults from 191 OpenNeuro data sets: 7837 images in the published "
                "article, 568 in its preprint; which of them made these weights is not stated. Not checked by us."
            ),
            validation=VALIDATION,
            limits=(
                "Trained on healthy adults: tumours, operations, children and heads without skull are outside its "
                "training data. The mask follows the outer surface of the brain, so its volume includes ventricles "
                "and the fluid in sulci, and is larger than tissue alone. It answers any input; the checks of this "
                "engine refuse what is no head, but cannot notice every wrong answer."
            ),
            reference="L. Fisch et al., Computers in Biology and Medicine 179:108845, 2024",
            requires=("torch", "deepbet", "nibabel"),
            extra="ai",
        )

    def select(self, study: Sequence[Series]) -> Series:
        """A T1-weighted MR series of a head."""
        return choose(study, _checks())

    def process(self, images: StudyImages, report: Report) -> Results:
        """Mask and volume."""
        report(5, "reading images")
        volume = images.volume
        report(15, "checking that it is a head")
        head = head_mask(volume, images.spacing)
        judge(_checks(), Moment.INPUT, of_volume(images, head))
        report(20, "loading the network")
        started = time.monotonic()
        network = _load()
        load_seconds = time.monotonic() - started
        report(35, "segmenting")
        started = time.monotonic()
        mask = _segment(network, images)
        inference_seconds = time.monotonic() - started
        report(90, "checking the result")
        quantities = _of_result(mask, head, images)
        judge(_checks(), Moment.OUTPUT, quantities)
        figures = {
            "load_seconds": round(load_seconds, 3),
            "inference_seconds": round(inference_seconds, 3),
            **{name: value for name, value in quantities.items() if value is not None},
        }
        return _results(mask, images, figures)


@cache
def _checks() -> tuple[Check, ...]:
    return read_checks("ai_engines.bundled", "brain_extraction")


def weights_directory() -> Path:
    """Where the package ``deepbet`` keeps its weights: a folder ``data`` beside it.

    Raises:
        Refused: when the package is not installed.
    """
    found = find_spec("deepbet")
    if found is None or found.origin is None:
        raise Refused(
            code("DCM", "110527"), "deepbet is not installed. Run: pip install 'stepwell[ai]'", check="weights"
        )
    return Path(found.origin).parents[1] / "data" / "models"


def _load() -> Any:
    """The network with the weights that this engine describes.

    Raises:
        Refused: when the weights are others.
    """
    for name, digest in _WEIGHTS.items():
        path = weights_directory() / name
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            raise Refused(
                code("DCM", "110527"),
                f"The weights {name} are not those that this engine was validated with. "
                "Run: pip install --force-reinstall --no-deps deepbet==1.0.2",
                check="weights",
            )
    import torch
    from deepbet import BrainExtraction as Network

    torch.set_num_threads(_THREADS)
    return Network(no_gpu=True)


def _segment(network: Any, images: StudyImages) -> Mask:
    """The mask on the voxels of the source slices."""
    import nibabel as nib

    image = nib.Nifti1Image(images.volume, _LPS_TO_RAS @ images.affine)
    _, mask, _ = network.run(image)
    found: Mask = np.asarray(mask.dataobj) > 0
    return found


def _of_result(mask: Mask, head: Mask, images: StudyImages) -> dict[str, Quantity]:
    import cc3d

    count = int(mask.sum())
    if not count:
        return {
            "brain_ml": 0.0,
            "head_over_brain": None,
            "largest_component_share": None,
            "border_share": None,
            "inside_head_share": None,
        }
    labels = cc3d.connected_components(mask)
    return {
        "brain_ml": round(count * images.voxel_ml, 3),
        "head_over_brain": float(head.sum()) / count,
        "largest_component_share": float(np.bincount(labels[labels != 0]).max()) / count,
        "border_share": touches_border(mask),
        "inside_head_share": float((mask & head).sum()) / count,
    }


def _results(mask: Mask, images: StudyImages, figures: dict[str, Any]) -> Results:
    brain = Tracking("Brain")
    segment = Segment("Brain", code("SCT", "91723000"), code("SCT", "12738006"), mask, brain, colour=(255, 196, 0))
    return Results(
        segmentations=(
            Segmentation(
                segments=(segment,),
                source_instance_uids=images.source_instance_uids,
                content_label="BRAIN",
                description="Brain by deepbet",
            ),
        ),
        measurements=(Measurement(code("SCT", "118565006"), figures["brain_ml"], code("UCUM", "mL"), brain),),
        figures=figures,
    )
