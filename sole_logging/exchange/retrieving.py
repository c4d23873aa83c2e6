"""Event Consumer: events of anybody's repository by ITI-82 Retrieve Syslog Event (sole.md 7.2)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any

import httpx
import orjson

from profiles.errors import BadInput, NotAuthorised, NotFound, StepwellError, Unavailable
from profiles.sole.syslog import SOLE_APPLICATION
from sole_logging.measures.entry import LogEntry, entry_of
from sole_logging.records import SOLE, Projected, StoredMessage, micros, moment, project, stamp

#: Members of a message (sole.md 7.2).
MEMBERS = ("Pri", "Version", "Timestamp", "Hostname", "App-name", "Procid", "Msg-id", "Msg")
_PAGE = 1000
_TOO_LARGE = 413
_SHORTEST = timedelta(seconds=1)


class Repository:
    """An Event Repository that is asked over HTTP.

    Args:
        base_url: of its ITI-82 interface, with or without ``/syslogsearch``.
        timeout_seconds: longest wait for an answer.
        page: how many messages are asked for at one time.
        headers: sent with each request, e.g. an authorization.
        transport: swapped by tests.
    """

    def __init__(
        self,
        base_url: str,
        timeout_seconds: float = 30.0,
        page: int = _PAGE,
        headers: Mapping[str, str] | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._url = f"{base_url.rstrip('/').removesuffix('/syslogsearch')}/syslogsearch"
        self._page = page
        said = {"Accept": "application/json", **(headers or {})}
        self._client = httpx.Client(timeout=timeout_seconds, headers=said, trust_env=False, transport=transport)

    def __enter__(self) -> Repository:
        """Use the repository in a ``with`` block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """End the connections."""
        self.close()

    def close(self) -> None:
        """End the connections."""
        self._client.close()

    def messages(
        self, since: datetime, until: datetime, application: str = SOLE_APPLICATION, **fields: str
    ) -> Iterator[dict[str, str]]:
        """Messages with a TIMESTAMP in a window, in the repository's order, each once.

        Works with repositories that page, with those that do not know ``_count``, and with those that answer 413 when
        too much matches.

        Args:
            since: begin of the window.
            until: its end, excluded.
            application: APP-NAME; empty for all.
            fields: further header fields by their ITI-82 names, hyphens as underscores, e.g. ``msg_id="SOLE115"``.

        Raises:
            NotAuthorised: on 401 and 403.
            NotFound: on 404: there is no ITI-82 at that address.
            Unavailable: when the repository does not answer, fails, or sends what is no answer.
            BadInput: when it says that the question is wrong.
        """
        asked = {name.replace("_", "-"): value for name, value in fields.items() if value}
        if application:
            asked["app-name"] = application
        windows = [(since, until)]
        while windows:
            low, high = windows.pop()
            try:
                yield from self._pages(low, high, asked)
            except _TooMuch:
                if high - low <= _SHORTEST:
                    raise Unavailable(
                        f"{self._url} holds more messages of one second ({low.isoformat()}) than it can answer."
                    ) from None
                middle = low + (high - low) / 2
                windows += [(middle, high), (low, middle)]

    def _pages(self, low: datetime, high: datetime, asked: Mapping[str, str]) -> Iterator[dict[str, str]]:
        dates = [f"ge{_stamp(low)}", f"lt{_stamp(high)}"]
        events = self._ask({"date": dates, **asked, "_count": str(self._page), "_offset": "0"})
        offset = 0
        while events:
            offset += len(events)
            following = self._ask({"date": dates, **asked, "_count": str(self._page), "_offset": str(offset)})
            if following == events:  # it does not know _offset
                if len(events) == self._page:
                    raise _TooMuch
                following = []
            yield from events
            events = following

    def _ask(self, query: Mapping[str, Any]) -> list[dict[str, str]]:
        try:
            answer = self._client.get(self._url, params=query)
        except httpx.TimeoutException as error:
            raise Unavailable(f"{self._url} did not answer in time. Ask for a shorter time, or try again.") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable(
                f"{self._url} cannot be asked: {error or type(error).__name__}. Is the repository running?"
            ) from error
        if answer.status_code == _TOO_LARGE:
            raise _TooMuch
        if answer.status_code != httpx.codes.OK:
            raise _refusal(self._url, answer)
        try:
            events = answer.json()["Events"]
            return [{name: str(event.get(name, "-")) for name in MEMBERS} for event in events]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Unavailable(
                f"What {self._url} sent is no answer of ITI-82 ({type(error).__name__}): it must be JSON with a member "
                "Events (sole.md 7.2). It may have been broken off; try again, or ask for a shorter time."
            ) from error


class _TooMuch(Exception):
    """More matches than the repository puts into one answer."""


def frame_of(message: Mapping[str, str]) -> bytes:
    """The syslog message that the members of an answer tell; MSG alone when it had no header."""
    if not message["Pri"].isdecimal():
        return message["Msg"].encode()
    names = ("Timestamp", "Hostname", "App-name", "Procid", "Msg-id")
    header = " ".join([f"<{message['Pri']}>{message['Version']}", *(message[name] for name in names)])
    return f"{header} - {message['Msg']}".encode()


def entries_of(messages: Iterable[Mapping[str, str]]) -> Iterator[LogEntry]:
    """The operational events among messages (SOLE-068); those that cannot be read are passed over.

    ITI-82 does not tell when a message was received; its TIMESTAMP stands for that.
    """
    for read in map(_read, messages):
        if read.columns["family"] == SOLE:
            at, sent = (moment(read.columns[name]) for name in ("at", "received_at"))
            person = read.event.person if read.event else ""
            yield entry_of({**read.columns, "at": at, "received_at": max(at, sent), "person": person})


def documents_of(messages: Iterable[Mapping[str, str]]) -> Iterator[dict[str, Any]]:
    """What messages say, JSON-ready and without the patient; of unknown codes and broken content what there is."""
    for message, read in ((one, _read(one)) for one in messages):
        said = orjson.loads(read.columns["parsed"]) if read.event else {"code": message["Msg-id"], "meaning": ""}
        columns = {name: read.columns[name] or "" for name in ("family", "accession", "study", "workitem")}
        yield {
            **said,
            **columns,
            "at": stamp(read.columns["at"]),
            "host": message["Hostname"],
            "malformed": read.columns["flaw"] or "",
        }


def _read(message: Mapping[str, str]) -> Projected:
    sent = datetime.now(UTC)
    with suppress(ValueError):
        sent = datetime.fromisoformat(message["Timestamp"])
    raw = frame_of(message)
    key = hashlib.sha256(raw).digest()
    received = micros(sent.replace(tzinfo=sent.tzinfo or UTC))
    return project(StoredMessage(0, key, received, message["Hostname"], message["App-name"], raw))


def _refusal(url: str, answer: httpx.Response) -> StepwellError:
    said = answer.text[:200].strip()
    words = f"{url} answered {answer.status_code} {answer.reason_phrase}{': ' + said if said else ''}."
    status = answer.status_code
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return NotAuthorised(f"{words} Ask its administrator for the right to read the log.")
    if status == httpx.codes.NOT_FOUND:
        return NotFound(f"{words} Give the base address of its ITI-82 interface.")
    if httpx.codes.is_client_error(status):
        return BadInput(words)
    return Unavailable(f"{words} Try again later.")


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
