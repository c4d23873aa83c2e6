"""How results are stored when the archive takes them, takes some, refuses, or is not able to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pydicom import Dataset

from conformance.harness import Trial, shows
from conformance.partners.archive import ImageArchive
from conformance.partners.simulating import Exchange, Fault
from conformance.suites.evidence_creator.stage import Studio

_OK, _CONFLICT, _TOO_LARGE, _BUSY = 200, 409, 413, 503
_REFUSED = 0xA900
_WARNING, _OUT_OF_RESOURCES = 0xB000, 0xA700
_MULTIPART = "multipart/related"


@dataclass(frozen=True, slots=True)
class Answer:
    """How the archive answers, and whether the system may call that a success."""

    words: str
    success: bool
    script: Callable[[ImageArchive], object]


def _first_refused() -> Callable[[Dataset], int | None]:
    seen: list[str] = []

    def reason(dataset: Dataset) -> int | None:
        uid = str(dataset.SOPInstanceUID)
        seen.append(uid)
        return _REFUSED if uid == seen[0] else None

    return reason


_ANSWERS = (
    Answer("takes everything (200)", True, lambda archive: None),
    Answer("takes all but one instance (202)", False, lambda archive: archive.refuse(_first_refused())),
    Answer("takes none (409)", False, lambda archive: archive.refuse(lambda _dataset: _REFUSED)),
    Answer("finds it too large (413)", False, lambda archive: archive.fail(_always(archive, _TOO_LARGE))),
    Answer("is busy once (503)", True, lambda archive: archive.fail(_once(archive, _BUSY))),
)


@shows("AIR-EC-025", "Results are stored by STOW-RS, and only what was taken is called stored", option="stow")
def over_the_web(trial: Trial, studio: Studio) -> None:
    """AIR-EC-025."""
    archive = studio.archive
    if archive is None:
        trial.skip("the declaration has no [receiver] for the system to store to")
    for answer in _ANSWERS:
        archive.begin(trial)
        answer.script(archive)
        trial.step(f"have results stored while the archive {answer.words}")
        said = trial.ask(
            "store-results",
            f"Have the system store the results of one study to the DICOMweb archive {archive.url}.",
            "Does the system say that everything was stored?",
            url=archive.url,
            transport="stow",
        )
        stores = archive.of("store")
        trial.require(stores, f"the system stores (the archive {answer.words})", "no request came")
        proof = archive.proof(trial, *stores)
        trial.must(
            all(_is_legal(one) for one in stores), "requests are legal multipart/related with files in DICOM", "", proof
        )
        trial.must(
            said == answer.success,
            f"when the archive {answer.words}, the system {'succeeds' if answer.success else 'says that it failed'}",
            f"it says {'success' if said else 'failure'}",
            proof,
        )


@shows("AIR-EC-024", "Results are stored by C-STORE; warnings are accepted and failures told", option="store-dimse")
def over_dimse(trial: Trial, studio: Studio) -> None:
    """AIR-EC-024."""
    receiver = studio.receiver
    if receiver is None:
        trial.skip("the declaration has no [receiver] with a dimse_port for the system to store to")
    for words, status, success in (
        ("success (0000)", 0, True),
        ("a warning (B000)", _WARNING, True),
        ("out of resources (A700)", _OUT_OF_RESOURCES, False),
    ):
        receiver.status = status
        came = len(receiver.came)
        trial.step(f"have results stored while each C-STORE is answered by {words}")
        said = trial.ask(
            "store-results",
            f"Have the system store the results of one study to {receiver.ae_title} (port {receiver.port}).",
            "Does the system say that everything was stored?",
            host=receiver.host,
            port=str(receiver.port),
            ae_title=receiver.ae_title,
            transport="dimse",
        )
        got = receiver.came[came:]
        evidence = trial.keep("dimse", f"{len(got)} C-STORE, each answered by {words}", {"instances": len(got)}, "json")
        trial.require(got, f"the system stores (the answer is {words})", "no C-STORE came", evidence)
        trial.must(
            said == success,
            f"when the answer is {words}, the system {'succeeds' if success else 'says that it failed'}",
            f"it says {'success' if said else 'failure'}",
            evidence,
        )


def _always(archive: ImageArchive, status: int) -> Fault:
    return Fault(archive.when("store"), status=status, times=None)


def _once(archive: ImageArchive, status: int) -> Fault:
    return Fault(archive.when("store"), status=status)


def _is_legal(exchange: Exchange) -> bool:
    kind = exchange.request.headers.get("content-type", "")
    return (
        kind.lower().startswith(_MULTIPART) and "boundary=" in kind and exchange.request.body.rstrip().endswith(b"--")
    )
