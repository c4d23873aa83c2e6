"""Whom the Watcher asks: the Task Manager's worklist (RAD-81, RAD-83) and the Event Repository's events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import httpx

from actors.shared.ups_client import UpsClient
from actors.watcher.settings import Settings
from profiles.dicom import JsonDataset
from profiles.errors import Unavailable
from sole_logging.targets import authorization

EVENT_LIMIT = 1000


class Worklist(Protocol):
    """What the pages need of a worklist."""

    def search(self, matches: Mapping[str, str], limit: int, fields: tuple[str, ...]) -> list[JsonDataset]:
        """Workitems that match."""

    def retrieve(self, uid: str) -> JsonDataset:
        """One workitem."""

    def close(self) -> None:
        """End the connections."""


@contextmanager
def _understood() -> Iterator[None]:
    """An answer that is no DICOM JSON is as good as none."""
    try:
        yield
    except (ValueError, IndexError, TypeError) as error:
        raise Unavailable(
            "What answers as the Task Manager does not speak the DICOM JSON Model (PS3.18 Annex F). Check "
            "task_manager_url of [watcher]."
        ) from error


def _list(found: Any) -> list[Any]:
    if not isinstance(found, list):
        raise TypeError("no list")
    return found


def _dataset(found: Any) -> JsonDataset:
    if not isinstance(found, dict) or not all(isinstance(element, dict) for element in found.values()):
        raise TypeError("no dataset")
    return found


class TaskManagerWorklist:
    """The worklist of a Task Manager, over UPS-RS."""

    def __init__(self, settings: Settings) -> None:
        self._client = UpsClient(
            settings.task_manager_url, ae_title=settings.ae_title, timeout_seconds=settings.timeout_seconds
        )

    def search(self, matches: Mapping[str, str], limit: int, fields: tuple[str, ...]) -> list[JsonDataset]:
        """Workitems that match (PS3.18 section 11.9).

        Raises:
            Unavailable: when the Task Manager is away.
        """
        with _understood():
            found = self._client.search(matches, limit=limit, includefield=",".join(fields))
            return [_dataset(one) for one in _list(found)]

    def retrieve(self, uid: str) -> JsonDataset:
        """One workitem (PS3.18 section 11.5).

        Raises:
            NotFound: when there is none.
            Unavailable: when the Task Manager is away.
        """
        with _understood():
            return _dataset(self._client.retrieve(uid))

    def close(self) -> None:
        """End the connections."""
        self._client.close()


class Events:
    """The events of an Event Repository.

    Args:
        base_url: of the repository; empty when there is none.
        timeout_seconds: how long to wait.
        token: that it asks for.
    """

    def __init__(self, base_url: str, timeout_seconds: float = 10.0, token: str = "") -> None:
        self._base_url = base_url.rstrip("/")
        self._client = httpx.Client(timeout=timeout_seconds, trust_env=False, headers=authorization(token))

    def of(self, **match: str) -> list[dict[str, Any]]:
        """Events of an accession number, study or workitem, in the order in which they happened.

        Raises:
            Unavailable: when the repository is away or answers something else than events.
        """
        if not self._base_url:
            return []
        try:
            answer = self._client.get(f"{self._base_url}/events", params={**match, "limit": EVENT_LIMIT})
            answer.raise_for_status()
            found = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise Unavailable(
                f"The event repository at {self._base_url} did not answer ({type(error).__name__}). Check that it "
                "runs; this page asks again when it is loaded."
            ) from error
        if not isinstance(found, list):
            raise Unavailable(f"The event repository at {self._base_url} did not answer with a list of events.")
        return sorted(found, key=lambda event: (str(event.get("at", "")), str(event.get("received_at", ""))))

    def close(self) -> None:
        """End the connections."""
        self._client.close()
