"""The partners around a Task Performer: a worklist that gives it work, and an archive to take from and store to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from conformance.harness.trial import Trial
from conformance.partners import images
from conformance.partners.archive import Held, ImageArchive
from conformance.partners.attributes import Attributes, code, codes, put
from conformance.partners.images import Series
from conformance.partners.manager import Manager
from conformance.partners.manager_dimse import DimseManager
from conformance.partners.objects import Study, new_uid
from conformance.partners.simulating import Exchange
from conformance.partners.steps import COMPLETED, FINAL, IN_PROGRESS, Item
from conformance.partners.ups_requests import kind_of
from conformance.suites.task_performer.declared import TaskPerformer
from profiles.tables import read_table

LEAVES = "what the system keeps of the workitems that it has performed"
Changes = Mapping[str, object]
URGENT: Changes = {
    "ScheduledProcedureStepPriority": "HIGH",
    "ScheduledProcedureStepStartDateTime": "20260101000000",
}
OTHER_STATION = "SOMEBODY_ELSE"
_NOBODY = "the system under test asked the harness for nothing; does it run, and does it know the declared addresses?"
_SETTLING_SECONDS = 8.0
_COMPANION_SLICES, _COMPANION_LISTED = 4, 3


@dataclass(frozen=True, slots=True)
class Scene:
    """A study in the archive, and what of it a workitem lists.

    Attributes:
        study: patient and study.
        series: everything that the archive has.
        listed: the series that the workitem lists, each with the instances that it lists.
    """

    study: Study
    series: tuple[Series, ...]
    listed: tuple[tuple[Series, tuple[str, ...]], ...]

    @property
    def instances(self) -> frozenset[str]:
        """SOP Instance UIDs of everything that the workitem lists."""
        return frozenset(uid for _, uids in self.listed for uid in uids)


@dataclass(frozen=True, slots=True)
class Run:
    """One workitem from its scheduling to its end, as it was seen; several tests judge it.

    Attributes:
        scene: what was worked on.
        item: the workitem as it was last.
        worklist: every request to the worklist.
        archive: every request to the archive.
        stored: every instance that was stored.
    """

    scene: Scene
    item: Item
    worklist: tuple[Exchange, ...]
    archive: tuple[Exchange, ...]
    stored: tuple[Held, ...]


class Performing:
    """The stage: what a test scripts and sees."""

    def __init__(self, declared: TaskPerformer) -> None:
        """Listens where the declaration says."""
        harness = declared.harness
        self.declared = declared
        self.archive = ImageArchive(harness.host, harness.archive_port)
        self.dimse: DimseManager | None = None
        with ExitStack() as opened:
            opened.callback(self.archive.close)
            self.manager = Manager(harness.host, harness.worklist_port)
            opened.callback(self.manager.close)
            if harness.dimse_port:
                self.dimse = DimseManager(self.manager, harness.host, harness.dimse_port, harness.ae_title)
                opened.callback(self.dimse.close)
            self._opened = opened.pop_all()
        self._seed = new_uid()
        self._number = 0
        self._kept: set[str] = set()
        self._trial: Trial | None = None
        self._ordinary: Run | None = None
        self._waited_in_vain = False

    def begin(self, trial: Trial) -> None:
        """A test begins."""
        self._trial = trial
        self.archive.begin(trial)
        self.manager.begin(trial)
        if self.dimse:
            self.dimse.begin(trial)

    def end(self) -> None:
        """What is still worked on may end; then it is taken away."""
        self.manager.end()
        self.archive.end()
        if self.dimse:
            self.dimse.end()
        end = time.monotonic() + _SETTLING_SECONDS
        while self.owned() and time.monotonic() < end:
            time.sleep(0.05)
        self.manager.remove(*self.manager.states)
        self._trial = None

    def close(self) -> None:
        """Listen no longer."""
        self._opened.close()

    @property
    def trial(self) -> Trial:
        """The test that is on."""
        if self._trial is None:
            raise RuntimeError("no test is on")
        return self._trial

    # -- giving work -------------------------------------------------------------------------------------------------

    def scene(self, *, photograph: bool = False) -> Scene:
        """A new study.

        Args:
            photograph: whether it has nothing but an image that is no use for the work.
        """
        self._number += 1
        study = images.new_study(f"{self._seed}-{self._number}")
        if photograph:
            only = images.photograph(study)
            return Scene(study, (only,), ((only, only.instances),))
        folder = self.declared.task.images
        main = images.copied(folder, study) if folder else [images.head(study)]
        companion, unlisted = (images.head(study, name, _COMPANION_SLICES) for name in ("companion", "unlisted"))
        listed = [(one, one.instances) for one in main]
        if self.declared.task.further_series:
            listed.append((companion, companion.instances[:_COMPANION_LISTED]))
        return Scene(study, (*main, companion, unlisted), tuple(listed))

    def workitem(self, scene: Scene) -> Attributes:
        """A workitem for the station and the work that the declaration names, as for N-CREATE."""
        task, study = self.declared.task, scene.study
        made: Attributes = {tag: {"vr": vr} for tag, vr in _empty()}
        put(made, "SpecificCharacterSet", "ISO_IR 192")
        put(made, "ProcedureStepState", "SCHEDULED")
        put(made, "InputReadinessState", "READY")
        put(made, "ScheduledProcedureStepPriority", "MEDIUM")
        put(made, "ScheduledProcedureStepStartDateTime", "20260105103000")
        put(made, "ProcedureStepLabel", "Work of the harness")
        put(made, "WorklistLabel", "HARNESS")
        put(made, "ScheduledWorkitemCodeSequence", code(*task.workitem_code))
        put(made, "ScheduledStationNameCodeSequence", code(task.ae_title, "L", "Station under test"))
        put(made, "StudyInstanceUID", study.uid)
        put(made, "PatientName", study.patient_name)
        put(made, "PatientID", study.patient_id)
        put(made, "PatientSex", "O")
        put(made, "ReferencedRequestSequence", _request(study))
        put(made, "InputInformationSequence", *(_input(one, uids, self.archive.url) for one, uids in scene.listed))
        storage = put({}, "StorageURL", f"{self.archive.url}/studies")
        put(made, "OutputDestinationSequence", put({}, "STOWRSStorageSequence", storage))
        return dict(sorted(made.items()))

    def schedule(
        self, scene: Scene | None = None, changes: Changes | None = None, *, missing: bool = False, refused: int = 0
    ) -> str:
        """Have a workitem on the worklist, and its images in the archive.

        Args:
            scene: what is to be worked on; a new one unless given.
            changes: attributes of the workitem by keyword that are different; a tuple for several values.
            missing: whether the images are not in the archive, so that the work ends soon.
            refused: status that the first claim is refused with, because somebody else was faster.

        Returns:
            UID of the workitem.
        """
        scene = scene or self.scene()
        if not missing and scene.study.uid not in self._kept:
            self.archive.keep(*scene.series)
            self._kept.add(scene.study.uid)
        made, uid = self.workitem(scene), new_uid()
        for keyword, value in (changes or {}).items():
            put(made, keyword, *(value if isinstance(value, tuple) else (value,)))
        if refused:
            self.manager.lose_race(uid, refused)
        return self.manager.add(made, uid)

    def sentinel(self, changes: Changes | None = None) -> str:
        """A workitem whose claim is refused, which shows that it was reached."""
        return self.schedule(None, changes, missing=True, refused=409)

    # -- seeing ------------------------------------------------------------------------------------------------------

    def state(self, uid: str) -> str:
        """Procedure Step State; empty when there is no such workitem."""
        return self.manager.states.get(uid, "")

    def claims(self, uid: str = "") -> list[Exchange]:
        """Every attempt to claim a workitem, or any."""
        return self.manager.of("state", uid, IN_PROGRESS)

    def endings(self, uid: str) -> list[Exchange]:
        """Every attempt to bring a workitem into a final state."""
        return sorted(
            (one for state in FINAL for one in self.manager.of("state", uid, state)),
            key=lambda one: one.request.number,
        )

    @property
    def claim_seconds(self) -> float:
        """How long it may take until a workitem is claimed; not long once nobody turned out to be there."""
        timing, limits = self.declared.timing, self.declared.limits
        if self._waited_in_vain and not self._heard:
            return limits.quiet_seconds
        return limits.reaction_seconds + 2 * max(timing.poll_seconds, timing.listening_poll_seconds)

    def await_claim(self, *uids: str) -> bool:
        """Wait until each of some workitems was to be claimed; whether that came to pass."""
        claimed = bool(self.trial.wait_for(lambda: all(self.claims(uid) for uid in uids), self.claim_seconds))
        self._waited_in_vain = self._waited_in_vain or not claimed
        return claimed

    def require_claim(self, *uids: str) -> None:
        """Wait until each of some workitems was to be claimed; without it the test makes no sense."""
        claimed = self.await_claim(*uids)
        self.require_life()
        self.trial.require(claimed, "the workitems for this station are claimed", "they are not")

    @property
    def _heard(self) -> bool:
        """Whether the system under test has ever asked for anything."""
        return bool(self.manager.heard or (self.dimse and self.dimse.heard))

    def require_life(self) -> None:
        """Nothing can be said of a system that has not asked for anything."""
        if not self._heard:
            self.trial.inconclusive(_NOBODY)

    def require_attention(self, *uids: str) -> None:
        """Wait until each of some workitems was to be claimed, or was rejected at once (AIW-I 50.4.2.4)."""
        self.trial.wait_for(
            lambda: all(self.claims(uid) or self.state(uid) in FINAL for uid in uids), self.claim_seconds
        )
        self.require_life()
        left = [uid for uid in uids if not self.claims(uid) and self.state(uid) not in FINAL]
        self.trial.require(not left, "the workitems are claimed or rejected", f"{len(left)} are neither")

    def await_end(self, uid: str, seconds: float = 0.0) -> str:
        """Wait until a workitem is in a final state; the state that it is in then."""
        self.trial.wait_for(lambda: self.state(uid) in FINAL, seconds or self.declared.timing.work_seconds)
        return self.state(uid)

    def about(self, scene: Scene) -> Callable[[Sequence[Exchange]], list[Exchange]]:
        """Which of some requests to the archive are about a study."""
        return lambda exchanges: [one for one in exchanges if scene.study.uid in one.request.path]

    def proof(self, *exchanges: Exchange) -> list[str]:
        """Ids of the evidence of exchanges with either partner."""
        found = []
        for one in exchanges:
            partner = self.archive if one.request.path.startswith("/studies") else self.manager
            found += partner.proof(self.trial, one)
        return found

    def proof_of(self, *stored: Held) -> list[str]:
        """Ids of the evidence of stored instances, of this test or of another."""
        name = self.trial.case.id
        return [
            one.evidence
            if one.evidence.startswith(f"{name}/")
            else self.trial.keep("dicom", f"stored {one.dataset.SOPClassUID.name}", one.file, "dcm")
            for one in stored
        ]

    def ordinary(self) -> Run:
        """One workitem from beginning to end without any trouble; it is performed once in a run of the suite."""
        if self._ordinary is None:
            trial, manager, archive = self.trial, self.manager, self.archive
            trial.step("schedule one workitem, and see it through to its end")
            manager.abbreviates = True
            scene = self.scene()
            uid = self.schedule(scene)
            if self.await_claim(uid):
                if self.await_end(uid) == COMPLETED:
                    trial.wait_for(lambda: archive.stored)
                self.await_claim(self.sentinel())
            stored, seen = tuple(archive.stored), tuple(manager.exchanges)
            self._ordinary = Run(scene, manager.item(uid), seen, tuple(archive.exchanges), stored)
        self.require_life()
        return self._ordinary

    def owned(self) -> list[str]:
        """Workitems that the system under test has claimed and not yet ended."""
        mine = {workitem_of(one) for one in self.claims() if one.ok}
        return [uid for uid, state in self.manager.states.items() if state == IN_PROGRESS and uid in mine]


def workitem_of(exchange: Exchange) -> str:
    """UID of the workitem that a request is about."""
    return kind_of(exchange.request)[1]


@contextmanager
def stage(declared: TaskPerformer) -> Iterator[Performing]:
    """The partners, for the length of a run."""
    found = Performing(declared)
    try:
        yield found
    finally:
        found.close()


def reason_of(content: Attributes) -> list[tuple[str, str]]:
    """Value and scheme of the reasons for which a workitem was discontinued."""
    return codes(content, "ProcedureStepProgressInformationSequence.ProcedureStepDiscontinuationReasonCodeSequence")


def _empty() -> Sequence[tuple[str, str]]:
    """Attributes that a new workitem has even when they are empty (PS3.4 Table CC.2.5-3, type 2)."""
    rows = read_table("profiles.ups", "ups_attributes")
    top = [row["keyword"] for row in rows if row["path"] == row["keyword"] and row["ncreate"].startswith("2/")]
    made: Attributes = {}
    for keyword in top:
        put(made, keyword)
    return [(tag, element["vr"]) for tag, element in made.items()]


def _request(study: Study) -> Attributes:
    made = put({}, "StudyInstanceUID", study.uid)
    put(made, "AccessionNumber", study.accession)
    for keyword in (
        "IssuerOfAccessionNumberSequence",
        "PlacerOrderNumberImagingServiceRequest",
        "OrderPlacerIdentifierSequence",
        "FillerOrderNumberImagingServiceRequest",
        "OrderFillerIdentifierSequence",
        "RequestedProcedureCodeSequence",
    ):
        put(made, keyword)
    put(made, "RequestedProcedureID", "1")
    return dict(sorted(put(made, "RequestedProcedureDescription", "Harness").items()))


def _input(series: Series, uids: Sequence[str], archive: str) -> Attributes:
    classes = {str(one.SOPInstanceUID): str(one.SOPClassUID) for one in series.images}
    made = put({}, "TypeOfInstances", "DICOM")
    put(made, "StudyInstanceUID", series.study)
    put(made, "SeriesInstanceUID", series.uid)
    references = [put(put({}, "ReferencedSOPClassUID", classes[uid]), "ReferencedSOPInstanceUID", uid) for uid in uids]
    put(made, "ReferencedSOPSequence", *references)
    url = put({}, "RetrieveURL", f"{archive}/studies/{series.study}/series/{series.uid}")
    return dict(sorted(put(made, "WADORSRetrievalSequence", url).items()))
