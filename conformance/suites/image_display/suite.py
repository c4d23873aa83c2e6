"""The suite of the Image Display: each row of its table prepares a study, and asks what a person sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from conformance.harness.declaration import Declaration, Strict
from conformance.harness.model import Case, Suite
from conformance.harness.registry import catalogue, in_order
from conformance.harness.trial import Trial
from conformance.partners import objects, reports_shown
from conformance.partners.dicomweb import DicomWeb
from conformance.partners.http import RecordingClient
from profiles.tables import read_table


class Archive(Strict):
    """The ``[archive]`` table: the DICOMweb archive that the display reads, into which the harness stores studies."""

    base_url: str


class ImageDisplay(Declaration):
    """A system that plays the Image Display."""

    archive: Archive


class Viewing:
    """The archive behind the display."""

    def __init__(self, declared: ImageDisplay) -> None:
        """Nothing is sent yet."""
        self.http = RecordingClient(declared.archive.base_url)
        self.web = DicomWeb(self.http)

    def begin(self, trial: Trial) -> None:
        """What is stored from now on is that trial's evidence."""
        self.http.trial = trial

    def end(self) -> None:
        """No trial is on."""
        self.http.trial = None


@contextmanager
def stage(declared: ImageDisplay) -> Iterator[Viewing]:
    """The archive, for the length of a run."""
    viewing = Viewing(declared)
    try:
        yield viewing
    finally:
        viewing.http.close()


def _body(row: dict[str, str]) -> Callable[[Trial, Viewing], None]:
    def look(trial: Trial, viewing: Viewing) -> None:
        made = reports_shown.shown(row["study"])
        answer = viewing.web.store([objects.as_file(one) for one in made.datasets])
        if not answer.ok:
            trial.skip(f"the archive did not take the study ({answer.words})")
        values = {
            "patient": made.study.patient_name,
            "accession": made.study.accession,
            "other": made.other,
            "words": reports_shown.WORDS,
        }
        seen = trial.ask(
            "look",
            row["look"].format(**values),
            row["question"].format(**values),
            row=row["id"],
            study=made.study.uid,
            accession=made.study.accession,
        )
        trial.must(seen, row["question"].format(**values), "the person at the display says no", answer.evidence)

    return look


CASES = tuple(
    Case(
        catalogue()[row["id"]],
        f"A person looks: {row['question']}".replace("{patient}, {words}", "the order's"),
        _body(row),
        option=row["option"],
        leaves="a study of a patient who does not exist, in the archive",
        limit_seconds=1800,
    )
    for row in read_table("conformance", "display_rows")
)
SUITE = Suite("image_display", "Image Display", ImageDisplay, stage, in_order(CASES))
