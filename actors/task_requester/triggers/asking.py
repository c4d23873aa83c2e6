"""A person, or a FHIR Task, asks for work on a study."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from actors.task_requester.images import ImageSource
from actors.task_requester.ledger import Ledger
from actors.task_requester.recording import Effect, Told
from actors.task_requester.rules import Rule
from actors.task_requester.triggers.reading import order_of_study
from profiles.dicom import Code
from profiles.errors import BadInput, Finding, NotFound
from profiles.fhir.orders import RequestedOrder

#: How urgent a person may say that it is, as an order would (HL7 table 0485).
PRIORITIES = {"": "", "stat": "S", "asap": "A", "routine": "R"}


@dataclass(frozen=True, slots=True)
class Asking:
    """Records requests.

    Args:
        ledger: takes the events.
        archive: has the studies.
        rules: all of them.
        clock: the present, timezone-aware.
    """

    ledger: Ledger
    archive: ImageSource
    rules: Sequence[Rule]
    clock: Callable[[], datetime]

    def by_person(self, study_uid: str, rule: str, priority: str = "") -> Effect:
        """Have a rule followed for a study that the archive has, whatever its condition says.

        Raises:
            BadInput: there is no such rule or priority.
            NotFound: the archive has no such study.
            MessageRefused: the study belongs to an order for another patient.
        """
        names = [one.table.name for one in self.rules]
        if rule not in names:
            raise BadInput(f"There is no rule {rule[:64]!r}; the rule file has {', '.join(names) or 'none'}.")
        if priority not in PRIORITIES:
            raise BadInput(f"The priority is one of {', '.join(filter(None, PRIORITIES))}.")
        wanted = {"StudyInstanceUID": study_uid, "includefield": "IssuerOfPatientID"}
        found = self.archive.search_studies(wanted)
        if not found:
            raise NotFound("The archive has no study of that Study Instance UID.")
        told = {"origin": "person", "asked": (rule,), "priority": PRIORITIES[priority]}
        order = order_of_study(found[0], **told)
        return self.ledger.record(Told(order, "create", "person", self.clock()))[0]

    def by_resource(self, request: RequestedOrder, action: str) -> Effect:
        """Record what a FHIR resource asks for.

        Args:
            request: the resource.
            action: a row of ``tables/actions.csv``.

        Raises:
            BadInput: no rule makes workitems of the code of a Task.
            MessageRefused: the study belongs to an order for another patient.
        """
        order, now = request.order, self.clock()
        if request.code:
            order = replace(order, asked=self._rules_for(request.code))
        return self.ledger.record(Told(order, action, "fhir", min(request.time or now, now)))[0]

    def _rules_for(self, code: Code) -> tuple[str, ...]:
        """The rules of that name, or whose workitems have that code."""
        wanted = {one.table.name: (one.table.workitem_code.value, one.table.workitem_code.scheme) for one in self.rules}
        found = tuple(
            name for name, known in wanted.items() if code.value == name or (code.value, code.scheme) == known
        )
        if not found:
            words = f"No rule makes a workitem of that code; the rules are {', '.join(wanted) or 'none'}."
            raise BadInput(words, findings=[Finding("Task.code", words, "docs/orders.md")])
        return found
