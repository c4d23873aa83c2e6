"""The route by which a page says what a reader made of results: ``POST /results/{study}/assessments``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, ValidationError

from actors.image_display.reporting import ReadingLog
from actors.image_display.service import ImageDisplay
from actors.shared.caller import LOCAL_CALLER
from actors.shared.multipart import is_uid
from profiles.errors import BadInput, UnsupportedMediaType
from profiles.sole.syslog import printable

_LONGEST_NAME = 64


class Assessment(BaseModel):
    """A reader's verdict.

    Attributes:
        verdict: on the results.
        results: their SOP Instance UIDs; all of the study's when there are none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    verdict: Literal["accepted", "modified", "rejected", "not-assessed"]
    results: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReaderOf:
    """Says who reads.

    Args:
        header: that an authenticating proxy sets; empty when nobody does.
    """

    header: str = ""

    def __call__(self, request: Request) -> str:
        """User id of the reader."""
        name = request.headers.get(self.header, "") if self.header else ""
        return printable(name, _LONGEST_NAME) if name else LOCAL_CALLER.name


def assessment_router(images: ImageDisplay, reading: ReadingLog, reader: ReaderOf) -> APIRouter:
    """The route.

    Args:
        images: knows the studies.
        reading: told of the verdicts.
        reader: says whose they are.
    """
    router = APIRouter()

    @router.post("/results/{study}/assessments", status_code=204)
    async def assess(request: Request, study: str) -> Response:
        require_uids(study)
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":  # which no form of a foreign page can send
            raise UnsupportedMediaType("A verdict is sent as application/json.")
        told = await _assessment(request)
        await run_in_threadpool(_assess, study, reader(request), told)
        return Response(status_code=204)

    def _assess(study: str, person: str, told: Assessment) -> None:
        reading.assessed(images.study(study), person, told.verdict, told.results)

    return router


async def _assessment(request: Request) -> Assessment:
    try:
        return Assessment.model_validate_json(await request.body())
    except ValidationError as error:
        raise BadInput(
            'A verdict is {"verdict": "accepted", "results": ["1.2.3"]}; verdicts are accepted, modified, rejected and '
            "not-assessed."
        ) from error


def require_uids(study: str, *others: str) -> None:
    """See that an address names UIDs.

    Raises:
        BadInput: when it does not.
    """
    for uid in (study, *(one for one in others if one)):
        if not is_uid(uid):
            raise BadInput(
                "The address names something that is no UID (PS3.5 section 9.1). Follow a link of the worklist."
            )
