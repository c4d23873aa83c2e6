"""Task Managers with one defect each in how they create and show workitems."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connectathon.bad_peers.defects import defect
from connectathon.bad_peers.handling import Handling, lacking, replaced, spoil, with_sent
from connectathon.bad_peers.spoiling import Exchange, spoil_answers
from profiles.dicom import JsonDataset, get, items, put, put_items, text

if TYPE_CHECKING:
    from actors.shared.ups_face.answers import Answer

_TM = "task_manager"
_HANDLERS = "actors.shared.ups_face.handlers"


def _is_creation(exchange: Exchange) -> bool:
    return exchange.method == "POST" and exchange.path.endswith("/workitems")


def _is_retrieval(exchange: Exchange) -> bool:
    return exchange.method == "GET" and "/workitems/" in exchange.path


@defect("tm-location-of-the-list", _TM, "Location names the worklist, not the workitem", fails=("AIWI-TM-001.rest",))
def _location() -> None:
    def change(exchange: Exchange) -> None:
        if _is_creation(exchange) and exchange.ok:
            exchange.headers["location"] = exchange.headers["location"].rpartition("/")[0]

    spoil_answers(change)


@defect("tm-keeps-no-sex", _TM, "Patient's Sex of what is created in JSON is lost", fails=("AIWI-TM-001.rest",))
def _keeps_no_sex() -> None:
    def change(handling: Handling, content: JsonDataset) -> JsonDataset:
        is_json = "json" in handling.ask.request.headers["content-type"]
        return put(content, "PatientSex") if is_json and text(content, "PatientSex") else content

    with_sent("create", change)


@defect("tm-own-uid", _TM, "a UID in the payload is ignored, another one given", warns=("AIWI-TM-002.rest",))
def _own_uid() -> None:
    with_sent("create", lambda _, content: lacking(content, "SOPInstanceUID"))


@defect("tm-doubles-welcome", _TM, "a UID that is there already is answered 201", fails=("AIWI-TM-003.rest",))
def _doubles_welcome() -> None:
    def change(exchange: Exchange) -> None:
        if _is_creation(exchange) and exchange.status == 409:  # noqa: PLR2004 - what the defect is about
            exchange.status = 201

    spoil_answers(change)


@defect("tm-overwrites", _TM, "a second creation replaces the first, and is refused", fails=("AIWI-TM-003.rest",))
def _overwrites() -> None:
    from dataclasses import replace

    from profiles.errors import StepwellError
    from workitems.model import Change

    def answer(handling: Handling) -> Answer:
        try:
            return handling.go_on()
        except StepwellError as error:
            if error.row_key == "duplicate-workitem":
                uid = handling.ask.request.url.query
                held = handling.worklist.find(uid)
                changed = replace(held, revision=held.revision + 1, content={**held.content, **handling.ask.dataset()})
                handling.worklist.apply(Change(changed, held.revision))
            raise

    spoil("create", answer)


@defect("tm-any-state", _TM, "a workitem created IN PROGRESS becomes SCHEDULED", fails=("AIWI-TM-004.rest",))
def _any_state() -> None:
    def change(_: Handling, content: JsonDataset) -> JsonDataset:
        return put(content, "ProcedureStepState", "SCHEDULED") if text(content, "ProcedureStepState") else content

    with_sent("create", change)


@defect("tm-refused-yet-there", _TM, "what is refused for its state is created yet", fails=("AIWI-TM-004.rest",))
def _refused_yet_there() -> None:
    from profiles.errors import StepwellError

    def answer(handling: Handling) -> Answer:
        try:
            return handling.go_on()
        except StepwellError as error:
            if error.row_key == "not-scheduled":
                content = put(dict(handling.ask.dataset()), "ProcedureStepState", "SCHEDULED")
                handling.sent(content).go_on()
            raise

    spoil("create", answer)


@defect("tm-invents-a-label", _TM, "a workitem without its label is given one", fails=("AIWI-TM-005.rest",))
def _invents_a_label() -> None:
    def change(_: Handling, content: JsonDataset) -> JsonDataset:
        return content if text(content, "ProcedureStepLabel") else put(content, "ProcedureStepLabel", "?")

    with_sent("create", change)


@defect("tm-fills-in-silently", _TM, "adds what may be empty, and does not say so", warns=("AIWI-TM-087.rest",))
def _fills_in() -> None:
    from profiles.ups import with_type_2

    def change(_: Handling, content: JsonDataset) -> JsonDataset:
        with_type_2(content)
        return content

    with_sent("create", change)


@defect("tm-urgent-is-high", _TM, "an unknown priority becomes HIGH without a word", fails=("AIWI-TM-006.rest",))
def _urgent_is_high() -> None:
    def change(_: Handling, content: JsonDataset) -> JsonDataset:
        if get(content, "ScheduledProcedureStepPriority") == "URGENT":
            put(content, "ScheduledProcedureStepPriority", "HIGH")
        return content

    with_sent("create", change)


@defect("tm-empties-silently", _TM, "empties what must be empty, and does not say so", warns=("AIWI-TM-007.rest",))
def _empties() -> None:
    def change(_: Handling, content: JsonDataset) -> JsonDataset:
        for keyword in ("ProcedureStepProgressInformationSequence", "UnifiedProcedureStepPerformedProcedureSequence"):
            if items(content, keyword):
                put(content, keyword)
        return content

    with_sent("create", change)


@defect("tm-takes-text", _TM, "takes text/plain for JSON", fails=("AIWI-TM-008.rest",))
def _takes_text() -> None:
    def make(honest: Any) -> Any:
        def read(body: bytes, media_type: str | None, *args: Any, **kwargs: Any) -> Any:
            is_text = (media_type or "").startswith("text/")
            return honest(body, "application/dicom+json" if is_text else media_type, *args, **kwargs)

        return read

    replaced(_HANDLERS, "read_dataset", make)


@defect("tm-breaks-on-broken", _TM, "JSON that breaks off is an internal error", fails=("AIWI-TM-009.rest",))
def _breaks_on_broken() -> None:
    def change(exchange: Exchange) -> None:
        if _is_creation(exchange) and exchange.status == 400 and b"JSON" in exchange.body:  # noqa: PLR2004
            exchange.status = 500

    spoil_answers(change)


@defect("tm-xml-loses-inputs", _TM, "loses the inputs of what is created in XML", fails=("AIWI-TM-010.rest",))
def _xml_loses_inputs() -> None:
    def change(handling: Handling, content: JsonDataset) -> JsonDataset:
        is_xml = "xml" in handling.ask.request.headers["content-type"]
        return put(content, "InputInformationSequence") if is_xml else content

    with_sent("create", change)


@defect("tm-latin-only", _TM, "letters that are not Latin become question marks", fails=("AIWI-TM-011.rest",))
def _latin_only() -> None:
    def change(_: Handling, content: JsonDataset) -> JsonDataset:
        name = get(content, "PatientName", {}).get("Alphabetic", "")
        latin = "".join(letter if ord(letter) < 256 else "?" for letter in name)  # noqa: PLR2004 - Latin-1
        return put(content, "PatientName", {"Alphabetic": latin}) if name else content

    with_sent("create", change)


@defect("tm-hundred-inputs", _TM, "keeps a hundred inputs and no more", warns=("AIWI-TM-012.rest",))
def _hundred_inputs() -> None:
    def change(_: Handling, content: JsonDataset) -> JsonDataset:
        for item in items(content, "InputInformationSequence"):
            put_items(item, "ReferencedSOPSequence", *items(item, "ReferencedSOPSequence")[:100])
        return content

    with_sent("create", change)


@defect("tm-retrieved-twice", _TM, "a workitem is retrieved as two", fails=("AIWI-TM-013.rest",))
def _retrieved_twice() -> None:
    def change(exchange: Exchange) -> None:
        if _is_retrieval(exchange) and exchange.ok and "json" in exchange.headers["content-type"]:
            exchange.answer(exchange.json() * 2)

    spoil_answers(change)


@defect("tm-malformed-is-500", _TM, "what is no UID is an internal error", fails=("AIWI-TM-015.rest",))
def _malformed() -> None:
    def change(exchange: Exchange) -> None:
        if _is_retrieval(exchange) and exchange.status == 400:  # noqa: PLR2004
            exchange.status = 500

    spoil_answers(change)


@defect("tm-any-accept", _TM, "answers JSON whatever is accepted", warns=("AIWI-TM-016.rest",))
def _any_accept() -> None:
    from profiles.errors import NotAcceptable

    def make(honest: Any) -> Any:
        def negotiate(accept: str | None, parameter: str | None) -> Any:
            try:
                return honest(accept, parameter)
            except NotAcceptable:
                return "application/dicom+json"

        return negotiate

    replaced(_HANDLERS, "negotiate", make)
