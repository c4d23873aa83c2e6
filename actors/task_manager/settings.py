"""The ``[task_manager]`` table of the configuration, and the policy that it describes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from actors.shared.serving import PING_SECONDS, PONG_SECONDS
from actors.shared.settings import ActorSettings, AETitle, Port
from actors.shared.ups_dimse import Peer
from actors.task_manager.pipeline_settings import CodeText, Pipelines, code_of, with_pipelines_of
from profiles.dicom import Code
from workitems.policy import SHORTEST_RETENTION, Assignment, Lease, Policy

if TYPE_CHECKING:
    from workitems.contracts import Plans

#: Coding scheme of station names (AIW-I 4.80.4.1.2.1: the code value is the AE title).
STATION_SCHEME = "L"
_SHORTEST_HOURS = SHORTEST_RETENTION / timedelta(hours=1)
_AE_TITLE_LENGTH = 16


def _station(text: str) -> Code:
    ae_title, _, meaning = text.partition("^")
    if not ae_title.strip() or len(ae_title) > _AE_TITLE_LENGTH or "\\" in ae_title:
        raise ValueError(
            f"{text!r} is no station; write its AE title, 1 to 16 characters (AIW-I 4.80.4.1.2.1), and if you like "
            "^ and a name for people, e.g. AI_ONE^Brain station"
        )
    return Code(ae_title, STATION_SCHEME, meaning or ae_title)


def _retention(hours: float) -> float:
    if hours < _SHORTEST_HOURS:
        raise ValueError(
            f"{hours:g} hours are too few; AIW-I 4.85.4.1.3 has workitems kept in their final state for at least "
            f"{_SHORTEST_HOURS:g} hours"
        )
    return hours


def _checked(parse: Callable[[str], Code]) -> AfterValidator:
    def check(text: str) -> str:
        parse(text)
        return text

    return AfterValidator(check)


def _once(name: Callable[[Any], str]) -> AfterValidator:
    def check(values: tuple[Any, ...]) -> tuple[Any, ...]:
        if twice := [one for one, count in Counter(map(name, values)).items() if count > 1]:
            raise ValueError(f"{', '.join(twice)} is there twice; name it once")
        return values

    return AfterValidator(check)


Station = Annotated[str, _checked(_station)]
Seconds = Annotated[float, Field(gt=0)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LeaseSettings(_Table):
    """How long a claim holds without being renewed by an update.

    Attributes:
        workitem_code: ``VALUE^SCHEME`` of the workitems it is for; every kind when not given.
        performer: AE title it is for; every performer when not given, also an unknown one.
        seconds: until it runs out.
        attempts: how many workitems a task gets before it is a dead letter.
    """

    workitem_code: CodeText | None = None
    performer: AETitle | None = None
    seconds: Seconds
    attempts: Annotated[int, Field(ge=1)] = 3


class AssignmentSettings(_Table):
    """Which stations do workitems of a code, in order of preference.

    Attributes:
        workitem_code: ``VALUE^SCHEME`` of the workitems.
        engine_version: for workitems that ask for this version of the engine only; name these before those for all.
        stations: each its AE title, and after ``^`` a name for people.
    """

    workitem_code: CodeText
    engine_version: str = ""
    stations: Annotated[tuple[Station, ...], Field(min_length=1), _once(lambda one: _station(one).value)]


def _code_assigned(assignment: AssignmentSettings) -> str:
    code = code_of(assignment.workitem_code)
    return f"{code.value}^{code.scheme} {assignment.engine_version}".strip()


class PeerSettings(_Table):
    """Where an AE takes associations or workitems, and what it may do here.

    Attributes:
        host: where it takes associations.
        port: of them.
        push_url: base URL of its UPS-RS service, where it gets a copy of each workitem that is assigned to it.
        roles: what it may do here.
    """

    host: str = ""
    port: Port | None = None
    push_url: Annotated[str, Field(pattern="^https?://")] | None = None
    roles: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        if bool(self.host) != bool(self.port) or not (self.host or self.push_url):
            raise ValueError("name its host and port for associations, its push_url for workitems, or both")
        return self


class Settings(ActorSettings):
    """Where the Task Manager listens, where it keeps its workitems, and what the site decides about them.

    Attributes:
        port: UPS-RS under ``/ups-rs``.
        dimse_port: UPS over DIMSE; not served when not given.
        ae_title: its AE title.
        database_url: SQLAlchemy URL of a PostgreSQL database; SQLite in the data directory when not given.
        strict: whether a creation without its type 2 attributes is refused; else they are added empty.
        leases: the first that holds for a claim counts; none means that a claim holds for ever.
        assignments: who does what; a code without one is open to every performer.
        retention_hours: how long a workitem is kept in its final state, unless a deletion lock holds it longer.
        grants_locks: whether subscribers get deletion locks.
        backlog_limit: how many events wait for one subscriber before the oldest are dropped.
        event_days: how long events are kept that everybody has taken.
        ping_seconds: between two pings of a notification connection; what arrived is confirmed as often.
        pong_seconds: how long a subscriber may take to answer a ping before its connection is closed.
        fallback_receivers: AE titles that are told when the server's status changes, subscribed or not.
        peers: where DIMSE subscribers take event reports, and performers workitems that are pushed, by AE title.
        rules: rule file of the Task Requester whose ``[[pipeline]]`` tables are pipelines, too.
        pipelines: which workitems are decomposed into others, and how.
        contract_seconds: how often workitems are looked at that were pushed or are parts of others.
        gift_givers: AE titles that may subscribe others than themselves; ``*`` for everybody.
        archive_url: DICOMweb archive that is asked whether the inputs of UNAVAILABLE workitems have arrived.
        archive_poll_seconds: how often it is asked.
        housekeeping_seconds: how often leases, retention and backlogs are looked at.
    """

    port: Port = 8080
    dimse_port: Port | None = None
    ae_title: AETitle = "STEPWELL_TM"
    database_url: str | None = None
    strict: bool = True
    leases: tuple[LeaseSettings, ...] = ()
    assignments: Annotated[tuple[AssignmentSettings, ...], _once(_code_assigned)] = ()
    retention_hours: Annotated[float, AfterValidator(_retention)] = _SHORTEST_HOURS
    grants_locks: bool = True
    backlog_limit: Annotated[int, Field(ge=1)] = 10_000
    event_days: Annotated[float, Field(ge=1)] = 7
    ping_seconds: Seconds = PING_SECONDS
    pong_seconds: Seconds = PONG_SECONDS
    fallback_receivers: tuple[AETitle, ...] = ()
    peers: dict[AETitle, PeerSettings] = Field(default_factory=dict)
    rules: Path | None = None
    pipelines: Pipelines = ()
    contract_seconds: Seconds = 2
    gift_givers: tuple[AETitle, ...] = ()
    archive_url: Annotated[str, Field(pattern="^https?://")] | None = None
    archive_poll_seconds: Seconds = 10
    housekeeping_seconds: Seconds = 5

    @model_validator(mode="before")
    @classmethod
    def _pipelines_of_the_rules(cls, written: Any) -> Any:
        if not isinstance(written, dict) or not written.get("rules"):
            return written
        return {**written, "pipelines": with_pipelines_of(written["rules"], written.get("pipelines", ()))}

    @field_validator("dimse_port")
    @classmethod
    def _another_port(cls, dimse_port: int | None, info: ValidationInfo) -> int | None:
        if dimse_port is not None and dimse_port == info.data.get("port"):
            raise ValueError(f"port is {dimse_port} too; choose another for one of them")
        return dimse_port

    def dimse_peers(self) -> dict[str, Peer]:
        """Where AEs take associations."""
        return {title: Peer(one.host, one.port) for title, one in self.peers.items() if one.port}

    def plans(self) -> Plans:
        """What the Task Manager has others do by contract."""
        pushed = {title: one.push_url for title, one in self.peers.items() if one.push_url}
        from workitems.contracts import Plans  # with it comes the store, which readers of settings do not need

        return Plans(tuple(one.pipeline() for one in self.pipelines), pushed)

    def policy(self) -> Policy:
        """What the site decides, as the worklist takes it."""
        leases = [
            Lease(one.seconds, one.attempts, _optional_code(one.workitem_code), one.performer or "")
            for one in self.leases
        ]
        assignments = [
            Assignment(code_of(one.workitem_code), tuple(map(_station, one.stations)), one.engine_version)
            for one in self.assignments
        ]
        return Policy(
            leases, assignments, self.strict, timedelta(hours=self.retention_hours), frozenset(self.gift_givers)
        )


def _optional_code(text: str | None) -> Code | None:
    return None if text is None else code_of(text)
