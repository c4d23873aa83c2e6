"""Outcomes and refusals as DIMSE statuses (PS3.4 Annex CC, PS3.7 Annex C): rows of the error table, looked up."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from pydicom.dataset import Dataset

from profiles.errors import ErrorRow, StepwellError, error_row

SUCCESS = 0x0000
PENDING = 0xFF00
PENDING_WITH_UNSUPPORTED_KEYS = 0xFF01
CANCEL = 0xFE00
_COMMENT = 64  # Error Comment (0000,0902) is LO


class Service(StrEnum):
    """DIMSE services of UPS (PS3.4 Tables CC.2-1 to CC.2-5)."""

    CREATE = "N-CREATE"
    GET = "N-GET"
    SET = "N-SET"
    ACTION = "N-ACTION"
    FIND = "C-FIND"


#: What cannot be understood is an invalid attribute value, but an argument or an identifier in these services.
_BAD_INPUT: Mapping[str, str] = {Service.ACTION: "invalid-argument", Service.FIND: "identifier-mismatch"}


def row_of(error: StepwellError, service: str) -> ErrorRow:
    """The row by which a service tells a refusal: of the first finding where there are several."""
    if error.row_key != "bad-input":
        return error.row
    keys = [finding.key for finding in error.findings if finding.key]
    return error_row(keys[0] if keys else _BAD_INPUT.get(service, "bad-input"))


def refused(error: StepwellError, service: Service, uid: str = "") -> Dataset:
    """The status of a refusal, with its reason in an Error Comment, which has no room for the UID of the request."""
    row = row_of(error, service)
    words = f"{error.findings[0].path} {error.findings[0].message}" if error.findings else error.message
    words = words.replace(f" {uid}", "") if uid else words
    return failure(row.dimse or error_row("internal").dimse, words)


def failure(code: str, words: str) -> Dataset:
    """A status with an Error Comment, which is cut to what LO in the default repertoire can hold."""
    status = Dataset()
    status.Status = int(code, 16)
    printable = "".join(one if one.isascii() and one.isprintable() and one != "\\" else "?" for one in words)
    status.ErrorComment = printable[:_COMMENT].rstrip()
    return status


def done(warning: str = "") -> Dataset:
    """The status of what was done; with a warning that of its row."""
    status = Dataset()
    status.Status = int(error_row(warning).dimse, 16) if warning else SUCCESS
    return status
