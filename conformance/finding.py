"""What a check has found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is: a broken rule, a broken recommendation or unread rule, or something worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken rule in one place.

    Attributes:
        file: the file or the name under which the object was given.
        rule: id of the rule.
        severity: how bad it is.
        path: where in the object, by keywords and item numbers from 1.
        message: what is wrong there; no patient data.
        fix: what to do about it.
        source: section and edition of the standard, and the row of our rule list.
    """

    file: str
    rule: str
    severity: Severity
    path: str
    message: str
    fix: str
    source: str
