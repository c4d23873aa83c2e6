"""What if: the waiting of the log simulated with other performers, policies, speeds and loads."""

from sole_logging.whatif.answering import WhatIfAnswer, document_of, what_if
from sole_logging.whatif.policies import WORDS, Policy, policy_of
from sole_logging.whatif.scenario import Scenario
from sole_logging.whatif.work import Work, WorkLog, read_work

__all__ = [
    "WORDS",
    "Policy",
    "Scenario",
    "WhatIfAnswer",
    "Work",
    "WorkLog",
    "document_of",
    "policy_of",
    "read_work",
    "what_if",
]
