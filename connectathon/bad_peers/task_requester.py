"""Task Requesters with one defect each in what they ask a worklist manager for."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from connectathon.bad_peers.defects import defect
from connectathon.bad_peers.order_receiver import ACTOR, put_instead
from profiles.dicom import JsonDataset, tag_of


def spoil_workitems(change: Callable[[JsonDataset], None]) -> None:
    """Every workitem passes through a function before it is created."""
    from actors.shared.ups_client import UpsClient

    honest = UpsClient.create

    def create(self: UpsClient, workitem: JsonDataset, uid: str | None = None) -> str:
        change(workitem)
        return honest(self, workitem, uid)

    UpsClient.create = create  # type: ignore[method-assign]


def _item(dataset: JsonDataset, sequence: str) -> JsonDataset:
    found: JsonDataset = dataset[tag_of(sequence)]["Value"][0]
    return found


@defect("tr-all-urgent", ACTOR, "routine orders become workitems of priority HIGH", warns=("HL7-107",))
def _all_urgent() -> None:
    def change(workitem: JsonDataset) -> None:
        workitem[tag_of("ScheduledProcedureStepPriority")]["Value"] = ["HIGH"]

    spoil_workitems(change)


@defect("tr-not-urgent", ACTOR, "urgent orders become workitems of priority MEDIUM", warns=("AIWI-TR-006", "HL7-107"))
def _not_urgent() -> None:
    def change(workitem: JsonDataset) -> None:
        workitem[tag_of("ScheduledProcedureStepPriority")]["Value"] = ["MEDIUM"]

    spoil_workitems(change)


@defect("tr-hasty", ACTOR, "does not wait for the rest of the images", fails=("HL7-109",), warns=("AIWI-TR-009",))
def _hasty() -> None:
    from actors.task_requester.following import Follower

    honest = Follower._look_at

    def look_at(self: Follower, row: Any, watch: Any) -> bool:
        watch.unchanged_since = float("-inf")
        watch.counts = _Anything()
        return honest(self, row, watch)

    Follower._look_at = look_at  # type: ignore[method-assign]


class _Anything(dict[str, dict[str, int]]):
    """Equal to whatever was counted."""

    __hash__ = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, dict)

    def __ne__(self, other: object) -> bool:
        return not self == other


@defect(
    "tr-lets-performers-work",
    ACTOR,
    "does not ask performers to cancel",
    fails=("HL7-103", "AIWI-TR-011"),
    warns=("AIWI-TR-012",),
)
def _lets_performers_work() -> None:
    from actors.shared.ups_client import UpsClient
    from profiles.dicom import text

    honest = UpsClient.request_cancel

    def request_cancel(self: UpsClient, uid: str, *args: Any, **said: Any) -> None:
        if text(self.retrieve(uid), "ProcedureStepState") == "SCHEDULED":
            honest(self, uid, *args, **said)

    put_instead(UpsClient, "request_cancel", request_cancel)


@defect("tr-no-accession", ACTOR, "workitems have no accession number", fails=("AIWI-TR-005", "HL7-102"))
def _no_accession() -> None:
    def change(workitem: JsonDataset) -> None:
        _item(workitem, "ReferencedRequestSequence")[tag_of("AccessionNumber")].pop("Value", None)

    spoil_workitems(change)


@defect("tr-plain-text", ACTOR, "sends workitems as text/plain", fails=("AIWI-TR-001",))
def _plain_text() -> None:
    import httpx

    honest = httpx.Client.request

    def request(self: httpx.Client, method: str, url: Any, **said: Any) -> httpx.Response:
        headers = dict(said.pop("headers", None) or {})
        if str(url).endswith("/workitems"):
            headers = {name: value for name, value in headers.items() if name.lower() != "content-type"}
            headers["Content-Type"] = "text/plain"
        return honest(self, method, url, headers=headers, **said)

    httpx.Client.request = request  # type: ignore[method-assign]


@defect("tr-type-2-missing", ACTOR, "leaves out attributes that may be empty", fails=("AIWI-TR-002",))
def _type_2_missing() -> None:
    spoil_workitems(lambda workitem: workitem.pop(tag_of("ProcedureStepProgressInformationSequence"), None) and None)


@defect("tr-no-work-code", ACTOR, "does not say what is to be done", fails=("AIWI-TR-003",))
def _no_work_code() -> None:
    spoil_workitems(lambda workitem: workitem[tag_of("ScheduledWorkitemCodeSequence")].pop("Value", None) and None)


@defect("tr-archive-of-another", ACTOR, "names an archive that does not have the images", fails=("AIWI-TR-004",))
def _archive_of_another() -> None:
    def change(workitem: JsonDataset) -> None:
        url = _item(_item(workitem, "InputInformationSequence"), "WADORSRetrievalSequence")[tag_of("RetrieveURL")]
        url["Value"] = [re.sub(r"//[^/]+", "//archive.invalid", url["Value"][0])]

    spoil_workitems(change)


@defect("tr-no-destination", ACTOR, "does not say where results are to be stored", warns=("AIWI-TR-010",))
def _no_destination() -> None:
    spoil_workitems(lambda workitem: workitem.pop(tag_of("OutputDestinationSequence"), None) and None)


@defect("tr-gives-up", ACTOR, "does not try again what got no answer", warns=("AIWI-TR-007",))
def _gives_up() -> None:
    from actors.task_requester.publishing import Publisher
    from profiles.errors import Unavailable

    honest = Publisher._ask

    def ask(self: Publisher, row: Any) -> Any:
        try:
            return honest(self, row)
        except Unavailable as error:
            return self._refused(row, error)

    put_instead(Publisher, "_ask", ask)


@defect("tr-hammers", ACTOR, "repeats a request that was refused, again and again", warns=("AIWI-TR-007",))
def _hammers() -> None:
    from actors.task_requester.database import WorkitemState
    from actors.task_requester.publishing import Publisher

    honest = Publisher._ask

    def ask(self: Publisher, row: Any) -> Any:
        for _ in range(40):
            outcome = honest(self, row)
            if outcome[0] is not WorkitemState.REFUSED:
                break
        return outcome

    put_instead(Publisher, "_ask", ask)


@defect("tr-deaf-to-modifications", ACTOR, "does not report that a workitem was modified", warns=("AIWI-TR-008",))
def _deaf_to_modifications() -> None:
    from actors.task_requester import main

    put_instead(main, "log_modified", lambda _uid, _words: None)


@defect(
    "tr-cancels-itself",
    ACTOR,
    "changes the state of workitems that it wants cancelled",
    fails=("AIWI-TR-011", "HL7-103"),
)
def _cancels_itself() -> None:
    from actors.shared.ups_client import UpsClient
    from profiles.errors import StepwellError

    honest = UpsClient.request_cancel

    def request_cancel(self: UpsClient, uid: str, *args: Any, **said: Any) -> None:
        body: JsonDataset = {
            tag_of("ProcedureStepState"): {"vr": "CS", "Value": ["CANCELED"]},
            tag_of("TransactionUID"): {"vr": "UI", "Value": ["2.25.1"]},
        }
        with suppress(StepwellError):
            self._send("PUT", f"/workitems/{uid}/state", dataset=[body])
        honest(self, uid, *args, **said)

    UpsClient.request_cancel = request_cancel  # type: ignore[method-assign]


@defect("tr-silent-about-cancels", ACTOR, "does not say what became of a cancellation", warns=("AIWI-TR-012",))
def _silent_about_cancels() -> None:
    from actors.task_requester import publishing

    honest = publishing._log.info

    def info(event: str, **said: Any) -> None:
        if event != "cancel-requested":
            honest(event, **said)

    publishing._log = _Quiet(publishing._log, info)


class _Quiet:
    """A log of which one method is another."""

    def __init__(self, log: Any, info: Callable[..., None]) -> None:
        self._log, self.info = log, info

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)
