"""Checks of HL7 version 2 messages by the rules of ``tables/hl7_rules.csv``: orders, patients, results, answers.

Its reader is its own; what HL7 itself says (structures, fields, code tables) comes from hl7apy's tables.
"""

from conformance.hl7.checking import check_acknowledgement, check_files, check_message

__all__ = ["check_acknowledgement", "check_files", "check_message"]
