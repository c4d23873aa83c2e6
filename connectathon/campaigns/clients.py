"""Clients of a Task Manager that may die at any moment: they send again what was not answered, and keep records."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from actors.shared.ups_client import AlreadyInProgress, DuplicateWorkitem, UpsClient
from actors.shared.ups_watch import watch
from connectathon.campaigns.records import Claim, Heard, Records
from connectathon.workitems import new_workitem, performed
from profiles.dicom import JsonDataset, new_uid, put, put_items, text
from profiles.errors import BadInput, Conflict, Unavailable
from profiles.ups.subscriptions import GLOBAL_SUBSCRIPTION

_AGAIN_SECONDS = 0.05
_CHOICE = 6
T = TypeVar("T")


class Clients:
    """Requesters, performers and subscribers over one service.

    Args:
        base_url: of UPS-RS.
        records: where each of them writes down what it knows.
        over: set when they are to end.
    """

    def __init__(self, base_url: str, records: Records, over: threading.Event) -> None:
        self._base_url, self._records, self._over = base_url, records, over

    def request(self, count: int) -> None:
        """Create so many workitems, each until it is acknowledged."""
        with UpsClient(self._base_url, ae_title="REQUESTER") as client:
            for _ in range(count):
                uid = new_uid()
                with suppress(DuplicateWorkitem):  # the first time was not answered, but done
                    self._until_answered(client.create, new_workitem(now=datetime.now(UTC)), uid)
                self._records.acknowledge_creation(uid)

    def perform(self, ae_title: str, seed: int) -> None:
        """Claim, update and complete whatever is SCHEDULED, until it is over."""
        choose = random.Random(seed)  # noqa: S311 - nothing secret
        with UpsClient(self._base_url, ae_title=ae_title) as client:
            while not self._over.is_set():
                found = self._until_answered(partial(client.search, {"ProcedureStepState": "SCHEDULED"}, limit=_CHOICE))
                if found:
                    self._do(client, ae_title, text(choose.choice(found), "SOPInstanceUID"))
                else:
                    self._over.wait(_AGAIN_SECONDS)

    def _do(self, client: UpsClient, ae_title: str, uid: str) -> None:
        transaction_uid = new_uid()
        try:
            self._until_answered(client.claim, uid, transaction_uid)
        except AlreadyInProgress:  # by this very Transaction UID: the first time was not answered, but done
            pass
        except (BadInput, Conflict):
            self._records.lose_race()
            return
        self._records.acknowledge_claim(uid, Claim(ae_title, transaction_uid))
        for percent, update in _updates():
            self._until_answered(client.update, uid, update, transaction_uid)
            self._records.acknowledge_progress(uid, percent)
        self._until_answered(client.complete, uid, transaction_uid)
        self._records.acknowledge_completion(uid, ae_title)

    def subscribe(self, ae_title: str) -> str:
        """Subscribe an AE to every workitem; the URL of its notification connection."""
        with UpsClient(self._base_url, ae_title=ae_title) as client:
            return client.subscribe(GLOBAL_SUBSCRIPTION)

    def listen(self, ae_title: str, url: str) -> None:
        """Write down every event report, over as many connections as it takes, until it is over."""
        for report in watch(url, self._over):
            self._records.hear(ae_title, Heard(report.message_id, report.workitem_uid))

    def _until_answered(self, ask: Callable[..., T], *arguments: object) -> T:
        while True:
            try:
                return ask(*arguments)
            except Unavailable:
                self._records.miss_answer()
                if self._over.wait(_AGAIN_SECONDS):
                    raise


def _updates() -> Iterator[tuple[int, JsonDataset]]:
    for percent, update in ((50, {}), (100, performed(datetime.now(UTC)))):
        progress: JsonDataset = {}
        put(progress, "ProcedureStepProgress", percent)
        yield percent, put_items(update, "ProcedureStepProgressInformationSequence", progress)
