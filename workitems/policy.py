"""What a site decides about its worklist: leases, assignment, strictness, retention (DESIGN D7, AIW-I 50.4.2)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from profiles.dicom import Code, JsonDataset, get_code
from profiles.ups.parameters import wanted_version

#: AIW-I 4.85.4.1.3: workitems in a final state are kept at least 24 hours.
SHORTEST_RETENTION = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Lease:
    """How long a claim holds without being renewed by an update.

    Attributes:
        seconds: until it runs out.
        attempts: how many workitems a task gets before it is a dead letter.
        workitem_code: the kind of workitem it is for; None for every kind.
        performer: AE title it is for; empty for every performer, also an unknown one.
    """

    seconds: float
    attempts: int = 3
    workitem_code: Code | None = None
    performer: str = ""

    def holds_for(self, content: JsonDataset, performer: str) -> bool:
        """Whether it is meant for a claim."""
        code = get_code(content, "ScheduledWorkitemCodeSequence")
        return self.performer in ("", performer) and (self.workitem_code is None or self.workitem_code.same_as(code))


@dataclass(frozen=True, slots=True)
class Assignment:
    """Which stations do workitems of a code, in order of preference.

    Attributes:
        workitem_code: the code.
        stations: the first is asked first.
        engine_version: for workitems that ask for this version of the engine only; empty for all.
    """

    workitem_code: Code
    stations: tuple[Code, ...]
    engine_version: str = ""

    def holds_for(self, content: JsonDataset) -> bool:
        """Whether it is meant for a workitem."""
        is_version = self.engine_version in ("", wanted_version(content))
        return is_version and self.workitem_code.same_as(get_code(content, "ScheduledWorkitemCodeSequence"))


@dataclass(frozen=True, slots=True)
class Policy:
    """A site's decisions.

    Attributes:
        leases: the first that holds for a claim counts; none means that a claim holds for ever.
        assignments: who does what, the first that holds; a code without one is open to every performer.
        strict: whether a creation without its type 2 attributes is refused; else they are added empty.
        retention: how long a workitem is kept in its final state.
        gift_givers: AE titles that may subscribe others than themselves; ``*`` for everybody.
    """

    leases: Sequence[Lease] = ()
    assignments: Sequence[Assignment] = ()
    strict: bool = True
    retention: timedelta = SHORTEST_RETENTION
    gift_givers: Collection[str] = frozenset({"*"})

    def lease_of(self, content: JsonDataset, performer: str) -> Lease | None:
        """The lease of a claim, or None."""
        return next((lease for lease in self.leases if lease.holds_for(content, performer)), None)

    def station_for(self, content: JsonDataset, but_not: Collection[str] = ()) -> Code | None:
        """The station that a workitem is to be assigned to; None when nobody in particular."""
        found = next((one for one in self.assignments if one.holds_for(content)), None)
        return next((one for one in found.stations if one.value not in but_not), None) if found else None

    def may_subscribe(self, caller: str, receiver: str) -> bool:
        """Whether a caller may subscribe an AE, which need not be itself (PS3.4 CC.2.3.3).

        Args:
            caller: AE title of who asks; empty when the face does not know it, then it speaks for the receiver.
            receiver: Receiving AE.
        """
        return caller in ("", receiver) or not {caller, "*"}.isdisjoint(self.gift_givers)


def assigned_station(content: JsonDataset) -> str:
    """AE title of the station that a workitem is assigned to (AIW-I 4.80.4.1.2.1); empty for none."""
    code = get_code(content, "ScheduledStationNameCodeSequence")
    return code.value if code else ""
