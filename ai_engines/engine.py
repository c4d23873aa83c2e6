"""What an engine is: it describes itself, selects a series, and turns it into results. It knows nothing of networks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ai_engines.images import Series, StudyImages
from profiles.air import AlgorithmIdentification, Results
from profiles.dicom import Code, code

Report = Callable[[int, str], None]
"""Called by an engine with its progress in percent and a few words."""

NO_MEDICAL_DEVICE = (
    "This engine is no medical device. It has not been cleared or approved by any authority, and its results must not "
    "be used for diagnosis or treatment."
)


@dataclass(frozen=True, slots=True)
class ValidationFigure:
    """A figure that was measured, on what, and how, so that a reader can judge and repeat it."""

    measure: str
    value: float
    data: str
    how: str


@dataclass(frozen=True, slots=True)
class EngineDescription:
    """Everything that a site should know of an engine before it uses it.

    Attributes:
        name: short and unique; also Algorithm Name in the results.
        version: of engine and weights together; also Algorithm Version.
        vendor: who answers for it; also the algorithm's manufacturer in the results.
        summary: one sentence.
        workitem_codes: Scheduled Workitem Codes that it serves.
        kind: how it works, e.g. ``neural network``.
        inputs: what it needs, in words.
        outputs: what it gives, in words.
        weights: where they come from, in words.
        weights_sha256: digest by file name.
        licence: of code and weights.
        training_data: what it was trained on, as far as is published.
        validation: figures measured on data that it was not trained on.
        limits: what it is known not to do.
        intended_use: what it is for, and what not.
        reference: the publication.
        requires: modules that must be importable to run it.
        extra: the extra of our package that brings them.
        family: CID 7162.
    """

    name: str
    version: str
    vendor: str
    summary: str
    workitem_codes: tuple[Code, ...]
    kind: str
    inputs: str
    outputs: str
    weights: str
    licence: str
    training_data: str
    limits: str
    weights_sha256: Mapping[str, str] = field(default_factory=dict)
    validation: tuple[ValidationFigure, ...] = ()
    intended_use: str = NO_MEDICAL_DEVICE
    reference: str = ""
    requires: tuple[str, ...] = ()
    extra: str = ""
    family: Code = field(default_factory=lambda: code("DCM", "123110"))

    @property
    def algorithm(self) -> AlgorithmIdentification:
        """How the results name it. The weights' digests make the Device UID, so other weights are another device."""
        return AlgorithmIdentification(
            name=self.name,
            version=self.version,
            manufacturer=self.vendor,
            build=" ".join(f"{name}:{digest}" for name, digest in sorted(self.weights_sha256.items())),
            family=self.family,
        )


class Engine(ABC):
    """An AI engine. One object processes one series; it runs in a process of its own (``ai_engines.run_isolated``)."""

    @abstractmethod
    def describe(self) -> EngineDescription:
        """What it is. Cheap: no model is loaded for it."""

    @abstractmethod
    def select(self, study: Sequence[Series]) -> Series:
        """The series to process, by headers alone.

        Raises:
            Refused: when none will do, with the reason for the series that came closest.
        """

    @abstractmethod
    def process(self, images: StudyImages, report: Report) -> Results:
        """Turn a series into results.

        Args:
            images: the selected series as a volume.
            report: to be called with progress, 0 to 100.

        Raises:
            Refused: when the input turns out unfit, or the output implausible.
        """
