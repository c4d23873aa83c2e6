"""An AE that subscribes and takes event reports, over the transport of the test (RAD-86, RAD-87, RAD-109)."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urljoin, urlsplit

from conformance.partners import associations
from conformance.partners.attributes import Attributes, put
from conformance.partners.channel import Channel
from conformance.partners.http import Answer
from conformance.partners.reports import Received
from conformance.partners.workitems import workitem
from conformance.partners.worklist import JSON, DimseWorklist, Reply, reply
from conformance.suites.task_manager.stage import Manager

GLOBAL, FILTERED = "1.2.840.10008.5.1.4.34.5", "1.2.840.10008.5.1.4.34.5.1"
_BAD_REQUEST = 400


class Subscriber:
    """One AE; unsubscribed from everything when the test ends.

    Args:
        manager: the system under test.
        ae_title: the harness's own unless given; the system must know it.
        listens: whether it reads what comes over its notification connection.

    Attributes:
        received: the event reports.
    """

    def __init__(self, manager: Manager, ae_title: str = "", *, listens: bool = True) -> None:
        self.manager, self.trial = manager, manager.trial
        self.ae_title = ae_title or manager.declared.harness_ae_title
        self._listens = listens
        self.received = self._inbox() if self.trial.transport == "dimse" else self.open().received
        self.trial.defer(lambda: self.unsubscribe(GLOBAL))

    def open(self) -> Channel:
        """Open a notification connection, another one if there was one before; its reports are what is received now."""
        self.channel = Channel(self.trial, channel_url(self.manager, self.ae_title), listens=self._listens)
        self.received = self.channel.received
        return self.channel

    def subscribe(self, target: str, *, lock: bool = False, keys: Mapping[str, str] | None = None) -> Reply:
        """Subscribe to a workitem, to all, or to those that match."""
        if self.trial.transport == "dimse":
            information = put(put({}, "DeletionLock", "TRUE" if lock else "FALSE"), "ReceivingAE", self.ae_title)
            for keyword, value in (keys or {}).items():
                put(information, keyword, value)
            return self._act(associations.SUBSCRIBE, target, information)
        asked = [f"filter={_filter(keys)}"] if keys else []
        answer = self._post(target, asked, lock)
        if keys and answer.status == _BAD_REQUEST:
            self.trial.note(
                "the filter is refused in one parameter; tried with a parameter for each key", answer.evidence
            )
            answer = self._post(target, [f"{name}={quote(value)}" for name, value in keys.items()], lock)
        return reply(answer)

    def unsubscribe(self, target: str) -> Reply:
        """End a subscription; the end of the global one ends all."""
        if self.trial.transport == "dimse":
            return self._act(associations.UNSUBSCRIBE, target, put({}, "ReceivingAE", self.ae_title))
        return reply(self.manager.http.send("DELETE", self._path(target), headers={"Accept": JSON}))

    def suspend(self, target: str) -> Reply:
        """Be subscribed to no further workitems."""
        if self.trial.transport == "dimse":
            return self._act(associations.SUSPEND, target, put({}, "ReceivingAE", self.ae_title))
        return reply(self.manager.http.send("POST", f"{self._path(target)}/suspend", headers={"Accept": JSON}))

    def subscribed(self, target: str, *, lock: bool = False, keys: Mapping[str, str] | None = None) -> Reply:
        """Subscribe; without it the test makes no sense."""
        answer = self.subscribe(target, lock=lock, keys=keys)
        self.trial.require(answer.ok, "the subscription that the test needs is taken", answer.words, answer.evidence)
        return answer

    def catch_up(self) -> None:
        """Have something else happen, and wait until it is told: whatever was to come before has come then."""
        uid = self.manager.created(put(workitem(), "InputReadinessState", "INCOMPLETE"))
        self.subscribed(uid)
        self.manager.worklist.update(uid, put({}, "InputReadinessState", "READY"))
        if not self.received.wait(uid):
            self.trial.skip("no event of another workitem came, which would have shown that nothing is on its way")

    def _inbox(self) -> Received:
        events = self.manager.events
        if events is None:
            self.trial.omit("the declaration names no port for event reports ([dimse] harness_port)")
        self._association()  # opened first, it is closed last
        return events.inbox(self.ae_title)

    def _act(self, kind: int, target: str, information: Attributes) -> Reply:
        outcome = self._association().action(kind, target, dict(sorted(information.items())), associations.WATCH)
        return Reply(outcome.ok, 0, outcome.status, "", outcome.datasets, b"", outcome.evidence)

    def _association(self) -> associations.UpsAssociation:
        return over_dimse(self.manager).association

    def _post(self, target: str, asked: list[str], lock: bool) -> Answer:
        query = "&".join([*asked, *(["deletionlock=true"] if lock else [])])
        return self.manager.http.send("POST", self._path(target), query=query, headers={"Accept": JSON})

    def _path(self, target: str) -> str:
        return f"/workitems/{target}/subscribers/{quote(self.ae_title)}"


def over_dimse(manager: Manager) -> DimseWorklist:
    """The worklist of the test, which is one over DIMSE."""
    if not isinstance(manager.worklist, DimseWorklist):
        raise TypeError("the test is not over DIMSE")
    return manager.worklist


def channel_url(manager: Manager, ae_title: str) -> str:
    """Where an AE opens its notification connection: as declared, else as the system tells after a subscription.

    A system that tells nothing is asked at the address of the 2026 editions, ``/subscribers/{requester}``.
    """
    base = manager.declared.rest.base_url
    declared = manager.declared.rest.websocket_url
    if declared:
        return declared.replace("{ae}", quote(ae_title))
    if ae_title not in manager.channels:
        path = f"/workitems/{manager.created()}/subscribers/{quote(ae_title)}"
        answer = manager.http.send("POST", path, headers={"Accept": JSON})
        manager.http.send("DELETE", path, headers={"Accept": JSON})
        told = answer.headers.get("content-location") or answer.headers.get("location", "")
        if not told:
            manager.trial.note(
                "no subscription names its notification connection; /subscribers/ is tried", answer.evidence
            )
        manager.channels[ae_title] = channel_of(base, told or f"{base}/subscribers/{quote(ae_title)}")
    return manager.channels[ae_title]


def channel_of(base: str, told: str) -> str:
    """A ws or wss URL from what a system tells, which may be relative to its base."""
    found = urlsplit(urljoin(base.rstrip("/") + "/", told))
    scheme = {"http": "ws", "https": "wss"}.get(found.scheme, found.scheme)
    return found._replace(scheme=scheme).geturl()


def _filter(keys: Mapping[str, str]) -> str:
    return ",".join(f"{name}={quote(value)}" for name, value in keys.items())
