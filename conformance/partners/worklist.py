"""One worklist under test, over UPS-RS or over DIMSE: the same operations, the same kind of reply.

A test that is written against :class:`Worklist` runs over both; what differs between the transports is in the reply:
``refused`` is a refusal for state or ownership (400 or 409; a failure status over DIMSE), and ``code`` is the DIMSE
status where there is one.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from conformance.harness.trial import Trial
from conformance.partners import associations
from conformance.partners.attributes import Attributes, put, tag_of, text
from conformance.partners.http import Answer, RecordingClient
from conformance.partners.storage import Address
from profiles.tables import read_table

JSON = "application/dicom+json"
CONTEXTS = (associations.PUSH, associations.WATCH, associations.PULL, associations.QUERY, associations.VERIFICATION)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a worklist answered.

    Attributes:
        ok: whether it was done, with or without a warning.
        status: the HTTP status; 0 over DIMSE.
        code: the DIMSE status, four hexadecimal digits; empty over HTTP.
        warning: text of the Warning header; empty over DIMSE.
        datasets: DICOM JSON objects that came.
        raw: everything that came, for looking for what must not be in it.
        evidence: id of what went over the wire.
    """

    ok: bool
    status: int
    code: str
    warning: str
    datasets: tuple[Attributes, ...]
    raw: bytes
    evidence: str

    @property
    def dataset(self) -> Attributes:
        """The first dataset; empty when there is none."""
        return self.datasets[0] if self.datasets else {}

    @property
    def refused(self) -> bool:
        """Whether it is refused for state or ownership; editions and peers differ between 400 and 409."""
        return self.status in {400, 409} if self.status else self.code[:1] in {"C", "0"} and not self.ok

    @property
    def bad(self) -> bool:
        """Whether it is refused as a bad request (400 by all editions)."""
        return self.status == 400 if self.status else self.code[:1] in {"C", "0"} and not self.ok  # noqa: PLR2004

    @property
    def absent(self) -> bool:
        """Whether it says that there is no such workitem, or no more."""
        return self.status in {404, 410} if self.status else self.code in {"C307", "0112"}

    @property
    def warned(self) -> bool:
        """Whether it was done with a warning."""
        return self.ok and (bool(self.warning) if self.status else self.code.startswith("B"))

    @property
    def words(self) -> str:
        """Status and Warning, for what was found."""
        if not self.status:
            return f"status {self.code}"
        return f"status {self.status}" + (f", Warning: {self.warning}" if self.warning else "")


class Worklist(ABC):
    """The operations of AIW-I on one worklist."""

    @abstractmethod
    def create(self, content: Attributes, uid: str) -> Reply:
        """RAD-80."""

    @abstractmethod
    def retrieve(self, uid: str) -> Reply:
        """RAD-83."""

    @abstractmethod
    def update(self, uid: str, changes: Attributes, transaction_uid: str = "") -> Reply:
        """RAD-84."""

    @abstractmethod
    def change_state(self, uid: str, state: str, transaction_uid: str = "") -> Reply:
        """RAD-82 and RAD-85."""

    @abstractmethod
    def request_cancel(self, uid: str, information: Attributes | None = None) -> Reply:
        """RAD-88."""

    @abstractmethod
    def search(self, keys: Mapping[str, str], *returned: str) -> Reply:
        """RAD-81, by dotted paths of keywords; further attributes to return."""

    def state(self, uid: str) -> str:
        """Procedure Step State as Retrieve tells it; empty when there is none."""
        return text(self.retrieve(uid).dataset, "ProcedureStepState")


class RestWorklist(Worklist):
    """Over UPS-RS (PS3.18 chapter 11)."""

    def __init__(self, http: RecordingClient, ae_title: str, *, bare: bool = False) -> None:
        """Nothing is sent yet.

        Args:
            http: to the service.
            ae_title: of the harness.
            bare: whether UIDs stand in a query without a name, as the templates show them and RFC 6570 does not.
        """
        self.http, self.ae_title, self._bare = http, ae_title, bare

    def query(self, name: str, value: str) -> str:
        """A variable of a template as the query of an address: ``workitem``, ``transaction-uid`` or ``requester``."""
        if not value:
            return ""
        return quote(value) if self._bare and name != "requester" else f"{name}={quote(value)}"

    def create(self, content: Attributes, uid: str) -> Reply:
        """``POST /workitems?workitem``."""
        return self._json("POST", "/workitems", [content], self.query("workitem", uid))

    def retrieve(self, uid: str) -> Reply:
        """``GET /workitems/uid``."""
        return reply(self.http.send("GET", f"/workitems/{uid}", headers={"Accept": JSON}))

    def update(self, uid: str, changes: Attributes, transaction_uid: str = "") -> Reply:
        """``POST /workitems/uid?transaction-uid``."""
        return self._json("POST", f"/workitems/{uid}", [changes], self.query("transaction-uid", transaction_uid))

    def change_state(self, uid: str, state: str, transaction_uid: str = "") -> Reply:
        """``PUT /workitems/uid/state?requester``."""
        content = put({}, "ProcedureStepState", state)
        if transaction_uid:
            put(content, "TransactionUID", transaction_uid)
        return self._json("PUT", f"/workitems/{uid}/state", [dict(sorted(content.items()))], self._requester)

    def request_cancel(self, uid: str, information: Attributes | None = None) -> Reply:
        """``POST /workitems/uid/cancelrequest?requester``."""
        path = f"/workitems/{uid}/cancelrequest"
        if information is None:
            return reply(self.http.send("POST", path, query=self._requester))
        return self._json("POST", path, [information], self._requester)

    def search(self, keys: Mapping[str, str], *returned: str) -> Reply:
        """``GET /workitems``."""
        pairs = [*keys.items(), *(("includefield", one) for one in returned)]
        query = "&".join(f"{name}={quote(value, safe='*?')}" for name, value in pairs)
        return reply(self.http.send("GET", "/workitems", query=query, headers={"Accept": JSON}))

    @property
    def _requester(self) -> str:
        return self.query("requester", self.ae_title)

    def _json(self, method: str, path: str, payload: Any, query: str = "") -> Reply:
        headers = {"Content-Type": JSON, "Accept": JSON}
        return reply(self.http.send(method, path, query=query, headers=headers, body=json.dumps(payload).encode()))


class DimseWorklist(Worklist):
    """Over the UPS SOP classes (PS3.4 Annex CC), on one association that stays open until the trial ends."""

    def __init__(self, trial: Trial, address: Address, ae_title: str) -> None:
        """Nothing is sent yet."""
        self.trial, self.address, self.ae_title = trial, address, ae_title
        self._opened: associations.UpsAssociation | None = None

    @property
    def association(self) -> associations.UpsAssociation:
        """The association; opened when it is first asked for."""
        if self._opened is None:
            stack = ExitStack()
            self._opened = stack.enter_context(
                associations.associated(self.trial, self.address, self.ae_title, CONTEXTS)
            )
            self.trial.defer(stack.close)
        return self._opened

    def create(self, content: Attributes, uid: str) -> Reply:
        """N-CREATE on UPS Push."""
        return _outcome(self.association.create(content, uid))

    def retrieve(self, uid: str) -> Reply:
        """N-GET of every attribute of the table."""
        return _outcome(self.association.get(uid, _TAGS))

    def update(self, uid: str, changes: Attributes, transaction_uid: str = "") -> Reply:
        """N-SET."""
        content = dict(changes)
        if transaction_uid:
            put(content, "TransactionUID", transaction_uid)
        return _outcome(self.association.set(uid, dict(sorted(content.items()))))

    def change_state(self, uid: str, state: str, transaction_uid: str = "") -> Reply:
        """N-ACTION type 1."""
        content = put({}, "ProcedureStepState", state)
        if transaction_uid:
            put(content, "TransactionUID", transaction_uid)
        information = dict(sorted(content.items()))
        return _outcome(self.association.action(associations.CHANGE_STATE, uid, information))

    def request_cancel(self, uid: str, information: Attributes | None = None) -> Reply:
        """N-ACTION type 2 on UPS Push."""
        kind = associations.REQUEST_CANCEL
        return _outcome(self.association.action(kind, uid, information or {}, associations.PUSH))

    def search(self, keys: Mapping[str, str], *returned: str) -> Reply:
        """C-FIND on UPS Pull; keys of one sequence are in one item."""
        identifier: Attributes = {}
        for keyword in ("SOPInstanceUID", "ProcedureStepState", "WorklistLabel", *returned):
            put(identifier, keyword)
        for path, value in keys.items():
            _set_key(identifier, path.split("."), value)
        return _outcome(self.association.find(dict(sorted(identifier.items()))))


def reply(answer: Answer) -> Reply:
    """The reply that an HTTP answer is."""
    datasets: list[Attributes] = []
    if answer.ok and answer.body.strip() and JSON.split("/")[1] in answer.headers.get("content-type", ""):
        told = answer.json()
        datasets = [one for one in (told if isinstance(told, list) else [told]) if isinstance(one, dict)]
    headers = "\n".join(f"{name}: {value}" for name, value in answer.headers.items()).encode()
    return Reply(
        answer.ok, answer.status, "", answer.warning, tuple(datasets), headers + b"\n" + answer.body, answer.evidence
    )


def _outcome(outcome: associations.Outcome) -> Reply:
    datasets = tuple(_without_empty_values(one) for one in outcome.datasets)
    return Reply(outcome.ok, 0, outcome.status, "", datasets, json.dumps(datasets).encode(), outcome.evidence)


def _without_empty_values(dataset: Attributes) -> Attributes:
    """A dataset as DICOM JSON writes it: what is empty has no Value (PS3.18 section F.2.5)."""
    told: Attributes = {}
    for tag, element in dataset.items():
        told[tag] = {key: value for key, value in element.items() if key != "Value"}
        if element.get("Value"):
            items = element["vr"] == "SQ"
            told[tag]["Value"] = [_without_empty_values(one) if items else one for one in element["Value"]]
    return told


def _set_key(identifier: Attributes, path: list[str], value: str) -> None:
    head, *rest = path
    if not rest:
        put(identifier, head, value)
        return
    element = identifier.get(tag_of(head), {})
    item = element["Value"][0] if element.get("Value") else {}
    _set_key(item, rest, value)
    put(identifier, head, dict(sorted(item.items())))


_TAGS = [
    row["tag"].strip("()").replace(",", "")
    for row in read_table("profiles.ups", "ups_attributes")
    if row["tag"] and row["path"] == row["keyword"] and row["nget"] not in {"NA", "-"}
]
