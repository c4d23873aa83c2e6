"""Rules for the header of reports and key objects: flags, order, evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pydicom import Dataset

from conformance.air.books import OBJECT
from conformance.air.reading import evidence_of, rows, uid_of, words
from conformance.air.result import COMPREHENSIVE_3D, Result
from conformance.rules import Breach

CURRENT, OTHER = "CurrentRequestedProcedureEvidenceSequence", "PertinentOtherEvidenceSequence"
_PREDECESSORS = "PredecessorDocumentsSequence"


@OBJECT.rule("AIR-031")
def _class(result: Result) -> Iterator[Breach]:
    if words(result.dataset, "SOPClassUID") != COMPREHENSIVE_3D:
        yield "SOPClassUID", "is no Comprehensive 3D SR"


def _one_of(dataset: Dataset, keyword: str, *allowed: str) -> Iterator[Breach]:
    found = words(dataset, keyword)
    if found not in allowed:
        yield keyword, f"is {found or 'absent'}"


@OBJECT.rule("AIR-032")
def _completion(result: Result) -> Iterator[Breach]:
    yield from _one_of(result.dataset, "CompletionFlag", "PARTIAL", "COMPLETE")


@OBJECT.rule("AIR-032-REASON")
def _reason_for_partial(result: Result) -> Iterator[Breach]:
    partial = words(result.dataset, "CompletionFlag") == "PARTIAL"
    if partial and not words(result.dataset, "CompletionFlagDescription"):
        yield "CompletionFlagDescription", "is absent or empty in a PARTIAL report"


@OBJECT.rule("AIR-033")
def _verification(result: Result) -> Iterator[Breach]:
    yield from _one_of(result.dataset, "VerificationFlag", "UNVERIFIED", "VERIFIED")


@OBJECT.rule("AIR-034")
def _machines_do_not_verify(result: Result) -> Iterator[Breach]:
    observers = [found.value for found in result.root.all_named("121005")]
    if words(result.dataset, "VerificationFlag") == "VERIFIED" and observers == ["121007"]:
        yield "VerificationFlag", "is VERIFIED, but the only observer is a device"


@OBJECT.rule("AIR-035")
def _verifier(result: Result) -> Iterator[Breach]:
    if words(result.dataset, "VerificationFlag") != "VERIFIED":
        return
    needed = ("VerifyingObserverName", "VerifyingOrganization", "VerificationDateTime")
    observers = rows(result.dataset, "VerifyingObserverSequence")
    if not observers or any(not words(row, keyword) for row in observers for keyword in needed):
        yield "VerifyingObserverSequence", "does not name person, organization and time"


@OBJECT.rule("AIR-036")
def _preliminary(result: Result) -> Iterator[Breach]:
    if "PreliminaryFlag" in result.dataset:
        yield from _one_of(result.dataset, "PreliminaryFlag", "PRELIMINARY", "FINAL")


@OBJECT.rule("AIR-036-ABSENT")
def _no_preliminary(result: Result) -> Iterator[Breach]:
    if "PreliminaryFlag" not in result.dataset:
        yield "PreliminaryFlag", "is absent"


@OBJECT.rule("AIR-037")
def _procedure_sequences(result: Result) -> Iterator[Breach]:
    for keyword in ("PerformedProcedureCodeSequence", "ReferencedPerformedProcedureStepSequence"):
        if keyword not in result.dataset:
            yield keyword, "is absent"


@OBJECT.rule("AIR-038")
def _request(result: Result) -> Iterator[Breach]:
    accession = words(result.dataset, "AccessionNumber")
    requests = rows(result.dataset, "ReferencedRequestSequence")
    if accession and not requests:
        yield "ReferencedRequestSequence", "is absent or empty"
    elif accession and accession not in {words(row, "AccessionNumber") for row in requests}:
        yield "ReferencedRequestSequence", "does not name the Accession Number of the study"


def evidence(result: Result) -> list[tuple[str, str, Dataset]]:
    """All evidence of a document: each reference with the UIDs of its study and series."""
    return [*evidence_of(result.dataset, CURRENT), *evidence_of(result.dataset, OTHER)]


@OBJECT.rule("AIR-039")
@OBJECT.rule("AIR-183")
def _evidence(result: Result) -> Iterator[Breach]:
    listed = {uid_of(row) for _, _, row in evidence(result)}
    missing = [(found, row) for found, row in result.references if uid_of(row) not in listed]
    if missing:
        found, row = missing[0]
        yield found.path, f"refers to {uid_of(row)}, which is no evidence ({len(missing)} such references)"


@OBJECT.rule("AIR-040")
def _unused_evidence(result: Result) -> Iterator[Breach]:
    used, own = {uid_of(row) for _, row in result.references}, words(result.dataset, "StudyInstanceUID")
    spare = [study for study, _, row in evidence(result) if study != own and uid_of(row) not in used]
    if spare:
        yield OTHER, f"lists {len(spare)} instances of other studies that the tree does not refer to"


@OBJECT.rule("AIR-041")
def _evidence_by_study(result: Result) -> Iterator[Breach]:
    own = words(result.dataset, "StudyInstanceUID")
    requested = {words(row, "StudyInstanceUID") for row in rows(result.dataset, "ReferencedRequestSequence")}
    if any(study not in {own, *requested} for study, _, _ in evidence_of(result.dataset, CURRENT)):
        yield CURRENT, "holds instances of a study that no request names"
    if any(study == own for study, _, _ in evidence_of(result.dataset, OTHER)):
        yield OTHER, "holds instances of the own study"


def _incomplete(references: list[tuple[str, str, Dataset]]) -> int:
    """How many of the references do not name study, series, class and instance."""
    return sum(
        not (study and series and words(row, "ReferencedSOPClassUID") and uid_of(row))
        for study, series, row in references
    )


@OBJECT.rule("AIR-042")
def _complete_evidence(result: Result) -> Iterator[Breach]:
    for keyword in (CURRENT, OTHER):
        number = _incomplete(evidence_of(result.dataset, keyword))
        if number:
            yield keyword, f"has {number} entries without study, series, class or instance"


@OBJECT.rule("AIR-042-TWICE")
def _evidence_once(result: Result) -> Iterator[Breach]:
    counted = Counter(uid_of(row) for _, _, row in evidence(result))
    twice = [uid for uid, count in counted.items() if uid and count > 1]
    if twice:
        yield CURRENT, f"lists {len(twice)} instances more than once"


@OBJECT.rule("AIR-044")
def _predecessors(result: Result) -> Iterator[Breach]:
    named = evidence_of(result.dataset, _PREDECESSORS)
    if _PREDECESSORS in result.dataset and (not named or _incomplete(named)):
        yield _PREDECESSORS, "does not name study, series, class and instance of each document"
    if any(uid_of(row) == result.uid for _, _, row in named):
        yield _PREDECESSORS, "names the document itself"
