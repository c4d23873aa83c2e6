"""Pages for the person who empties the quarantine; served on this machine only, to who started them."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, Response

from actors.shared.pages import Templates
from actors.shared.pages import create_app as create_pages_app
from actors.task_requester.forms import read_form, require_here
from actors.task_requester.quarantine import Quarantine
from actors.task_requester.showing import HIDDEN, is_shown, shown_lines
from profiles.errors import BadInput
from profiles.hl7.mending import Change, mend, read_values

PACKAGE = "actors.task_requester"


@dataclass(frozen=True, slots=True)
class Desk:
    """What the pages need.

    Attributes:
        quarantine: the refused messages.
        send: sends a message to the listener and gives its answer.
        default_charset: as for `profiles.hl7.read`.
        watcher_url: where the worklist is shown; empty when it is not known.
        token: only pages of this desk know it, so no other page can send a form.
    """

    quarantine: Quarantine
    send: Callable[[bytes], bytes]
    default_charset: str
    watcher_url: str
    token: str

    async def form(self, request: Request) -> dict[str, str]:
        """The fields of a form of these pages."""
        return await read_form(request, self.token)

    def mended(self, number: int, fields: dict[str, str]) -> tuple[bytes, list[Change]]:
        """The message with the values that a form asks for; as it came when it asks for none."""
        row = self.quarantine.message(number)
        lines = fields.get("values", "").splitlines()
        values = read_values([line for line in lines if line.strip()])
        return mend(row.content, values, self.default_charset) if values else (row.content, [])

    def send_instead(self, number: int, fields: dict[str, str]) -> str:
        """Send what a form asks for; what came of it, in words."""
        content, changes = self.mended(number, fields)
        places = "mended in " + ", ".join(str(change.path) for change in changes) if changes else ""
        sent = self.quarantine.send(self.quarantine.message(number), content, places, self.send)
        return (
            f"Message {number} was answered {sent.answer_code} and is message {sent.number} now. {sent.reason}".strip()
        )


def create_app(
    quarantine: Quarantine,
    send: Callable[[bytes], bytes],
    *,
    default_charset: str,
    watcher_url: str = "",
) -> FastAPI:
    """The pages; the arguments are those of `Desk`."""
    desk = Desk(quarantine, send, default_charset, watcher_url, secrets.token_urlsafe())
    templates = Templates(PACKAGE, values={"worklist_url": watcher_url, "token": desk.token})
    router = APIRouter(dependencies=[Depends(require_here)])
    _add_reading(router, desk, templates)
    _add_deciding(router, desk, templates)
    return create_pages_app("orders_desk", [router])


def _add_reading(router: APIRouter, desk: Desk, templates: Templates) -> None:
    @router.get("/", response_class=HTMLResponse)
    def waiting(every: bool = False) -> Response:
        found = desk.quarantine.waiting(decided=every)
        return templates.page("quarantine.html", found=found, every=every)

    @router.get("/messages/{number}", response_class=HTMLResponse)
    def message(number: int, with_patient: bool = False) -> Response:
        row = desk.quarantine.message(number)
        return templates.page(
            "message.html",
            row=row,
            lines=shown_lines(row, desk.default_charset, with_patient=with_patient),
            decisions=desk.quarantine.decisions(number),
            with_patient=with_patient,
        )


def _add_deciding(router: APIRouter, desk: Desk, templates: Templates) -> None:
    @router.post("/messages/{number}/mend", response_class=HTMLResponse)
    async def confirm(number: int, request: Request) -> Response:
        fields = await desk.form(request)
        _, changes = await run_in_threadpool(desk.mended, number, fields)
        shown = [
            (str(one.path), one.before, one.after)
            if is_shown(one.path.segment, one.path.field)
            else (str(one.path), HIDDEN, HIDDEN)
            for one in changes
        ]
        return templates.page("confirm.html", number=number, changes=shown, values=fields.get("values", ""))

    @router.post("/messages/{number}/send", response_class=HTMLResponse)
    async def send(number: int, request: Request) -> Response:
        fields = await desk.form(request)
        return templates.page("said.html", words=await run_in_threadpool(desk.send_instead, number, fields))

    @router.post("/messages/{number}/dismiss", response_class=HTMLResponse)
    async def dismiss(number: int, request: Request) -> Response:
        reason = (await desk.form(request)).get("reason", "").strip()
        if not reason:
            raise BadInput("Say why nothing is done about the message.")

        def set_aside() -> None:
            desk.quarantine.set_aside(desk.quarantine.message(number), reason)

        await run_in_threadpool(set_aside)
        return templates.page("said.html", words=f"Message {number} is set aside.")
