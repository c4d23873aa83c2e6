"""Task Performers with one defect each in what they claim and what they report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectathon.bad_peers.defects import defect

if TYPE_CHECKING:
    from actors.shared.ups_client import UpsClient
    from actors.task_performer.owning import Ownership
    from actors.task_performer.work import Work
    from profiles.dicom import JsonDataset

ACTOR = "task_performer"


def wrap(owner: Any, name: str, around: Callable[[Any], Any]) -> None:
    """Put something else in the place of what a module or a class has under a name, made of what it had."""
    setattr(owner, name, around(getattr(owner, name)))


def ignore_guards(*ids: str) -> None:
    """Claims are not kept back by these guards any more."""
    from actors.task_performer import service

    def around(honest: Any) -> Any:
        return lambda workitem, station: [one for one in honest(workitem, station) if one.id not in ids]

    wrap(service, "objections", around)


def leave_out_key(keyword: str) -> None:
    """Searches of the worklist do not ask for an attribute any more."""
    from actors.shared.ups_client import UpsClient

    def around(honest: Any) -> Any:
        def search(self: UpsClient, matches: Mapping[str, str] | None = None, **options: Any) -> Any:
            return honest(self, {key: value for key, value in (matches or {}).items() if key != keyword}, **options)

        return search

    wrap(UpsClient, "search", around)


@defect("tp-claims-other-class", ACTOR, "claims work for another class of stations", fails=("AIWI-TP-001",))
def _claims_other_class() -> None:
    ignore_guards("AIWI-G-005")


@defect("tp-claims-other-organisation", ACTOR, "claims work for another organisation", fails=("AIWI-TP-001",))
def _claims_other_organisation() -> None:
    ignore_guards("AIWI-G-006")


@defect("tp-searches-any-state", ACTOR, "searches for work in every state", fails=("AIWI-TP-001",))
def _searches_any_state() -> None:
    leave_out_key("ProcedureStepState")


@defect("tp-reports-before-claim", ACTOR, "tells progress before its claim is granted", fails=("AIWI-TP-002",))
def _reports_before_claim() -> None:
    from actors.shared.ups_client import UpsClient
    from actors.task_performer.performed import progress
    from profiles.errors import StepwellError

    honest = UpsClient.claim

    def claim(self: UpsClient, uid: str, transaction_uid: str) -> None:
        with suppress(StepwellError):
            self.update(uid, progress(0, "about to begin"), None)
        honest(self, uid, transaction_uid)

    UpsClient.claim = claim  # type: ignore[method-assign]


@defect("tp-one-transaction-uid", ACTOR, "claims everything under one Transaction UID", fails=("AIWI-TP-003",))
def _one_transaction_uid() -> None:
    from actors.task_performer import service

    wrap(service, "new_uid", lambda _honest: lambda: "2.25.314159265358979323846264338327950288")


@defect("tp-malformed-transaction-uid", ACTOR, "makes Transaction UIDs that are no UIDs", fails=("AIWI-TP-003",))
def _malformed_transaction_uid() -> None:
    from actors.task_performer import service

    wrap(service, "new_uid", lambda honest: lambda: f"2.25.0{honest().rpartition('.')[2]}")


@defect("tp-works-after-refusal", ACTOR, "works on what it may not claim", fails=("AIWI-TP-004",))
def _works_after_refusal() -> None:
    from actors.task_performer import service
    from actors.task_performer.owning import Ownership

    def around(honest: Any) -> Any:
        def settle(*args: Any, **kwargs: Any) -> Ownership:
            honest(*args, **kwargs)
            return Ownership.MINE

        return settle

    wrap(service, "settle_claim", around)


@defect("tp-trusts-searches", ACTOR, "works on what a search tells of a workitem", fails=("AIWI-TP-005",))
def _trusts_searches() -> None:
    from actors.shared.ups_client import UpsClient
    from profiles.errors import NotFound

    def retrieve(self: UpsClient, uid: str) -> JsonDataset:
        found = self.search({"SOPInstanceUID": uid})
        if not found:
            raise NotFound("There is no such workitem.")
        return found[0]

    UpsClient.retrieve = retrieve  # type: ignore[method-assign]


@defect("tp-fetches-series", ACTOR, "retrieves whole series whatever is listed", warns=("AIWI-TP-006",))
def _fetches_series() -> None:
    from dataclasses import replace

    from actors.task_performer import work

    def around(honest: Any) -> Any:
        return lambda workitem, archives: [replace(one, instances=frozenset()) for one in honest(workitem, archives)]

    wrap(work, "planned", around)


@defect("tp-progress-backwards", ACTOR, "counts its progress down", warns=("AIWI-TP-007",))
def _progress_backwards() -> None:
    from actors.task_performer import owning

    wrap(owning, "progress", lambda honest: lambda percent, words: honest(99 - percent, words))


@defect("tp-progress-by-nobody", ACTOR, "tells progress without its Transaction UID", warns=("AIWI-TP-007",))
def _progress_by_nobody() -> None:
    from actors.shared.ups_client import UpsClient

    honest = UpsClient.update

    def update(self: UpsClient, uid: str, changes: JsonDataset, transaction_uid: str | None) -> None:
        honest(self, uid, changes, transaction_uid if "00741216" in changes or _is_reason(changes) else None)

    UpsClient.update = update  # type: ignore[method-assign]


def _is_reason(changes: JsonDataset) -> bool:
    return "0074100E" in str(changes)


def _spoil_performed(change: Callable[[JsonDataset], object]) -> None:
    """What was performed passes through a function before it is told."""
    from actors.task_performer import work

    def around(honest: Any) -> Any:
        def performed(*args: Any, **kwargs: Any) -> JsonDataset:
            told: JsonDataset = honest(*args, **kwargs)
            change(told["00741216"]["Value"][0])
            return told

        return performed

    wrap(work, "performed", around)


@defect("tp-ends-before-start", ACTOR, "ends its work before it begins", fails=("AIWI-TP-008",))
def _ends_before_start() -> None:
    def change(told: JsonDataset) -> None:
        told["00404051"]["Value"] = ["20200101000000"]

    _spoil_performed(change)


@defect(
    "tp-no-performed-code",
    ACTOR,
    "does not say what it performed",
    fails=("AIWI-TP-008",),
    warns=("AIWI-TP-024",),  # a worklist that looks, as its own does, lets no such workitem be completed
)
def _no_performed_code() -> None:
    def change(told: JsonDataset) -> None:
        told["00404019"] = {
            "vr": "SQ",
            "Value": [{"00080100": {"vr": "SH", "Value": ["HEADMASK"]}, "00080104": {"vr": "LO", "Value": ["Head"]}}],
        }

    _spoil_performed(change)


@defect(
    "tp-no-outputs",
    ACTOR,
    "lists no outputs",
    fails=("AIWI-TP-008",),
    warns=("AIWI-TP-019", "AIWI-TP-024"),
)
def _no_outputs() -> None:
    def change(told: JsonDataset) -> None:
        told["00404033"] = {"vr": "SQ"}

    _spoil_performed(change)


@defect("tp-lists-half", ACTOR, "lists all outputs but one", warns=("AIWI-TP-019",))
def _lists_half() -> None:
    _spoil_performed(lambda told: told["00404033"]["Value"].pop())


@defect("tp-lists-others", ACTOR, "lists an output that it never stored", warns=("AIWI-TP-019",))
def _lists_others() -> None:
    def change(told: JsonDataset) -> None:
        told["00404033"]["Value"][0]["00081199"]["Value"].append(
            {
                "00081150": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.66.4"]},
                "00081155": {"vr": "UI", "Value": ["2.25.1618033988749894848204586834"]},
            }
        )

    _spoil_performed(change)


@defect("tp-completes-first", ACTOR, "completes before it stores", warns=("AIWI-TP-009",))
def _completes_first() -> None:
    from actors.shared.dicomweb import Archive
    from actors.task_performer.journal import Phase
    from actors.task_performer.steps import Step
    from actors.task_performer.work import Work

    honest = Work._complete

    def store(self: Work) -> None:
        self._reach(self._record.at(Phase.STORED, ended_at=self._means.clock()), Step.STORED)

    def complete(self: Work) -> None:
        honest(self)
        with Archive(self._destination()) as archive:
            archive.store([self._folder / "objects" / one.file for one in self._record.outputs])

    Work._store, Work._complete = store, complete  # type: ignore[method-assign]


@defect("tp-completes-twice", ACTOR, "completes what it has completed", fails=("AIWI-TP-010",))
def _completes_twice() -> None:
    from actors.shared.ups_client import UpsClient

    honest = UpsClient.complete

    def complete(self: UpsClient, uid: str, transaction_uid: str) -> None:
        honest(self, uid, transaction_uid)
        honest(self, uid, transaction_uid)

    UpsClient.complete = complete  # type: ignore[method-assign]


@defect("tp-bad-report", ACTOR, "stores reports that do not name their template", warns=("AIWI-TP-021",))
def _bad_report() -> None:
    _spoil_stored("SR", lambda made: made.pop("ContentTemplateSequence", None))


@defect("tp-wrong-frame", ACTOR, "stores segmentations in a frame of reference of their own", warns=("AIWI-TP-021",))
def _wrong_frame() -> None:
    def change(made: Any) -> None:
        made.FrameOfReferenceUID = "2.25.271828182845904523536028747135"

    _spoil_stored("SEG", change)


def _spoil_stored(modality: str, change: Callable[[Any], object]) -> None:
    """Objects of a modality pass through a function before they are stored."""
    import pydicom

    from actors.shared.dicomweb import Archive

    honest = Archive.store

    def store(self: Archive, paths: Sequence[Path], study: str | None = None) -> None:
        for path in paths:
            made = pydicom.dcmread(path)
            if made.Modality == modality:
                change(made)
                made.save_as(path)
        honest(self, paths, study)

    Archive.store = store  # type: ignore[method-assign]
