"""Pages on which a person asks for a rule on a study, having seen what would come of it; on this machine only."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, Response
from sqlmodel import col, select

from actors.shared.multipart import is_uid
from actors.shared.pages import Templates
from actors.shared.pages import create_app as create_pages_app
from actors.task_requester.database import OrderEventRow, OrderRow
from actors.task_requester.forms import read_form, require_here
from actors.task_requester.images import read_study
from actors.task_requester.projection import BULK
from actors.task_requester.recording import stored_order
from actors.task_requester.rules.applying import decide_all
from actors.task_requester.triggers.asking import PRIORITIES, Asking
from actors.task_requester.triggers.bulk import BulkRequests, workitem_of_rule
from actors.task_requester.triggers.reading import order_of_study
from profiles.dicom import JsonDataset, get, get_all, text
from profiles.errors import BadInput, NotFound
from profiles.hl7 import ImagingOrder

PACKAGE = "actors.task_requester"
#: Where the pages are mounted.
PLACE = "/desk"
_RECENT = 20
_LONGEST = 64  # of a UID, and more than an accession number has
_NOT_LITERAL = frozenset("*?\\,")


@dataclass(frozen=True, slots=True)
class Considered:
    """What one rule says about a study, of its own accord and when it is asked for by name.

    Attributes:
        name: of the rule.
        matches: whether it makes a workitem by itself, with the reason in ``why``.
        can_be_asked: whether it makes one when it is asked for, with the reason in ``asked``.
        workitem: the UID of the one that is there already.
    """

    name: str
    matches: bool
    why: str
    can_be_asked: bool
    asked: str
    workitem: str


@dataclass(frozen=True, slots=True)
class RequestDesk:
    """What the pages show and do.

    Attributes:
        asking: records requests.
        bulk: the requests for many studies.
    """

    asking: Asking
    bulk: BulkRequests

    def studies(self, identifier: str) -> list[JsonDataset]:
        """The studies of an accession number or Study Instance UID.

        Raises:
            BadInput: it can be neither.
            NotFound: the archive has none.
        """
        wanted = identifier.strip()
        if not wanted or len(wanted) > _LONGEST or _NOT_LITERAL & set(wanted):
            raise BadInput("Give an accession number or a Study Instance UID, without wildcards.")
        keywords = ["StudyInstanceUID"] if is_uid(wanted) and "." in wanted else []
        for keyword in [*keywords, "AccessionNumber"]:
            found = self.asking.archive.search_studies({keyword: wanted, "includefield": "IssuerOfPatientID"})
            if found:
                return found
        raise NotFound("The archive has no study of that accession number or Study Instance UID.")

    def study(self, uid: str) -> JsonDataset:
        """One study.

        Raises:
            BadInput: this is no UID.
            NotFound: the archive has no such study.
        """
        if not is_uid(uid):
            raise BadInput("This is no Study Instance UID (PS3.5 section 9.1).")
        return self.studies(uid)[0]

    def consider(self, study: JsonDataset) -> list[Considered]:
        """What each rule says about a study, as its order is known now."""
        uid, now = text(study, "StudyInstanceUID"), self.asking.clock()
        archive, rules = self.asking.archive, self.asking.rules
        images, order = read_study(archive, uid), self._order(study)
        by_name = {rule.table.name: order_of_study(study, origin="person", asked=(rule.table.name,)) for rule in rules}
        said = {one.rule.name: one for one in decide_all(rules, order, images, archive, now)}
        asked = {
            name: decide_all(rules, known, images, archive, now)[0] for name, known in by_name.items()
        }  # of an order that nothing else is known of, only the rule that is asked for speaks
        found = []
        with self.asking.ledger.database.read() as session:
            for name, decision in asked.items():
                there = workitem_of_rule(session, uid, name)
                words = said[name].explanation if name in said else "it is not asked about this order"
                matches = name in said and said[name].matches
                answer = decision.matches, decision.explanation
                found.append(Considered(name, matches, words, *answer, there.uid if there else ""))
        return found

    def recent(self) -> list[dict[str, Any]]:
        """The latest requests of people, newest first."""
        asked = (
            select(OrderEventRow, OrderRow)
            .join(OrderRow, col(OrderRow.number) == col(OrderEventRow.order_number))
            .where(OrderEventRow.origin == "person")
            .order_by(col(OrderEventRow.number).desc())
            .limit(_RECENT)
        )
        with self.asking.ledger.database.read() as session:
            return [
                {
                    "at": event.received_at,
                    "accession": order.accession,
                    "study": order.study_uid,
                    "rules": ", ".join(stored_order(event).asked),
                    "state": order.state,
                    "explanation": order.explanation,
                }
                for event, order in session.exec(asked)
            ]

    def _order(self, study: JsonDataset) -> ImagingOrder:
        """The order of a study, else what the archive says of it."""
        known = select(OrderRow).where(OrderRow.study_uid == text(study, "StudyInstanceUID"), OrderRow.origin != BULK)
        with self.asking.ledger.database.read() as session:
            row = session.exec(known.order_by(col(OrderRow.number).desc())).first()
        return self.asking.ledger.content(row) if row else order_of_study(study, origin="person")


def create_pages(asking: Asking, bulk: BulkRequests) -> FastAPI:
    """The pages, to be mounted at `PLACE`.

    Args:
        asking: records requests.
        bulk: the requests for many studies.
    """
    desk, token = RequestDesk(asking, bulk), secrets.token_urlsafe()
    values = {"worklist_url": PLACE, "token": token, "place": PLACE, "priorities": list(PRIORITIES)}
    templates = Templates(PACKAGE, values=values)
    router = APIRouter(dependencies=[Depends(require_here)])
    _add_reading(router, desk, templates)
    _add_asking(router, desk, templates, token)
    return create_pages_app("task_requester", [router])


def _add_reading(router: APIRouter, desk: RequestDesk, templates: Templates) -> None:
    @router.get("/", response_class=HTMLResponse)
    def start() -> Response:
        return templates.page("requests.html", recent=desk.recent(), bulk=desk.bulk.progress())

    @router.get("/studies", response_class=HTMLResponse)
    def find(identifier: str = "") -> Response:
        found = desk.studies(identifier)
        if len(found) == 1:
            return _shown(found[0])
        return templates.page("request_studies.html", studies=[_facts(one) for one in found])

    @router.get("/studies/{uid}", response_class=HTMLResponse)
    def study(uid: str) -> Response:
        return _shown(desk.study(uid))

    def _shown(found: JsonDataset) -> Response:
        return templates.page("request_study.html", study=_facts(found), rules=desk.consider(found))


def _add_asking(router: APIRouter, desk: RequestDesk, templates: Templates, token: str) -> None:
    @router.post("/studies/{uid}/confirm", response_class=HTMLResponse)
    async def confirm(uid: str, request: Request) -> Response:
        fields = await read_form(request, token)
        study = await run_in_threadpool(desk.study, uid)
        rules = await run_in_threadpool(desk.consider, study)
        one = next((one for one in rules if one.name == fields.get("rule")), None)
        priority = fields.get("priority", "")
        if one is None or priority not in PRIORITIES:
            raise BadInput("Choose one of the rules, and one of the priorities, of the page.")
        return templates.page("request_confirm.html", study=_facts(study), rule=one, priority=priority)

    @router.post("/studies/{uid}/ask", response_class=HTMLResponse)
    async def ask(uid: str, request: Request) -> Response:
        fields = await read_form(request, token)
        asked = desk.asking.by_person
        done = await run_in_threadpool(asked, uid, fields.get("rule", ""), fields.get("priority", ""))
        words = f"Request {done.number}: {done.words}."
        return templates.page("request_said.html", words=words)

    @router.post("/bulk/{number}/stop", response_class=HTMLResponse)
    async def stop(number: int, request: Request) -> Response:
        await read_form(request, token)
        count = await run_in_threadpool(desk.bulk.stop, number)
        words = f"{count} studies of bulk request {number} are not asked for any more; what was asked for goes on."
        return templates.page("request_said.html", words=words)


def _facts(study: JsonDataset) -> dict[str, Any]:
    return {
        "uid": text(study, "StudyInstanceUID"),
        "name": text(study, "PatientName"),
        "patient": text(study, "PatientID"),
        "accession": text(study, "AccessionNumber"),
        "date": text(study, "StudyDate"),
        "description": text(study, "StudyDescription"),
        "modalities": ", ".join(map(str, get_all(study, "ModalitiesInStudy"))),
        "instances": get(study, "NumberOfStudyRelatedInstances", ""),
    }
