"""What a picture says of itself: who made it, on which study, and how far it may be relied on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from profiles.air import AlgorithmIdentification, ResultContext, Standing

NOTE = "Not a medical device. Not for diagnosis: made by an algorithm, look at the images themselves."


@dataclass(frozen=True, slots=True)
class Caption:
    """What stands at the head of a picture.

    Attributes:
        algorithm: what made the results.
        study_instance_uid: the study.
        accession_number: the order; unknown when empty.
        standing: the flags of the report.
        made_at: when the results were made, as words.
        patient: name and identifier; drawn only when asked for.
    """

    algorithm: AlgorithmIdentification
    study_instance_uid: str
    accession_number: str = ""
    standing: Standing = field(default_factory=Standing)
    made_at: str = ""
    patient: str = ""

    def lines(self, with_patient: bool) -> Iterator[tuple[str, str]]:
        """The head's lines: what each says, and its words."""
        if with_patient:
            yield "Patient", self.patient or "not known"
        yield "Accession Number", self.accession_number or "not known"
        yield "Study Instance UID", self.study_instance_uid
        yield "Algorithm", f"{self.algorithm.name} {self.algorithm.version}, {self.algorithm.manufacturer}"
        if self.made_at:
            yield "Made at", self.made_at
        yield "Standing", "; ".join(_flags(self.standing))


def caption_of(context: ResultContext, algorithm: AlgorithmIdentification) -> Caption:
    """The caption of results that are tied to a context."""
    found = context.attributes
    orders = [str(request.get("AccessionNumber", "") or "") for request in context.requests]
    own = str(found.get("AccessionNumber", "") or "")
    name = str(found.get("PatientName", "") or "").split("=")[0].replace("^", " ").strip()
    identifier = str(found.get("PatientID", "") or "")
    return Caption(
        algorithm,
        context.study_instance_uid,
        ", ".join(dict.fromkeys(filter(None, [own, *orders]))),
        context.standing,
        context.content_moment().strftime("%Y-%m-%d %H:%M:%S %z"),
        ", ".join(filter(None, [name, identifier])),
    )


def _flags(standing: Standing) -> Iterator[str]:
    yield "complete" if standing.complete else f"PARTIAL: {standing.incomplete_because}"
    yield "PRELIMINARY" if standing.preliminary else "final, not to be replaced by the algorithm"
    word = standing.verification
    if word is None:
        yield "UNVERIFIED, no person answers for it"
    else:
        yield f"verified by {word.observer.replace('^', ' ').strip()}, {word.organization}, {word.at:%Y-%m-%d %H:%M %z}"
