"""Findings in codes (RAD TF-3 section 6.5.3.2), and the few words that go with them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from profiles.air.errors import require
from profiles.air.measurements import Confidence
from profiles.air.values import FindingSite, ImageReference, Tracking, require_code, require_text
from profiles.dicom import Code


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is there, or was looked for and is not (TID 1501; (121071, DCM) or (373572006, SCT)).

    Attributes:
        what: the finding, e.g. nodule.
        of: the identity of the thing, shared by its regions, segments and measurements.
        present: False when it was looked for and is absent.
        sites: where.
        category: Finding category (276214006, SCT), CID 7150.
        severity: CID 3716.
        confidence: how sure the algorithm is.
        images: the images that show it; the report names all that the algorithm was given when none are
            named and nothing is drawn.
    """

    what: Code
    of: Tracking
    present: bool = True
    sites: tuple[FindingSite, ...] = ()
    category: Code | None = None
    severity: Code | None = None
    confidence: Confidence | None = None
    images: tuple[ImageReference, ...] = ()

    def __post_init__(self) -> None:
        require_code(self.what, "Finding")
        for optional, what in ((self.category, "Finding category"), (self.severity, "Severity")):
            if optional is not None:
                require_code(optional, what)
        require(
            self.present or self.severity is None,
            f"{self.what.meaning} is absent and yet has a severity; leave the severity out (RAD TF-3 section 6.5.3.2).",
        )


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A coded answer to a coded question (TID 1501 row 11), about one thing or about the whole study.

    Attributes:
        question: e.g. severity.
        answer: e.g. moderate.
        of: the thing; the whole study when None (Qualitative Evaluations of TID 1500).
        modifiers: concept and value of each modifier of the answer (HAS CONCEPT MOD).
    """

    question: Code
    answer: Code
    of: Tracking | None = None
    modifiers: tuple[tuple[Code, Code], ...] = ()

    def __post_init__(self) -> None:
        require_code(self.question, "The question of an evaluation")
        require_code(self.answer, "The answer of an evaluation")
        for concept, value in self.modifiers:
            require_code(concept, "The concept of a modifier")
            require_code(value, "The value of a modifier")
        require(
            not self.question.same_as(Code("121071", "DCM")),
            "An evaluation asks for (121071, DCM) Finding; report a Finding instead (TID 1501 row 3b).",
        )


@dataclass(frozen=True, slots=True)
class Comment:
    """Free words beside the codes, never instead of them (TEXT (121106, DCM)); of a thing or of the whole study."""

    words: str
    of: Tracking | None = None

    def __post_init__(self) -> None:
        require_text(self.words, "A comment")


class Priority(StrEnum):
    """How soon a person should read the study; the values of Scheduled Procedure Step Priority (0074,1200)."""

    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"


@dataclass(frozen=True, slots=True)
class PriorityHint:
    """A hint how soon to read the study. No code of DICOM says this, so ours do, identified as local."""

    level: Priority
    reason: str = ""

    def __post_init__(self) -> None:
        require(
            self.level in tuple(Priority),
            f"The priority is {self.level!r}; PS3.4 Table CC.2.5-3 allows {', '.join(Priority)}.",
        )
        if self.reason:
            require_text(self.reason, "The reason of a priority hint")
