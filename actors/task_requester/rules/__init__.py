"""Rules: which studies get which workitem (design decision D12; ``docs/rules.md``).

``model`` is the file as it is written, ``language`` its expressions, ``fields`` their values, ``loading`` reads a file,
``deciding`` asks a rule, ``priors`` finds earlier studies, ``duplicates`` earlier workitems, ``requesting`` makes the
content of a workitem. For people who write rules are ``checking`` (with ``sampling``, ``forms`` of values, and what is
``offered``), ``trying`` over one study, and ``replay`` over earlier orders.
"""

from actors.task_requester.rules.deciding import Decision, Rule
from actors.task_requester.rules.loading import load_rules
from actors.task_requester.rules.model import RuleTable

__all__ = ["Decision", "Rule", "RuleTable", "load_rules"]
