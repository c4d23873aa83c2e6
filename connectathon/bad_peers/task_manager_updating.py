"""Task Managers with one defect each in updates and in requests to cancel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectathon.bad_peers.defects import defect
from connectathon.bad_peers.handling import Handling, forgive, in_state, lacking, spoil, with_sent
from connectathon.bad_peers.spoiling import Exchange, spoil_answers
from profiles.dicom import JsonDataset, item, items, put, put_items, text

if TYPE_CHECKING:
    from actors.shared.ups_face.answers import Answer

_TM = "task_manager"
_SCHEDULED, _IN_PROGRESS = "SCHEDULED", "IN PROGRESS"
_STATIONS = "ScheduledStationNameCodeSequence"


def _cancels(exchange: Exchange) -> bool:
    return exchange.method == "POST" and exchange.path.endswith("/cancelrequest")


# -- updates -----------------------------------------------------------------------------------------------------------


@defect("tm-comments-on-updates", _TM, "an update changes the comments too", fails=("AIWI-TM-026.rest",))
def _comments() -> None:
    def change(handling: Handling, changes: JsonDataset) -> JsonDataset:
        if handling.state == _SCHEDULED and text(changes, "ProcedureStepLabel"):
            put(changes, "CommentsOnTheScheduledProcedureStep", "updated")
        return changes

    with_sent("update", change)


@defect("tm-any-lock-will-do", _TM, "updates what is SCHEDULED under any Transaction UID", warns=("AIWI-TM-027.rest",))
def _any_lock() -> None:
    def answer(handling: Handling) -> Answer:
        return (handling.asked(()) if handling.state == _SCHEDULED else handling).go_on()

    spoil("update", answer)


@defect("tm-ignores-updates", _TM, "ignores the owner's new label, silently", fails=("AIWI-TM-028.rest",))
def _ignores() -> None:
    def change(handling: Handling, changes: JsonDataset) -> JsonDataset:
        return lacking(changes, "ProcedureStepLabel") if handling.state == _IN_PROGRESS else changes

    with_sent("update", change)


@defect("tm-updates-unlocked", _TM, "anybody updates what is IN PROGRESS", fails=("AIWI-TM-029.rest",))
def _unlocked() -> None:
    def answer(handling: Handling) -> Answer:
        is_free = handling.state == _IN_PROGRESS and not handling.ask.pairs
        return (handling.asked([("transaction-uid", handling.lock)]) if is_free else handling).go_on()

    spoil("update", answer)


@defect("tm-updates-the-past", _TM, "an update of what has ended is a success", fails=("AIWI-TM-030.rest",))
def _past() -> None:
    forgive("update", "final-not-updated", 200)


@defect("tm-ignores-the-state", _TM, "ignores a state in an update, silently", fails=("AIWI-TM-031.rest",))
def _state() -> None:
    with_sent("update", lambda _, changes: lacking(changes, "ProcedureStepState"))


@defect("tm-state-by-update", _TM, "an update can complete a workitem", fails=("AIWI-TM-031.rest",))
def _state_by_update() -> None:
    def answer(handling: Handling) -> Answer:
        changes = handling.ask.dataset()
        if state := text(changes, "ProcedureStepState"):
            in_state(handling, state)
        return handling.sent(lacking(changes, "ProcedureStepState")).go_on() if not state else _done()

    spoil("update", answer)


def _done(status: int = 200) -> Answer:
    from actors.shared.ups_face.answers import Answer

    return Answer(status)


@defect("tm-ignores-the-patient", _TM, "ignores another patient in an update, silently", warns=("AIWI-TM-032.rest",))
def _patient() -> None:
    with_sent("update", lambda _, changes: lacking(changes, "PatientName", "PatientID"))


@defect("tm-merges", _TM, "adds fewer items of a sequence to those that are there", fails=("AIWI-TM-033.rest",))
def _merges() -> None:
    def change(handling: Handling, changes: JsonDataset) -> JsonDataset:
        there, new = items(handling.content, _STATIONS), items(changes, _STATIONS)
        return put_items(changes, _STATIONS, *there, *new) if len(there) > len(new) > 0 else changes

    with_sent("update", change)


@defect("tm-updates-nothing", _TM, "an update of what is not there is a bad request", fails=("AIWI-TM-034.rest",))
def _nothing() -> None:
    forgive("update", "no-such-workitem", 400)


@defect("tm-percent-only", _TM, "keeps how far a step has come, not the words", fails=("AIWI-TM-035.rest",))
def _percent_only() -> None:
    def change(exchange: Exchange) -> None:
        if exchange.method == "GET" and "/workitems/" in exchange.path and exchange.ok:
            told = exchange.json()
            for one in told:
                item(one, "ProcedureStepProgressInformationSequence").pop("00741006", None)
            exchange.answer(told)

    spoil_answers(change)


@defect("tm-no-end-after-progress", _TM, "does not complete what told its progress", fails=("AIWI-TM-085.rest",))
def _no_end_after_progress() -> None:
    from profiles.errors import Conflict

    def answer(handling: Handling) -> Answer:
        completes = text(handling.ask.dataset(), "ProcedureStepState") == "COMPLETED"
        progress = item(handling.content, "ProcedureStepProgressInformationSequence")
        if completes and text(progress, "ProcedureStepProgressDescription") == "half way":
            raise Conflict("Progress must be 100 first.")
        return handling.go_on()

    spoil("change_state", answer)


# -- requests to cancel ------------------------------------------------------------------------------------------------


@defect("tm-forgets-why", _TM, "forgets why a workitem is canceled on request", warns=("AIWI-TM-044.rest",))
def _forgets_why() -> None:
    def answer(handling: Handling) -> Answer:
        told = bool(handling.ask.body) and bool(handling.ask.dataset())
        return (handling.sent({}) if told and handling.state == _SCHEDULED else handling).go_on()

    spoil("request_cancel", answer)


@defect("tm-never-cancels", _TM, "accepts to cancel for a reason, and does not", fails=("AIWI-TM-044.rest",))
def _never_cancels() -> None:
    def answer(handling: Handling) -> Answer:
        told = bool(handling.ask.body) and bool(handling.ask.dataset())
        return _done(202) if told and handling.state == _SCHEDULED else handling.go_on()

    spoil("request_cancel", answer)


@defect("tm-tells-nobody", _TM, "accepts a request that no performer can hear", warns=("AIWI-TM-046.rest",))
def _tells_nobody() -> None:
    forgive("request_cancel", "performer-not-contacted", 202)


@defect("tm-cancels-the-past", _TM, "accepts to cancel what is COMPLETED", fails=("AIWI-TM-047.rest",))
def _cancels_the_past() -> None:
    forgive("request_cancel", "already-completed-refused", 202)


@defect("tm-refuses-silently", _TM, "does not say why what is COMPLETED is not canceled", warns=("AIWI-TM-047.rest",))
def _refuses_silently() -> None:
    def change(exchange: Exchange) -> None:
        if _cancels(exchange) and "COMPLETED" in exchange.headers.get("warning", ""):
            del exchange.headers["warning"]

    spoil_answers(change)


@defect("tm-canceled-silently", _TM, "does not say that it is CANCELED already", warns=("AIWI-TM-048.rest",))
def _canceled_silently() -> None:
    def change(exchange: Exchange) -> None:
        if _cancels(exchange) and exchange.ok:
            exchange.headers.pop("warning", None)

    spoil_answers(change)


@defect("tm-wants-a-reason", _TM, "refuses a request to cancel without body", fails=("AIWI-TM-049.rest",))
def _wants_a_reason() -> None:
    from profiles.errors import BadInput

    def answer(handling: Handling) -> Answer:
        if not handling.ask.body:
            raise BadInput("Say why.")
        return handling.go_on()

    spoil("request_cancel", answer)
