"""The classes of the error tree (drawn in the package's docstring)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from profiles.errors.table import ErrorRow, error_row


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong with an input: where, what, by which rule, and what to do about it.

    Attributes:
        path: where.
        message: what.
        rule: section, and requirement id where there is one.
        remedy: what to do.
        key: the row of ``tables/errors.csv`` for this alone; empty where it is that of the whole refusal.
    """

    path: str
    message: str
    rule: str = ""
    remedy: str = ""
    key: str = field(default="", kw_only=True)

    def __str__(self) -> str:
        return " ".join(part for part in (f"{self.path}:" if self.path else "", self.message, self.remedy) if part)


class StepwellError(Exception):
    """Something was refused or failed.

    Args:
        message: what was wrong, the rule with its section, the next step; never patient data or a Transaction UID.
        key: the row of ``tables/errors.csv``; the class's own when not given.
        findings: every single finding, when there are several.
    """

    key: ClassVar[str] = "internal"

    def __init__(self, message: str, *, key: str | None = None, findings: Sequence[Finding] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.row_key = key or self.key
        self.findings = tuple(findings)

    @property
    def row(self) -> ErrorRow:
        """How this error looks on every wire."""
        return error_row(self.row_key)


class BadInput(StepwellError):
    """The request cannot be understood, or breaks a rule for its content."""

    key = "bad-input"


class NotFound(StepwellError):
    """There is no such thing."""

    key = "not-found"


class Gone(NotFound):
    """It was here and has been deleted."""

    key = "gone"


class Conflict(StepwellError):
    """The request is right in form but does not fit the state things are in."""

    key = "conflict"


class NotAuthorised(StepwellError):
    """The caller may not do this."""

    key = "not-authorised"


class NotAcceptable(StepwellError):
    """None of the media types that the caller accepts can be produced."""

    key = "not-acceptable"


class UnsupportedMediaType(StepwellError):
    """The payload's media type is not one that this transaction takes."""

    key = "unsupported-media-type"


class Unavailable(StepwellError):
    """A resource or a peer is away or full; trying again later can help."""

    key = "unavailable"
