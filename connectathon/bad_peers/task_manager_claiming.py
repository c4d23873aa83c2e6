"""Task Managers with one defect each in whose a workitem is, and in how it ends."""

from __future__ import annotations

from time import sleep
from typing import TYPE_CHECKING, Any

from connectathon.bad_peers.defects import defect
from connectathon.bad_peers.handling import Handling, forgive, in_state, replaced, spoil
from connectathon.bad_peers.spoiling import Exchange, spoil_answers
from profiles.dicom import Code, JsonDataset, get_code, item, items, new_uid, put, put_codes, put_items, text

if TYPE_CHECKING:
    from actors.shared.ups_face.answers import Answer

_TM = "task_manager"
_IN_PROGRESS, _COMPLETED, _CANCELED = "IN PROGRESS", "COMPLETED", "CANCELED"
_PROGRESS, _PERFORMED = "ProcedureStepProgressInformationSequence", "UnifiedProcedureStepPerformedProcedureSequence"
_REASON = "ProcedureStepDiscontinuationReasonCodeSequence"
_ANY_REASON = Code("110513", "DCM", "Discontinued for unspecified reason")


def _wanted(handling: Handling) -> JsonDataset:
    return dict(handling.ask.dataset())


def _done(status: int = 200) -> Answer:
    from actors.shared.ups_face.answers import Answer

    return Answer(status)


# -- the Transaction UID stays a secret --------------------------------------------------------------------------------


@defect("tm-leaks-on-get", _TM, "Retrieve tells the Transaction UID", fails=("AIWI-TM-014.rest",))
def _leaks_on_get() -> None:
    from actors.shared.ups_face.answers import workitems

    def answer(handling: Handling) -> Answer:
        honest = handling.go_on()
        if handling.state != _IN_PROGRESS or "json" not in honest.media_type:
            return honest
        return workitems([put(handling.content, "TransactionUID", handling.lock)], honest.media_type)

    spoil("retrieve", answer)


@defect("tm-leaks-on-search", _TM, "Search tells the Transaction UID of what is claimed", fails=("AIWI-TM-014.rest",))
def _leaks_on_search() -> None:
    import orjson

    from actors.shared.ups_face.answers import workitems

    def answer(handling: Handling) -> Answer:
        honest = handling.go_on()
        if "includefield=all" not in handling.ask.request.url.query or honest.status == 204:  # noqa: PLR2004
            return honest
        found = orjson.loads(honest.body)
        for one in found:
            lock = handling.worklist.find(text(one, "SOPInstanceUID")).transaction_uid
            if lock:
                put(one, "TransactionUID", lock)
        return workitems(found, honest.media_type, honest.warnings)

    spoil("search", answer)


@defect("tm-leaks-on-n-get", _TM, "N-GET tells the Transaction UID", fails=("AIWI-TM-014.dimse",))
def _leaks_on_n_get() -> None:
    from actors.shared.ups_dimse import scp
    from actors.shared.ups_dimse.statuses import done

    def get(self: Any, event: Any) -> Any:
        uid = str(event.request.RequestedSOPInstanceUID)
        held = self._worklist.find(uid)
        content = dict(held.content)
        if str(held.state) == _IN_PROGRESS:
            put(content, "TransactionUID", held.transaction_uid)
        return done(""), scp._encodable(event, dict(sorted(content.items())))

    scp.UpsScp._get = get  # type: ignore[method-assign]


# -- claims ------------------------------------------------------------------------------------------------------------


@defect("tm-claim-is-created", _TM, "a claim is answered 201", fails=("AIWI-TM-017.rest",))
def _claim_is_created() -> None:
    def change(exchange: Exchange) -> None:
        if exchange.method == "PUT" and exchange.status == 200:  # noqa: PLR2004 - what the defect is about
            exchange.status = 201

    spoil_answers(change)


@defect("tm-takeover", _TM, "what somebody has read can be claimed once more", fails=("AIWI-TM-018.rest",))
def _takeover() -> None:
    from dataclasses import replace

    from workitems.model import Change

    read: set[str] = set()

    def retrieve(handling: Handling) -> Answer:
        read.add(handling.ask.uid)
        return handling.go_on()

    def answer(handling: Handling) -> Answer:
        wanted, uid = _wanted(handling), handling.ask.uid
        lock = text(wanted, "TransactionUID")
        if text(wanted, "ProcedureStepState") == _IN_PROGRESS and uid in read and handling.is_foreign:
            held = handling.worklist.find(uid)
            if lock not in ("", held.transaction_uid):
                taken = replace(held, revision=held.revision + 1, transaction_uid=lock)
                handling.worklist.apply(Change(taken, held.revision))
                return _done()
        return handling.go_on()

    spoil("retrieve", retrieve)
    spoil("change_state", answer)


@defect("tm-claim-for-nobody", _TM, "takes a claim without Transaction UID", fails=("AIWI-TM-019.rest",))
def _claim_for_nobody() -> None:
    def answer(handling: Handling) -> Answer:
        wanted = _wanted(handling)
        if text(wanted, "ProcedureStepState") == _IN_PROGRESS and not text(wanted, "TransactionUID"):
            put(wanted, "TransactionUID", new_uid())
        return handling.sent(wanted).go_on()

    spoil("change_state", answer)


@defect("tm-double-winner", _TM, "claims at the same time all win", fails=("AIWI-TM-020.rest",))
def _double_winner() -> None:
    from dataclasses import replace

    from profiles.ups import Request
    from workitems.store import Store

    def slowly(honest: Any) -> Any:
        def decide(request: Request, *args: Any) -> Any:
            decision = honest(request, *args)
            if request is Request.CLAIM and decision.effect:
                sleep(0.2)
            return decision

        return decide

    honest = Store.apply

    def apply(self: Store, *changes: Any) -> bool:
        if honest(self, *changes):
            return True
        (change,) = changes
        held = self.find(change.workitem.uid)
        if held is None or str(change.workitem.state) != _IN_PROGRESS or str(held.state) != _IN_PROGRESS:
            return False
        late = replace(change.workitem, revision=held.revision + 1)
        return apply(self, replace(change, workitem=late, expected_revision=held.revision))

    replaced("workitems.worklist", "decide", slowly)
    Store.apply = apply  # type: ignore[method-assign]


@defect(
    "tm-loser-gets-500",
    _TM,
    "whoever comes second meets an internal error",
    fails=("AIWI-TM-018.rest", "AIWI-TM-020.rest"),
)
def _loser_gets_500() -> None:
    def answer(handling: Handling) -> Answer:
        wanted = _wanted(handling)
        is_late = text(wanted, "ProcedureStepState") == _IN_PROGRESS and handling.is_foreign
        taken = is_late and text(wanted, "TransactionUID") != handling.lock
        return _done(500) if taken else handling.go_on()

    spoil("change_state", answer)


@defect("tm-ended-can-be-claimed", _TM, "a claim of what has ended is a success", fails=("AIWI-TM-021.rest",))
def _ended_can_be_claimed() -> None:
    def answer(handling: Handling) -> Answer:
        is_claim = text(_wanted(handling), "ProcedureStepState") == _IN_PROGRESS
        return _done() if is_claim and handling.state in (_COMPLETED, _CANCELED) else handling.go_on()

    spoil("change_state", answer)


@defect("tm-claims-again", _TM, "the owner's second claim is a success", fails=("AIWI-TM-022.rest",))
def _claims_again() -> None:
    forgive("change_state", "already-in-progress", 200)


@defect("tm-goes-back", _TM, "an owner can put a workitem back to SCHEDULED", fails=("AIWI-TM-023.rest",))
def _goes_back() -> None:
    def answer(handling: Handling) -> Answer:
        if text(_wanted(handling), "ProcedureStepState") != "SCHEDULED":
            return handling.go_on()
        in_state(handling, "SCHEDULED")
        return _done()

    spoil("change_state", answer)


@defect("tm-done-conflicts", _TM, "a state that does not exist is a conflict", fails=("AIWI-TM-024.rest",))
def _done_conflicts() -> None:
    from profiles.ups import State

    def answer(handling: Handling) -> Answer:
        return handling.go_on() if text(_wanted(handling), "ProcedureStepState") in set(State) else _done(409)

    spoil("change_state", answer)


@defect("tm-claims-nothing", _TM, "a claim of what is not there is a conflict", fails=("AIWI-TM-025.rest",))
def _claims_nothing() -> None:
    forgive("change_state", "no-such-workitem", 409)


# -- endings -----------------------------------------------------------------------------------------------------------


@defect("tm-forgets-the-result", _TM, "what was performed is gone when it is done", fails=("AIWI-TM-036.rest",))
def _forgets_the_result() -> None:
    from actors.shared.ups_face.answers import workitems

    def answer(handling: Handling) -> Answer:
        honest = handling.go_on()
        if handling.state != _COMPLETED or handling.is_own or "json" not in honest.media_type:
            return honest
        return workitems([put(handling.content, _PERFORMED)], honest.media_type)

    spoil("retrieve", answer)


@defect("tm-done-without-a-word", _TM, "COMPLETED without anything performed is taken", fails=("AIWI-TM-037.rest",))
def _done_without_a_word() -> None:
    def answer(handling: Handling) -> Answer:
        wanted = text(_wanted(handling), "ProcedureStepState")
        if wanted != _COMPLETED or handling.state != _IN_PROGRESS or items(handling.content, _PERFORMED):
            return handling.go_on()
        in_state(handling, _COMPLETED)
        return _done()

    spoil("change_state", answer)


@defect("tm-done-without-end", _TM, "COMPLETED without the time of its end is taken", warns=("AIWI-TM-038.rest",))
def _done_without_end() -> None:
    def answer(handling: Handling) -> Answer:
        performed = item(handling.content, _PERFORMED)
        lacks = bool(performed) and not text(performed, "PerformedProcedureStepEndDateTime")
        if text(_wanted(handling), "ProcedureStepState") != _COMPLETED or not lacks:
            return handling.go_on()
        in_state(handling, _COMPLETED)
        return _done()

    spoil("change_state", answer)


@defect("tm-ends-unclaimed", _TM, "what nobody has claimed is ended by a success", fails=("AIWI-TM-039.rest",))
def _ends_unclaimed() -> None:
    forgive("change_state", "not-yet-in-progress", 200)


@defect("tm-anybody-completes", _TM, "anybody can complete a workitem", fails=("AIWI-TM-040.rest",))
def _anybody_completes() -> None:
    def answer(handling: Handling) -> Answer:
        wanted = _wanted(handling)
        if text(wanted, "ProcedureStepState") == _COMPLETED and handling.lock:
            put(wanted, "TransactionUID", handling.lock)
        return handling.sent(wanted).go_on()

    spoil("change_state", answer)


@defect("tm-completes-silently-again", _TM, "COMPLETED once more has no Warning", warns=("AIWI-TM-041.rest",))
def _completes_silently_again() -> None:
    def change(exchange: Exchange) -> None:
        if exchange.method == "PUT" and exchange.ok:
            exchange.headers.pop("warning", None)

    spoil_answers(change)


@defect("tm-any-reason", _TM, "the reason of a discontinuation is replaced", fails=("AIWI-TM-042.rest",))
def _any_reason() -> None:
    def answer(handling: Handling) -> Answer:
        progress = item(handling.content, _PROGRESS)
        if text(_wanted(handling), "ProcedureStepState") == _CANCELED and get_code(progress, _REASON):
            put_codes(progress, _REASON, _ANY_REASON)
            changes = put_items({}, _PROGRESS, progress)
            handling.worklist.update(handling.ask.uid, changes, handling.lock)
        return handling.go_on()

    spoil("change_state", answer)


@defect("tm-no-reason", _TM, "a discontinuation without reason gets none", warns=("AIWI-TM-043.rest",))
def _no_reason() -> None:
    without: set[str] = set()

    def answer(handling: Handling) -> Answer:
        is_end = text(_wanted(handling), "ProcedureStepState") == _CANCELED
        if is_end and not get_code(item(handling.content, _PROGRESS), _REASON):
            without.add(handling.ask.uid)
        return handling.go_on()

    def retrieve(handling: Handling) -> Answer:
        from actors.shared.ups_face.answers import workitems

        content, honest = handling.content, handling.go_on()
        if handling.ask.uid not in without:
            return honest
        put(item(content, _PROGRESS), _REASON)
        return workitems([content], honest.media_type)

    spoil("change_state", answer)
    spoil("retrieve", retrieve)
