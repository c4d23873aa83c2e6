"""The refusal of results that may not be written."""

from __future__ import annotations

from profiles.errors import BadInput


class IllegalResult(BadInput):
    """A result, or what it is to be tied to, breaks a rule; the message says which, and how to mend it."""


def require(condition: bool, message: str) -> None:
    """Refuse unless the condition holds.

    Raises:
        IllegalResult: with the message.
    """
    if not condition:
        raise IllegalResult(message)
