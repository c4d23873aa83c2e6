"""The judge: checks of objects and messages, by rules that cite the standard.

It reads tables and codes of the profiles, and none of the encoders and parsers that it judges.
"""

from conformance.families import FAMILIES, check, check_datasets
from conformance.finding import Finding, Severity

__all__ = ["FAMILIES", "Finding", "Severity", "check", "check_datasets"]
