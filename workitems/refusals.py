"""The words in which the worklist refuses (DESIGN: every refusal says what, by which rule, and what to do)."""

from __future__ import annotations

from collections.abc import Sequence

from profiles.errors import BadInput, Conflict, Finding, StepwellError

_WORDS = {
    "already-in-progress": "It is claimed already, by this Transaction UID (PS3.4 Table CC.1.1-2).",
    "may-no-longer-be-updated": "Its state may no longer change (PS3.4 Table CC.1.1-2).",
    "final-not-updated": "A workitem in a final state cannot be updated (PS3.4 CC.2.6.3).",
    "transaction-uid-missing": "Send its Transaction UID (0008,1195) (PS3.4 CC.2.1.2).",
    "transaction-uid-incorrect": "The Transaction UID is not that of its claim (PS3.4 CC.2.1.2).",
    "only-create-schedules": "Only creation makes a workitem SCHEDULED (PS3.4 Table CC.1.1-2).",
    "not-yet-in-progress": "Claim it first; only an IN PROGRESS workitem can take this (PS3.4 Table CC.1.1-2).",
    "already-completed-refused": "There is nothing left to cancel (PS3.4 CC.2.2.3).",
    "performer-not-contacted": "Its performer takes no events, so it cannot be asked to cancel (PS3.4 CC.2.2.3).",
}
_BAD = ("transaction-uid-missing", "transaction-uid-incorrect", "only-create-schedules", "final-not-updated")


def refusal(outcome: str, uid: str, state: str) -> StepwellError:
    """The error of an outcome of the transition table."""
    kind = BadInput if outcome in _BAD else Conflict
    return kind(f"Workitem {uid} is {state}. {_WORDS[outcome]}", key=outcome)


def duplicate(uid: str) -> StepwellError:
    """There is a workitem of that UID."""
    return Conflict(f"There is a workitem {uid} already; a workitem is created once.", key="duplicate-workitem")


def not_met(words: str, findings: Sequence[Finding], key: str | None = None) -> StepwellError:
    """Attribute rules are broken; the message lists each."""
    kind = Conflict if key else BadInput
    return kind(f"{words}:\n" + "\n".join(str(one) for one in findings), key=key, findings=findings)


def not_scheduled(findings: Sequence[Finding]) -> StepwellError:
    """A creation in another state than SCHEDULED; the message lists what else is wrong with it."""
    words = "Procedure Step State (0074,1000) must be SCHEDULED at creation (PS3.4 CC.2.5.1.3)"
    return BadInput(f"{words}:\n" + "\n".join(map(str, findings)), key="not-scheduled", findings=findings)
