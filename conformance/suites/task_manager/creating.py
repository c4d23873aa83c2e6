"""RAD-80: workitems are created whole and legal, or not at all (PS3.18 section 11.4; PS3.4 section CC.2.5)."""

from __future__ import annotations

import json
from functools import partial

from lxml import etree

from conformance.harness import Trial, shows
from conformance.partners.attributes import Attributes, put, text, values
from conformance.partners.workitems import creation_types, new_uid, without, workitem
from conformance.partners.worklist import JSON, Reply, reply
from conformance.suites.task_manager.stage import BOTH, COMPLETED, IN_PROGRESS, Manager

_NOT_SCHEDULED = "C309"
_MISSING = ("0120", "0121", "0106")
_NAMES = ("Müller^Jörg", "山田^太郎", "Иванов^Пётр")
_FILLED_IN = {"00081195"}
_MANY = 500


@shows("AIWI-TM-001", "A legal workitem is created, and retrieved as it was sent", transports=BOTH)
def create(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-001."""
    content = workitem()
    uid = new_uid()
    answer = manager.worklist.create(content, uid)
    trial.defer(lambda: manager.worklist.request_cancel(uid))
    trial.require(answer.ok, "the workitem is created", answer.words, answer.evidence)
    if trial.transport == "rest":
        trial.must(answer.status == 201, "the status is 201", answer.words, answer.evidence)  # noqa: PLR2004
        _located(trial, manager, answer, uid)
    found = manager.worklist.retrieve(uid)
    lost = [tag for tag in _differing(content, found.dataset) if tag not in _FILLED_IN]
    trial.must(found.ok and not lost, "it is retrieved as it was sent", f"differs in {lost}", found.evidence)


def _located(trial: Trial, manager: Manager, answer: Reply, uid: str) -> None:
    headers = answer.raw.split(b"\n\n")[0].decode(errors="replace")
    lines = dict(line.split(": ", 1) for line in headers.splitlines() if ": " in line)
    where = lines.get("location", "")
    trial.must(where.rstrip("/").endswith(uid), "Location names the workitem", where or "no Location", answer.evidence)
    if where:
        path = where if "://" in where else f"/workitems/{where.rstrip('/').rsplit('/', 1)[-1]}"
        found = reply(manager.http.send("GET", path, headers={"Accept": JSON}))
        trial.must(found.ok, "Location leads to the workitem", found.words, found.evidence)


def _differing(sent: Attributes, found: Attributes) -> list[str]:
    """Tags that came back otherwise than they were sent; empty and absent are the same to this test."""
    return [tag for tag, element in sent.items() if element.get("Value", []) != found.get(tag, {}).get("Value", [])]


@shows("AIWI-TM-002", "A workitem whose UID is only in the payload is created under it", transports=("rest",))
def uid_in_the_payload(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-002."""
    uid = new_uid()
    content = put(workitem(), "SOPInstanceUID", uid)
    body = json.dumps([content]).encode()
    answer = reply(manager.http.send("POST", "/workitems", headers={"Content-Type": JSON, "Accept": JSON}, body=body))
    trial.defer(lambda: manager.worklist.request_cancel(uid))
    trial.must(answer.status == 201, "the workitem is created", answer.words, answer.evidence)  # noqa: PLR2004
    if answer.ok:
        found = manager.worklist.retrieve(uid)
        trial.must(found.ok, "it has the UID of the payload", found.words, found.evidence)


@shows("AIWI-TM-003", "A UID that is there already is refused, and the first workitem stays as it was", transports=BOTH)
def duplicate(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-003."""
    uid = manager.created()
    before = manager.worklist.retrieve(uid)
    answer = manager.worklist.create(workitem("ANOTHER"), uid)
    wanted = answer.status == 409 or answer.code == "0111"  # noqa: PLR2004
    trial.must(wanted, "the second one is refused (409; 0111 over DIMSE)", answer.words, answer.evidence)
    manager.must_be_unchanged(uid, before, "the refusal")


@shows("AIWI-TM-004", "A workitem can only be created as SCHEDULED", transports=BOTH)
def only_scheduled(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-004."""
    for state in (IN_PROGRESS, COMPLETED, "CANCELED", ""):
        content = workitem()
        content = put(content, "ProcedureStepState", state) if state else without(content, "ProcedureStepState")
        uid = new_uid()
        answer = manager.worklist.create(content, uid)
        trial.must(answer.bad, f"a workitem in state {state or 'none'} is refused", answer.words, answer.evidence)
        if state and answer.code:
            trial.must(answer.code == _NOT_SCHEDULED, "the status is C309", answer.words, answer.evidence)
        _is_absent(trial, manager, uid)


@shows("AIWI-TM-005", "A workitem without a required attribute is refused", transports=BOTH)
def required(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-005."""
    for keyword in _of_type("1"):
        uid = new_uid()
        answer = manager.worklist.create(without(workitem(), keyword), uid)
        trial.must(answer.bad, f"a workitem without {keyword} is refused", answer.words, answer.evidence)
        if answer.code and keyword != "ProcedureStepState":
            trial.should(answer.code in _MISSING, "the status is 0120 or 0121", answer.words, answer.evidence)
        _is_absent(trial, manager, uid)


@shows("AIWI-TM-087", "A workitem without an attribute that may be empty is refused or completed", transports=BOTH)
def may_be_empty(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-087."""
    for keyword in _of_type("2"):
        uid = new_uid()
        answer = manager.worklist.create(without(workitem(), keyword), uid)
        if not answer.ok:
            trial.must(answer.bad, f"without {keyword} it is refused as a bad request", answer.words, answer.evidence)
            _is_absent(trial, manager, uid)
            continue
        trial.defer(partial(manager.worklist.request_cancel, uid))
        trial.must(answer.warned, f"without {keyword} it is created with a warning", answer.words, answer.evidence)
        found = manager.worklist.retrieve(uid)
        there = values(found.dataset, keyword) == [] or keyword == "WorklistLabel"
        trial.must(found.ok and there, f"{keyword} is empty then", found.words, found.evidence)


@shows(
    "AIWI-TM-006", "A value that is not of the enumerated ones is refused, or replaced with a warning", transports=BOTH
)
def enumerated(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-006."""
    for keyword, value, legal in (
        ("ScheduledProcedureStepPriority", "URGENT", {"HIGH", "MEDIUM", "LOW"}),
        ("InputReadinessState", "MAYBE", {"INCOMPLETE", "UNAVAILABLE", "READY"}),
    ):
        uid = new_uid()
        answer = manager.worklist.create(put(workitem(), keyword, value), uid)
        if answer.ok:
            trial.defer(partial(manager.worklist.request_cancel, uid))
            stored = text(manager.worklist.retrieve(uid).dataset, keyword)
            trial.must(answer.warned, f"{keyword} {value} is changed with a warning", answer.words, answer.evidence)
            trial.must(stored in legal, f"what is stored is legal for {keyword}", stored, answer.evidence)
        else:
            trial.must(answer.bad, f"{keyword} {value} is a bad request", answer.words, answer.evidence)
            _is_absent(trial, manager, uid)


@shows("AIWI-TM-007", "What must be empty at creation is refused, or emptied with a warning", transports=BOTH)
def must_be_empty(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-007."""
    progressed = put({}, "ProcedureStepProgress", 50)
    for keyword, value in (
        ("TransactionUID", trial.transaction_uid()),
        ("ProcedureStepProgressInformationSequence", progressed),
        ("UnifiedProcedureStepPerformedProcedureSequence", {}),
    ):
        uid = new_uid()
        answer = manager.worklist.create(put(workitem(), keyword, value), uid)
        if answer.ok:
            trial.defer(partial(manager.worklist.request_cancel, uid))
            trial.must(answer.warned, f"{keyword} is emptied with a warning", answer.words, answer.evidence)
            found = manager.worklist.retrieve(uid)
            trial.must(not values(found.dataset, keyword), f"{keyword} is empty then", "it has values", found.evidence)
        else:
            trial.must(answer.bad, f"{keyword} with a value is a bad request", answer.words, answer.evidence)


@shows("AIWI-TM-008", "A media type that is none of DICOM's is refused with 415", transports=("rest",))
def media_type(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-008."""
    uid = new_uid()
    body = json.dumps([workitem()]).encode()
    answer = manager.http.send(
        "POST",
        "/workitems",
        query=manager.rest.query("workitem", uid),
        headers={"Content-Type": "text/plain"},
        body=body,
    )
    trial.must(answer.status == 415, "text/plain is refused with 415", answer.words, answer.evidence)  # noqa: PLR2004
    _is_absent(trial, manager, uid)


@shows("AIWI-TM-009", "Broken JSON is refused with 400, and the system lives on", transports=("rest",))
def broken_json(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-009."""
    whole = json.dumps([workitem()])
    without_vr = json.dumps([{tag: {"Value": one.get("Value", [])} for tag, one in workitem().items()}])
    for words, body in (
        ("truncated JSON", whole[: len(whole) // 2]),
        ("JSON without vr", without_vr),
        ("an array of two items", json.dumps([workitem(), workitem()])),
    ):
        uid = new_uid()
        headers = {"Content-Type": JSON, "Accept": JSON}
        answer = manager.http.send(
            "POST", "/workitems", query=manager.rest.query("workitem", uid), headers=headers, body=body.encode()
        )
        trial.must(answer.status == 400, f"{words} is refused with 400", answer.words, answer.evidence)  # noqa: PLR2004
        _is_absent(trial, manager, uid)
    manager.created()


@shows("AIWI-TM-010", "A workitem in XML is created like one in JSON", transports=("rest",), option="xml")
def in_xml(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-010."""
    content = workitem()
    uid = new_uid()
    headers = {"Content-Type": "application/dicom+xml", "Accept": JSON}
    answer = manager.http.send(
        "POST", "/workitems", query=manager.rest.query("workitem", uid), headers=headers, body=_as_xml(content)
    )
    trial.defer(lambda: manager.worklist.request_cancel(uid))
    trial.require(answer.status == 201, "it is created", answer.words, answer.evidence)  # noqa: PLR2004
    found = manager.worklist.retrieve(uid)
    lost = _differing(content, found.dataset)
    trial.must(not lost, "it is retrieved as it was sent", f"differs in {lost}", found.evidence)


@shows("AIWI-TM-011", "Names in any script come back letter by letter", transports=BOTH)
def names(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-011."""
    for name in _NAMES:
        uid = manager.created(workitem(name=name))
        found = manager.worklist.retrieve(uid)
        told: Attributes = next(iter(values(found.dataset, "PatientName")), {})
        came = told.get("Alphabetic", "")
        trial.must(came == name, "the name comes back letter by letter", "another name came", found.evidence)


@shows("AIWI-TM-012", "A workitem with 500 input references is created whole", transports=BOTH)
def many_inputs(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-012."""
    uid = manager.created(workitem(inputs=_MANY))
    found = manager.worklist.retrieve(uid)
    count = len(values(found.dataset, "InputInformationSequence.ReferencedSOPSequence"))
    trial.must(count == _MANY, "every reference is there", f"{count} of {_MANY}", found.evidence)
    manager.must_be_legal(found, "stored", uid)


def _of_type(number: str) -> list[str]:
    """Attributes of the first level that a creation must have, of Type 1 or 2 for the SCU; conditional ones not."""
    return [keyword for keyword, types in creation_types().items() if types.split("/")[0] == number]


def _is_absent(trial: Trial, manager: Manager, uid: str) -> None:
    found = manager.worklist.retrieve(uid)
    trial.must(found.absent, "nothing is created", found.words, found.evidence)


def _as_xml(content: Attributes) -> bytes:
    """The dataset in the Native DICOM Model (PS3.19 Annex A)."""
    root = etree.Element("NativeDicomModel")
    _add_xml(root, content)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))


def _add_xml(parent: etree._Element, content: Attributes) -> None:
    for tag, element in content.items():
        node = etree.SubElement(parent, "DicomAttribute", tag=tag, vr=element["vr"])
        for number, value in enumerate(element.get("Value", []), start=1):
            if element["vr"] == "SQ":
                _add_xml(etree.SubElement(node, "Item", number=str(number)), value)
            elif element["vr"] == "PN":
                group = etree.SubElement(etree.SubElement(node, "PersonName", number=str(number)), "Alphabetic")
                family, _, given = value["Alphabetic"].partition("^")
                etree.SubElement(group, "FamilyName").text = family
                etree.SubElement(group, "GivenName").text = given
            else:
                etree.SubElement(node, "Value", number=str(number)).text = str(value)
