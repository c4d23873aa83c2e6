"""How far a report may be relied on: completion, preliminary and verification flags (PS3.3 C.17.2; air.md 4.2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from profiles.air.errors import require
from profiles.air.values import require_label, require_person


@dataclass(frozen=True, slots=True)
class Verification:
    """The word of a person who answers for a report (Verifying Observer Sequence, 0040,A073).

    Attributes:
        observer: Verifying Observer Name, VR PN.
        organization: Verifying Organization.
        at: when, timezone-aware.
    """

    observer: str
    organization: str
    at: datetime

    def __post_init__(self) -> None:
        require_person(self.observer, "Verifying Observer Name")
        require_label(self.organization, "Verifying Organization")
        require(
            self.at.tzinfo is not None,
            "The time of the verification has no zone; give an aware datetime, e.g. datetime.now(UTC).",
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """What the flags of a report say.

    Attributes:
        complete: the algorithm did all that it was to do (Completion Flag, 0040,A491).
        incomplete_because: why not, in words (Completion Flag Description, 0040,A492).
        preliminary: the algorithm will replace the report itself (Preliminary Flag, 0040,A496); FINAL does not mean
            that a person agreed.
        verification: a person who answers for it; nobody, as after every run of an algorithm, when None.
    """

    complete: bool = True
    incomplete_because: str = ""
    preliminary: bool = False
    verification: Verification | None = None

    def __post_init__(self) -> None:
        require(
            self.complete != bool(self.incomplete_because),
            "A partial report says why, and a complete one does not (Completion Flag Description, PS3.3 C.17.2).",
        )
        if self.incomplete_because:
            require_label(self.incomplete_because, "Completion Flag Description")
        require(
            self.complete or self.verification is None,
            "A partial report is not verified; verify the complete one that follows it (PS3.3 C.17.2).",
        )
