"""Unified Procedure Step: attributes, transitions, requirement ids (PS3.4 Annex CC, PS3.18 chapter 11)."""

from profiles.ups.requirements import Requirement, requirements
from profiles.ups.transitions import Decision, Request, State, TransactionUid, decide
from profiles.ups.validation import (
    declare_character_set,
    validate_create,
    validate_final,
    validate_update,
    with_type_2,
)

__all__ = [
    "Decision",
    "Request",
    "Requirement",
    "State",
    "TransactionUid",
    "decide",
    "declare_character_set",
    "requirements",
    "validate_create",
    "validate_final",
    "validate_update",
    "with_type_2",
]
