"""Task Performers with one defect each in what they do in trouble, how they hear of work, and how much they take."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from connectathon.bad_peers.defects import defect
from connectathon.bad_peers.spoiling import Exchange, spoil_answers
from connectathon.bad_peers.task_performer import ACTOR, ignore_guards, leave_out_key, wrap

if TYPE_CHECKING:
    from actors.shared.ups_watch import EventReport
    from actors.task_performer.failing import Reason
    from actors.task_performer.listening import Listening
    from actors.task_performer.owning import Owned
    from actors.task_performer.service import TaskPerformer
    from actors.task_performer.work import Work


def _never_cancels(kind: str) -> None:
    """Work that fails in a way is set aside, and nobody hears of it."""
    from actors.task_performer.failing import GivenUp
    from actors.task_performer.work import Work

    honest = Work._note_failure

    def note(self: Work, reason: Reason) -> None:
        if reason.kind == kind:
            raise GivenUp(reason.text)
        honest(self, reason)

    Work._note_failure = note  # type: ignore[method-assign]


@defect("tp-keeps-unreadable", ACTOR, "never cancels work on images it cannot read", fails=("AIWI-TP-011",))
def _keeps_unreadable() -> None:
    _never_cancels("input-unreadable")


@defect("tp-keeps-missing", ACTOR, "never cancels work on images that are missing", fails=("AIWI-TP-012",))
def _keeps_missing() -> None:
    _never_cancels("input-missing")


@defect("tp-no-reason", ACTOR, "cancels without a coded reason when images are no use", fails=("AIWI-TP-011",))
def _no_reason() -> None:
    from actors.task_performer import owning

    def around(honest: Any) -> Any:
        def discontinued(reason: Reason, percent: int, at: Any) -> Any:
            told = honest(reason, percent, at)
            if reason.kind == "input-unreadable":
                told["00741002"]["Value"][0].pop("0074100E")
            return told

        return discontinued

    wrap(owning, "discontinued", around)


@defect("tp-claims-incomplete", ACTOR, "claims work whose inputs are not ready", warns=("AIWI-TP-013",))
def _claims_incomplete() -> None:
    ignore_guards("AIWI-G-002")
    leave_out_key("InputReadinessState")


@defect("tp-two-ends", ACTOR, "completes what it has canceled on request", fails=("AIWI-TP-014",))
def _two_ends() -> None:
    from actors.task_performer.work import Work
    from profiles.errors import StepwellError

    honest = Work._cancel

    def cancel(self: Work, reason: Reason) -> None:
        honest(self, reason)
        if reason.kind == "cancel-requested":
            with suppress(StepwellError):
                client = self._means.client_of(self._record.workitem_uid)
                client.complete(self._record.workitem_uid, self._record.transaction_uid)

    Work._cancel = cancel  # type: ignore[method-assign]


@defect("tp-deaf", ACTOR, "subscribes and does not listen", warns=("AIWI-TP-015",))
def _deaf() -> None:
    from actors.task_performer.listening import Listening

    honest = Listening._take

    def take(self: Listening, event: EventReport) -> None:
        if event.kind == "cancel-requested":
            honest(self, event)

    Listening._take = take  # type: ignore[method-assign]


@defect("tp-takes-all-assigned", ACTOR, "claims whatever an event says is assigned", warns=("AIWI-TP-016",))
def _takes_all_assigned() -> None:
    from actors.task_performer import service
    from actors.task_performer.listening import Listening
    from profiles.dicom import text

    honest = Listening._take
    seen: list[str] = []

    def take(self: Listening, event: EventReport) -> None:
        if event.kind == "assigned":
            seen.append(event.workitem_uid)
        honest(self, event)

    def around(judged: Any) -> Any:
        def objections(workitem: Any, station: Any) -> list[Any]:
            free = (
                seen.count(text(workitem, "SOPInstanceUID")) > 1
            )  # it is not new that it is assigned but that to whom
            return [one for one in judged(workitem, station) if not (free and one.id == "AIWI-G-004")]

        return objections

    Listening._take = take  # type: ignore[method-assign]
    wrap(service, "objections", around)


@defect("tp-forgets-completion", ACTOR, "asks for completion once, and takes no answer for yes", warns=("AIWI-TP-017",))
def _forgets_completion() -> None:
    from actors.task_performer.owning import Owned
    from profiles.errors import Unavailable

    honest = Owned.complete

    def complete(self: Owned) -> None:
        with suppress(Unavailable):
            honest(self)

    Owned.complete = complete  # type: ignore[method-assign]


@defect("tp-too-many", ACTOR, "works on one more than it says", warns=("AIWI-TP-018",))
def _too_many() -> None:
    from actors.task_performer.service import TaskPerformer

    honest = TaskPerformer.__init__

    def init(self: TaskPerformer, means: Any, engines: Any) -> None:
        more = means.settings.model_copy(update={"slots": means.settings.slots + 1})
        honest(self, replace(means, settings=more), engines)

    TaskPerformer.__init__ = init  # type: ignore[method-assign]


@defect("tp-forgets-claims", ACTOR, "knows nothing of its claims after a crash", warns=("AIWI-TP-020",))
def _forgets_claims() -> None:
    from actors.task_performer.journal import Journal

    wrap(Journal, "records", lambda _honest: lambda _self: [])


@defect("tp-busy-loop", ACTOR, "asks for work without a pause", warns=("AIWI-TP-023",))
def _busy_loop() -> None:
    from actors.task_performer.service import TaskPerformer

    def pause(self: TaskPerformer, seconds: float) -> None:
        del seconds
        self._stopped.wait(0.02)

    TaskPerformer._pause = pause  # type: ignore[method-assign]


@defect("tp-push-200", ACTOR, "answers 200 to a workitem that is pushed to it", warns=("AIWI-TP-024",))
def _push_200() -> None:
    def change(exchange: Exchange) -> None:
        if exchange.method == "POST" and exchange.path.endswith("/workitems") and exchange.ok:
            exchange.status = 200

    spoil_answers(change)


@defect("tp-push-cancel-500", ACTOR, "fails when a pushed workitem is to be canceled", warns=("AIWI-TP-024",))
def _push_cancel_500() -> None:
    def change(exchange: Exchange) -> None:
        if exchange.path.endswith("/cancelrequest"):
            exchange.status, exchange.body = 500, b""

    spoil_answers(change)
