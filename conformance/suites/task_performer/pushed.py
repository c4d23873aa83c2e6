"""A Task Performer that serves a worklist of its own: the harness is the Task Manager that pushes into it (push)."""

from __future__ import annotations

import json
from urllib.parse import urljoin

from conformance.harness import Trial, shows
from conformance.partners.attributes import Attributes, text, values
from conformance.partners.channel import Channel
from conformance.partners.http import Answer, RecordingClient
from conformance.partners.objects import new_uid
from conformance.partners.steps import CANCELED, COMPLETED, FINAL, IN_PROGRESS
from conformance.partners.ups_requests import GLOBAL
from conformance.suites.task_performer.declared import PUSH
from conformance.suites.task_performer.stage import LEAVES, Performing, Scene

JSON = "application/dicom+json"
_OUTPUTS = "UnifiedProcedureStepPerformedProcedureSequence.OutputInformationSequence"


class Pushing:
    """The worklist of the system under test, and what it tells of it.

    Args:
        trial: the test that is on.
        performing: the stage.
    """

    def __init__(self, trial: Trial, performing: Performing) -> None:
        self._trial, self._performing = trial, performing
        self._ae_title = performing.declared.harness.ae_title
        self._web = RecordingClient(performing.declared.push.base_url)
        self._web.trial = trial
        trial.defer(self._web.close)
        self.channel = self._subscribed()

    def create(self, scene: Scene) -> str:
        """Push a workitem; its UID."""
        uid, archive = new_uid(), self._performing.archive
        archive.keep(*scene.series)
        answer = self._send("POST", "/workitems", f"workitem={uid}", self._performing.workitem(scene))
        self._trial.require(answer.status == 201, "a pushed workitem is created", answer.words, answer.evidence)  # noqa: PLR2004
        return uid

    def read(self, uid: str) -> tuple[Attributes, str]:
        """The workitem as it is now, and the evidence of it."""
        answer = self._send("GET", f"/workitems/{uid}")
        self._trial.require(answer.ok, "a pushed workitem can be read", answer.words, answer.evidence)
        found = answer.json()
        content = found[0] if isinstance(found, list) and found else found
        return (content if isinstance(content, dict) else {}), answer.evidence

    def ask_to_cancel(self, uid: str) -> Answer:
        """Request cancellation."""
        return self._send("POST", f"/workitems/{uid}/cancelrequest", f"requester={self._ae_title}")

    def await_state(self, uid: str, *states: str) -> bool:
        """Wait until an event tells of one of some states; whether it came."""
        received = self.channel.received
        longest = self._performing.declared.timing.work_seconds
        return bool(self._trial.wait_for(lambda: set(received.states(uid)) & set(states), longest))

    def proof(self, uid: str) -> list[str]:
        """Ids of the events of a workitem."""
        return [one.evidence for one in self.channel.received.of(uid)]

    def _subscribed(self) -> Channel:
        path = f"/workitems/{GLOBAL}/subscribers/{self._ae_title}"
        asked = f"requester={self._ae_title}"
        answer = self._send("POST", path, f"deletionlock=false&{asked}")
        self._trial.require(answer.status == 201, "a global subscription is taken", answer.words, answer.evidence)  # noqa: PLR2004
        self._trial.defer(lambda: self._send("DELETE", path, asked))
        told = answer.headers.get("content-location") or answer.headers.get("location", "")
        self._trial.require(told, "it is told where the notification connection is", "it is not", answer.evidence)
        return Channel(self._trial, urljoin(self._web.base.replace("http", "ws", 1) + "/", told))

    def _send(self, method: str, path: str, query: str = "", dataset: Attributes | None = None) -> Answer:
        headers = {"Accept": JSON, **({"Content-Type": JSON} if dataset is not None else {})}
        body = None if dataset is None else json.dumps([dataset]).encode()
        return self._web.send(method, path, query=query, headers=headers, body=body)


@shows(
    "AIWI-TP-024",
    "A pushed workitem is performed, its states are told, and a request to cancel is honoured or refused",
    option=PUSH,
    leaves=LEAVES,
    limit_seconds=1800,
)
def pushed(trial: Trial, performing: Performing) -> None:
    """AIWI-TP-024."""
    trial.require(performing.declared.push.base_url, "[push] base_url is declared with the option push", "it is not")
    worklist = Pushing(trial, performing)
    trial.step("push a workitem, and see it through to its end")
    uid = worklist.create(performing.scene())
    worklist.await_state(uid, *FINAL)
    content, read = worklist.read(uid)
    states = worklist.channel.received.states(uid)
    proof = [*worklist.proof(uid), read]
    trial.must(text(content, "ProcedureStepState") == COMPLETED, "it is performed", f"{states}", proof)
    changes = [one for one in states if one != "SCHEDULED"]
    trial.must(
        changes == [IN_PROGRESS, COMPLETED], "each change of its state is told once, in order", f"{changes}", proof
    )
    listed = values(content, f"{_OUTPUTS}.ReferencedSOPSequence")
    trial.must(listed, "its outputs are listed when it is COMPLETED", "none is", proof)
    _judge_cancel(trial, performing, worklist)


def _judge_cancel(trial: Trial, performing: Performing, worklist: Pushing) -> None:
    trial.step("push another one, hold back its images, and ask that it be canceled")
    performing.archive.hold()
    uid = worklist.create(performing.scene())
    begun = worklist.await_state(uid, IN_PROGRESS)
    trial.require(begun, "the other one is claimed", "no event tells so", worklist.proof(uid))
    answer = worklist.ask_to_cancel(uid)
    trial.must(answer.status in {202, 409}, "the request is answered with 202 or 409", answer.words, answer.evidence)
    trial.must(
        answer.status != 409 or answer.warning or answer.body,  # noqa: PLR2004 - a conflict
        "a refusal has a reason",
        answer.words,
        answer.evidence,
    )
    performing.archive.release()
    ended = worklist.await_state(uid, *FINAL)
    states = worklist.channel.received.states(uid)
    trial.must(ended, "it comes to its end, and this is told", f"{states}", worklist.proof(uid))
    final = [one for one in states if one in FINAL]
    trial.must(len(final) <= 1, "there is one final state", f"{final}", worklist.proof(uid))
    if answer.ok:
        honoured = "honoured" if final == [CANCELED] else "taken, and the work went on"
        trial.note(f"the request to cancel was {honoured}", worklist.proof(uid))
