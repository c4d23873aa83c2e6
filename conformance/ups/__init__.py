"""Checks of UPS workitems (PS3.4 Annex CC) and of what AIW-I asks of them, by ``tables/ups_rules.csv``.

A workitem is judged at a moment of its life: what a creation owes is not what a search result owes. The walker of the
attribute table is this package's own. What is not a dataset at all is one finding. No finding repeats a value that
could tell of a patient, nor a Transaction UID.
"""

from conformance.ups.files import check_files
from conformance.ups.judging import check_workitem
from conformance.ups.moments import Moment

__all__ = ["Moment", "check_files", "check_workitem"]
