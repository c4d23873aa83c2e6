"""What an engine says when it will not process something, or will not answer for what came out."""

from __future__ import annotations

from enum import StrEnum

from profiles.dicom import Code


class Moment(StrEnum):
    """When a check looks: at headers, at the volume, or at the results."""

    SERIES = "series"
    INPUT = "input"
    OUTPUT = "output"


class Refused(Exception):
    """An engine refuses its input, or its own output, with a coded reason.

    Args:
        reason: a procedure discontinuation reason (PS3.16 CID 9300).
        text: what was wrong and what to do, without patient data.
        check: id of the check that refused.
        moment: when it looked.
    """

    def __init__(self, reason: Code, text: str, *, check: str = "", moment: Moment = Moment.INPUT) -> None:
        super().__init__(text)
        self.reason = reason
        self.text = text
        self.check = check
        self.moment = moment
