"""An urgent result raises what else waits for its study: workitems get the priority HIGH (RAD-84; aiw-i.md 6.7).

Whoever asked for them: a waiting one may be changed by anybody who may write to the worklist (PS3.4 section CC.2.6),
one that is worked on by its performer only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import orjson

from actors.shared.logs import get_logger
from actors.task_requester.amending import Worklist
from actors.task_requester.results_back.outbox import Answer, Deliver
from profiles.dicom import JsonDataset, put, text
from profiles.errors import StepwellError, Unavailable

_PRIORITY, _HIGH = "ScheduledProcedureStepPriority", "HIGH"
_log = get_logger(__name__)


class SearchableWorklist(Worklist, Protocol):
    """The part of `actors.shared.ups_client.UpsClient` that is needed here."""

    def search(self, matches: Mapping[str, str] | None = None) -> list[JsonDataset]:
        """Find workitems."""


def raise_message(study_uid: str, workitem_uid: str) -> bytes:
    """What is kept until it is done: which study, and which workitem told of it."""
    return orjson.dumps({"study": study_uid, "because_of": workitem_uid})


def worklist_channel(worklist: SearchableWorklist) -> Deliver:
    """Raises the waiting workitems of a study; done again, it finds nothing left to do."""

    def deliver(message: bytes) -> Answer:
        asked = orjson.loads(message)
        matches = {"StudyInstanceUID": asked["study"], "ProcedureStepState": "SCHEDULED"}
        try:
            found = worklist.search(matches)
        except Unavailable:
            raise
        except StepwellError as error:
            return Answer(False, error.message)
        # a worklist may leave out keys that it does not match
        theirs = [one for one in found if all(text(one, key) == value for key, value in matches.items())]
        waiting = [one for one in theirs if text(one, _PRIORITY) != _HIGH]
        refused = [words for one in waiting if (words := _raise(worklist, text(one, "SOPInstanceUID")))]
        return Answer(True, " ".join(refused))

    return deliver


def _raise(worklist: Worklist, uid: str) -> str:
    """Raise one workitem; what was said against it, e.g. that somebody claimed it meanwhile."""
    try:
        worklist.update(uid, put({}, _PRIORITY, _HIGH), None)
    except Unavailable:
        raise
    except StepwellError as error:
        return f"{uid}: {error.message}"
    _log.info("priority-raised", workitem=uid)
    return ""
