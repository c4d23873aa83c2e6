"""Task Managers with one defect each in what is special to DIMSE, and in push."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from connectathon.bad_peers.defects import defect
from connectathon.bad_peers.spoiling import Exchange, spoil_answers
from connectathon.bad_peers.spoiling_events import part
from profiles.errors import BadInput, NotFound, error_row

_WATCH, _QUERY = "1.2.840.10008.5.1.4.34.6.2", "1.2.840.10008.5.1.4.34.6.5"
_NOT_FOUND = 404


def _scp() -> Any:
    return part("actors.shared.ups_dimse.scp")


def _answer_otherwise(key: str, other: str) -> None:
    """Answer N-ACTION with the status of another refusal."""
    statuses = part("actors.shared.ups_dimse.statuses")
    honest = statuses.row_of

    def row_of(error: Any, service: str) -> Any:
        row = honest(error, service)
        return error_row(other) if service == "N-ACTION" and row.key == key else row

    statuses.row_of = row_of


@defect("tm-implicit-only", "task_manager", "takes Implicit VR only", warns=("AIWI-TM-074.dimse",))
def _implicit_only() -> None:
    server = part("actors.shared.ups_dimse.server")
    server.SYNTAXES = server.SYNTAXES[:1]


@defect("tm-two-worlds", "task_manager", "keeps from UPS-RS what was created over DIMSE", fails=("AIWI-TM-075.dimse",))
def _two_worlds() -> None:
    scp, created = _scp(), set[str]()
    honest = scp.UpsScp._create

    def create(self: Any, event: Any) -> Any:
        created.add(str(event.request.AffectedSOPInstanceUID))
        return honest(self, event)

    def change(exchange: Exchange) -> None:
        if exchange.method == "GET" and exchange.path.rpartition("/")[2] in created:
            exchange.status, exchange.body = _NOT_FOUND, b""

    scp.UpsScp._create = create
    spoil_answers(change)


@defect("tm-watch-cannot-get", "task_manager", "refuses N-GET in a context of UPS Watch", fails=("AIWI-TM-076.dimse",))
def _watch_cannot_get() -> None:
    scp = _scp()
    honest = scp.UpsScp._get

    def get(self: Any, event: Any) -> Any:
        if str(event.context.abstract_syntax) == _WATCH:
            raise BadInput("UPS Push is not the class of this context.", key="class-instance-conflict")
        return honest(self, event)

    scp.UpsScp._get = get


@defect("tm-c310-for-c301", "task_manager", "answers a wrong Transaction UID with C310", fails=("AIWI-TM-077.dimse",))
def _c310_for_c301() -> None:
    _answer_otherwise("transaction-uid-incorrect", "not-yet-in-progress")


@defect("tm-c302-for-c300", "task_manager", "answers a claim at the end with C302", fails=("AIWI-TM-077.dimse",))
def _c302_for_c300() -> None:
    _answer_otherwise("may-no-longer-be-updated", "already-in-progress")


@defect("tm-query-is-flat", "task_manager", "ignores keys in sequences on UPS Query", fails=("AIWI-TM-078.dimse",))
def _query_is_flat() -> None:
    scp = _scp()
    honest = scp.UpsScp._matches

    def matches(self: Any, event: Any, query: Any) -> Any:
        if str(event.request.AffectedSOPClassUID) == _QUERY:
            query = replace(query, keys={path: value for path, value in query.keys.items() if "." not in path})
        return honest(self, event, query)

    scp.UpsScp._matches = matches


@defect("tm-never-cancels-find", "task_manager", "goes on after C-CANCEL", warns=("AIWI-TM-078.dimse",))
def _never_cancels_find() -> None:
    scp = _scp()
    honest = scp.UpsScp._matches

    def matches(self: Any, event: Any, query: Any) -> Any:
        deaf = SimpleNamespace(is_cancelled=False, assoc=event.assoc, context=event.context, request=event.request)
        return honest(self, deaf, query)

    scp.UpsScp._matches = matches


@defect("tm-knows-everybody", "task_manager", "takes subscriptions of unknown AEs", fails=("AIWI-TM-079.dimse",))
def _knows_everybody() -> None:
    scp = _scp()
    honest = scp.take_action

    def take_action(*about: Any) -> Any:
        try:
            return honest(*about)
        except NotFound as error:
            if error.row_key != "receiving-ae-unknown":
                raise
            return ""

    scp.take_action = take_action


@defect("tm-keeps-no-outputs", "task_manager", "does not take over what a performer made", warns=("AIWI-TM-086.rest",))
def _keeps_no_outputs() -> None:
    contractor = part("workitems.contracts:Contractor")

    honest = contractor._end

    def end(self: Any, parent: Any, update: Any, state: Any) -> None:
        for done in update.get("00741216", {}).get("Value", []):
            done["00404033"] = {"vr": "SQ"}
        honest(self, parent, update, state)

    contractor._end = end


@defect("tm-keeps-cancels", "task_manager", "does not pass on requests to cancel", warns=("AIWI-TM-086.rest",))
def _keeps_cancels() -> None:
    contractor = part("workitems.contracts:Contractor")

    contractor._recall = lambda *_about: None
