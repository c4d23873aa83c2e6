"""Event Repositories with RAD-124 and ITI-81, with one defect each."""

from __future__ import annotations

import json
from typing import Any

from connectathon.bad_peers.defects import defect

ACTOR = "small_repository"


def _memory() -> Any:
    from connectathon import small_repository

    return small_repository.Memory


@defect("event-fhir-all-codes", ACTOR, "a search by subtype gives every event", fails=("SOLE-ER-008",))
def _all_codes() -> None:
    memory = _memory()
    honest = memory.audit_events
    memory.audit_events = lambda self, query: honest(self, query.split("&subtype=")[0])


@defect("event-fhir-undated", ACTOR, "a search without a date gives everything", fails=("SOLE-ER-008",))
def _undated() -> None:
    memory = _memory()
    honest = memory.audit_events
    memory.audit_events = lambda self, query: honest(self, query if "date=" in query else f"date=ge1970-01-01&{query}")


@defect("event-fhir-no-agent", ACTOR, "AuditEvents have no agent", fails=("SOLE-ER-008",))
def _no_agent() -> None:
    memory = _memory()
    honest = memory.resource

    def resource(self: Any, *args: Any) -> Any:
        return {name: value for name, value in honest(self, *args).items() if name != "agent"}

    memory.resource = resource


@defect("event-bulk-in-part", ACTOR, "the good events of a bad batch are stored", warns=("SOLE-ER-009",))
def _in_part() -> None:
    memory = _memory()
    honest = memory.submitted

    def submitted(self: Any, kind: str, body: bytes) -> int:
        status = int(honest(self, kind, body))
        if status == 400 and body.endswith(b"}]}"):  # noqa: PLR2004 - Bad Request
            for event in json.loads(body)["Events"]:
                honest(self, kind, json.dumps({"Events": [event]}).encode())
        return status

    memory.submitted = submitted


@defect("event-bulk-ok", ACTOR, "a good batch is answered with 200", warns=("SOLE-ER-009",))
def _ok() -> None:
    memory = _memory()
    honest = memory.submitted
    memory.submitted = lambda self, kind, body: {204: 200}.get(honest(self, kind, body), 400)


@defect("event-bulk-any-document", ACTOR, "broken XML is taken", warns=("SOLE-ER-009",))
def _any_document() -> None:
    _memory().checked = lambda _self, event: event


@defect("event-bulk-any-type", ACTOR, "any media type is taken", warns=("SOLE-ER-009",))
def _any_type() -> None:
    memory = _memory()
    honest = memory.submitted
    memory.submitted = lambda self, _kind, body: honest(self, "application/json", body)


@defect("event-bulk-other-record", ACTOR, "what comes in a batch is stored with another PRI", warns=("SOLE-ER-009",))
def _other_record() -> None:
    memory = _memory()
    honest = memory.checked
    memory.checked = lambda self, event: {**honest(self, event), "Pri": "13"}
