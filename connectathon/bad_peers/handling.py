"""Spoil what a worklist does about UPS-RS requests: each goes through a function that may do otherwise.

Over DIMSE the worklist stays as good as it is, so that a defect breaks what it is meant to break and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from profiles.dicom import JsonDataset, put, text
from profiles.errors import StepwellError

if TYPE_CHECKING:
    from actors.shared.ups_face.answers import Answer
    from actors.shared.ups_face.handlers import Ask
    from workitems.worklist import Worklist


@dataclass(slots=True)
class Handling:
    """One request on its way to the handler that is honest.

    Attributes:
        ask: the request.
        worklist: that it is about.
        honest: answers it by the rules.
    """

    ask: Ask
    worklist: Worklist
    honest: Callable[[Ask], Answer]

    def go_on(self) -> Answer:
        """Answer it by the rules."""
        return self.honest(self.ask)

    def sent(self, content: JsonDataset) -> Handling:
        """The same request, as if this had been its payload."""
        self.ask.dataset = lambda: content  # type: ignore[method-assign]
        return self

    def asked(self, pairs: Any) -> Handling:
        """The same request, as if these had been the parameters of its query."""
        self.ask.pairs = tuple(pairs)
        return self

    @property
    def content(self) -> JsonDataset:
        """The workitem as it is."""
        return dict(self.worklist.find(self.ask.uid).content)

    @property
    def state(self) -> str:
        """Its state."""
        return text(self.content, "ProcedureStepState")

    @property
    def is_own(self) -> bool:
        """Whether the service performs it itself, by having others do so."""
        return self.worklist.find(self.ask.uid).performer == self.worklist.ae_title

    @property
    def is_foreign(self) -> bool:
        """Whether somebody else than the service performs it now."""
        return self.state == "IN PROGRESS" and not self.is_own

    @property
    def lock(self) -> str:
        """Its Transaction UID."""
        return self.worklist.find(self.ask.uid).transaction_uid


Dishonest = Callable[[Handling], "Answer"]


def spoil(handler: str, answer: Dishonest) -> None:
    """From now on a function answers the requests of one kind.

    Args:
        handler: of ``actors.shared.ups_face.handlers.Handlers``, by its name.
        answer: what answers them.
    """
    from actors.shared.ups_face.handlers import Handlers

    honest = getattr(Handlers, handler)

    def dishonest(self: Any, ask: Ask) -> Answer:
        return answer(Handling(ask, self._worklist, lambda one: honest(self, one)))

    setattr(Handlers, handler, dishonest)


def forgive(handler: str, refusal: str, status: int) -> None:
    """From now on a refusal of one kind is answered by another status, without a word and with nothing done.

    Args:
        handler: whose refusals.
        refusal: key of the error table.
        status: of HTTP.
    """
    from actors.shared.ups_face.answers import Answer

    def answer(handling: Handling) -> Answer:
        try:
            return handling.go_on()
        except StepwellError as error:
            if error.row_key != refusal:
                raise
            return Answer(status)

    spoil(handler, answer)


def with_sent(handler: str, change: Callable[[Handling, JsonDataset], JsonDataset]) -> None:
    """From now on the payload of requests of one kind is changed before they are answered by the rules."""

    def answer(handling: Handling) -> Answer:
        return handling.sent(change(handling, dict(handling.ask.dataset()))).go_on()

    spoil(handler, answer)


def replaced(module: str, name: str, make: Callable[[Any], Any]) -> None:
    """Put what a function makes of it in the place of something that a module uses."""
    where = import_module(module)
    setattr(where, name, make(getattr(where, name)))


def in_state(handling: Handling, state: str, content: JsonDataset | None = None) -> None:
    """Bring a workitem into a state against the rules."""
    from profiles.ups import State
    from workitems.model import Change

    current = handling.worklist.find(handling.ask.uid)
    changed = handling.worklist.in_state(current, dict(content or current.content), State(state))
    handling.worklist.apply(Change(changed, current.revision))


def lacking(content: JsonDataset, *keywords: str) -> JsonDataset:
    """A dataset without some attributes."""
    tags = {tag for keyword in keywords for tag in put({}, keyword)}
    return {tag: value for tag, value in content.items() if tag not in tags}
