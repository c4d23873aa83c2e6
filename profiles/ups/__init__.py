"""Unified Procedure Step: attributes, transitions, requirement ids (PS3.4 Annex CC, PS3.18 chapter 11)."""

from profiles.ups.attributes import validate_create, validate_final, validate_update
from profiles.ups.requirements import Requirement, requirements
from profiles.ups.transitions import Decision, Request, State, TransactionUid, decide

__all__ = [
    "Decision",
    "Request",
    "Requirement",
    "State",
    "TransactionUid",
    "decide",
    "requirements",
    "validate_create",
    "validate_final",
    "validate_update",
]
