"""The error tree, and the one table that says what each error is on each wire.

::

    StepwellError                      something was refused or failed; knows field, rule and remedy
    ├── BadInput                       the request cannot be understood or breaks a rule for content
    ├── NotFound                       no such thing
    │   └── Gone                       it was here and has been deleted
    ├── Conflict                       right in form, wrong for the state things are in
    ├── NotAuthorised                  the caller may not do this
    ├── NotAcceptable / Unsupported    media types
    └── Unavailable                    a resource or peer is away or full; trying again can help

Leaves carry a ``key`` which is a row of ``tables/errors.csv``: HTTP status, Warning text, DIMSE status, audit outcome
and the section that says so. Faces read the table; they have no rule of their own.
"""

from profiles.errors.table import ErrorRow, error_row, error_rows
from profiles.errors.tree import (
    BadInput,
    Conflict,
    Finding,
    Gone,
    NotAcceptable,
    NotAuthorised,
    NotFound,
    StepwellError,
    Unavailable,
    UnsupportedMediaType,
)

__all__ = [
    "BadInput",
    "Conflict",
    "ErrorRow",
    "Finding",
    "Gone",
    "NotAcceptable",
    "NotAuthorised",
    "NotFound",
    "StepwellError",
    "Unavailable",
    "UnsupportedMediaType",
    "error_row",
    "error_rows",
]
