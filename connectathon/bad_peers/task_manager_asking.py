"""Task Managers with one defect each in searches, and in what they withstand."""

from __future__ import annotations

from collections.abc import Callable
from threading import BoundedSemaphore
from time import sleep
from typing import TYPE_CHECKING, Any

from connectathon.bad_peers.defects import defect
from connectathon.bad_peers.handling import Handling, replaced, spoil
from connectathon.bad_peers.spoiling import Exchange, spoil_answers
from profiles.dicom import tag_of

if TYPE_CHECKING:
    from actors.shared.ups_face.answers import Answer

_TM = "task_manager"
_START = "ScheduledProcedureStepStartDateTime"
_LATE_PAGE = 200
Pairs = list[tuple[str, str]]


def _searches(exchange: Exchange) -> bool:
    return exchange.method == "GET" and exchange.path.endswith("/workitems")


def _with_keys(change: Callable[[Pairs], Pairs]) -> None:
    """From now on a search has other parameters than it was sent with."""
    spoil("search", lambda handling: handling.asked(change(list(handling.ask.pairs))).go_on())


@defect("tm-any-state-matches", _TM, "a search by state finds every state", fails=("AIWI-TM-050.rest",))
def _any_state() -> None:
    _with_keys(lambda pairs: [pair for pair in pairs if pair[0] != "ProcedureStepState"])


@defect("tm-empty-list", _TM, "no match is an empty list", warns=("AIWI-TM-051.rest",))
def _empty_list() -> None:
    def change(exchange: Exchange) -> None:
        if _searches(exchange) and exchange.status == 204:  # noqa: PLR2004 - what the defect is about
            exchange.status, exchange.body = 200, b"[]"
            exchange.headers["content-type"] = "application/dicom+json"

    spoil_answers(change)


@defect("tm-any-request-matches", _TM, "keys in a request sequence are ignored", fails=("AIWI-TM-052.rest",))
def _any_request() -> None:
    _with_keys(lambda pairs: [pair for pair in pairs if not pair[0].startswith("ReferencedRequestSequence.")])


@defect("tm-no-open-range", _TM, "a range without end is a moment", fails=("AIWI-TM-053.rest",))
def _no_open_range() -> None:
    _with_keys(lambda pairs: [(name, value.rstrip("-") if name == _START else value) for name, value in pairs])


@defect("tm-tags-are-foreign", _TM, "a key given by its tag is ignored", warns=("AIWI-TM-054.rest",))
def _tags_are_foreign() -> None:
    _with_keys(lambda pairs: [pair for pair in pairs if pair[0] != tag_of("WorklistLabel")])


@defect("tm-results-without-label", _TM, "results lack the label of the step", fails=("AIWI-TM-055.rest",))
def _without_label() -> None:
    def change(exchange: Exchange) -> None:
        if _searches(exchange) and exchange.status == 200:  # noqa: PLR2004
            told = exchange.json()
            for one in told:
                one.pop(tag_of("ProcedureStepLabel"), None)
            exchange.answer(told)

    spoil_answers(change)


@defect("tm-no-limit", _TM, "a page has one result more than asked for", fails=("AIWI-TM-056.rest",))
def _no_limit() -> None:
    _with_keys(lambda pairs: [(name, str(int(value) + 1) if name == "limit" else value) for name, value in pairs])


@defect("tm-gap", _TM, "late pages begin one too late", fails=("AIWI-TM-056.rest",))
def _gap() -> None:
    def later(name: str, value: str) -> str:
        return str(int(value) + 1) if name == "offset" and int(value) >= _LATE_PAGE else value

    _with_keys(lambda pairs: [(name, later(name, value)) for name, value in pairs])


@defect("tm-ignores-silently", _TM, "ignores what it does not know, silently", warns=("AIWI-TM-057.rest",))
def _ignores_silently() -> None:
    def change(exchange: Exchange) -> None:
        if _searches(exchange):
            exchange.headers.pop("warning", None)

    spoil_answers(change)


@defect("tm-never-fuzzy", _TM, "declares fuzzy names and matches none", warns=("AIWI-TM-058.rest",))
def _never_fuzzy() -> None:
    _with_keys(lambda pairs: [pair for pair in pairs if pair[0] != "fuzzymatching"])


@defect("tm-action-failed", _TM, "an unknown action is a processing failure", warns=("AIWI-TM-080.dimse",))
def _action_failed() -> None:
    def make(honest: Any) -> Any:
        def take(action: Any, *args: Any) -> Any:
            if action.kind not in range(1, 6):
                raise RuntimeError("no such action")
            return honest(action, *args)

        return take

    replaced("actors.shared.ups_dimse.scp", "take_action", make)


@defect("tm-forgets-owners", _TM, "a restart forgets who owns what", warns=("AIWI-TM-081.rest",))
def _forgets_owners() -> None:
    from sqlalchemy import update

    from workitems.store import Store
    from workitems.store.rows import WORKITEM

    honest = Store.__init__

    def start(self: Store, url: str) -> None:
        honest(self, url)
        with self._database.write() as connection:
            connection.execute(update(WORKITEM).values(transaction_uid="2.25.1"))

    Store.__init__ = start  # type: ignore[method-assign]


@defect("tm-busy", _TM, "has no time for more than two creations at once", warns=("AIWI-TM-082.rest",))
def _busy() -> None:
    from actors.shared.ups_face.answers import Answer as Told

    places = BoundedSemaphore(2)

    def answer(handling: Handling) -> Answer:
        if not places.acquire(blocking=False):
            return Told(503)
        try:
            sleep(0.02)
            return handling.go_on()
        finally:
            places.release()

    spoil("create", answer)


@defect("tm-deletes", _TM, "answers DELETE of the worklist with success", warns=("AIWI-TM-083.rest",))
def _deletes() -> None:
    def change(exchange: Exchange) -> None:
        if exchange.method == "DELETE" and exchange.path.endswith("/workitems"):
            exchange.status = 200

    spoil_answers(change)


@defect("tm-allows-nothing", _TM, "does not say which methods there are", warns=("AIWI-TM-083.rest",))
def _allows_nothing() -> None:
    def change(exchange: Exchange) -> None:
        exchange.headers.pop("allow", None)

    spoil_answers(change)
