"""Our own Event Reporter and Event Repository, good and bad, as systems under test."""

import dataclasses
import json
from contextlib import contextmanager
from datetime import UTC, datetime

import httpx

from actors.shared import pki
from conformance.harness.registry import suite
from connectathon.bad_peers.running import running
from connectathon.event_consumer import actions as consuming
from connectathon.event_consumer import event_consumer
from connectathon.event_source import actions, event_source
from connectathon.fiction import new_order
from connectathon.judging import judge
from connectathon.small_repository import small_repository
from connectathon.waiting import free_port
from connectathon.workitems import new_workitem, performed
from profiles.dicom import new_uid

TYPE = {"Content-Type": "application/dicom+json"}

CODES = ["RID45871", "SOLE112", "SOLE115", "AIX103"]


def side(folder, name):
    return {
        key: str(folder / f"{file}")
        for key, file in (("authority", "authority.pem"), ("certificate", f"{name}.pem"), ("key", f"{name}.key"))
    }


@contextmanager
def judged_reporter(folder, peer="good"):
    """A running Event Reporter, and a function that judges it."""
    pki.init(folder / "pki", "Test")
    port, udp = free_port(), free_port()
    target = {"host": "127.0.0.1", "port": port, "udp_port": udp, "tls": side(folder / "pki", "client")}
    with event_source(folder / "source", target, peer) as source:
        yield lambda begins=(): judge(
            suite("event_reporter"),
            {
                "repository": {"port": port, "udp_port": udp, "tls": side(folder / "pki", "server")},
                "events": {"codes": CODES},
                "options": ["workflow", "cancellation", "udp"],
            },
            folder / "evidence",
            actions(source),
            begins,
        )


class ManagerAtWork:
    """A Task Manager whose worklist the operator works with, so that it has something to report."""

    def __init__(self, http):
        self.http = http

    def put(self, method, path, dataset):
        self.http.request(method, path, content=json.dumps([dataset])).raise_for_status()

    def created(self, number=""):
        order = dataclasses.replace(new_order(), **({"accession_number": number} if number else {}))
        uid = new_uid()
        characters = {"00080005": {"vr": "CS", "Value": ["ISO_IR 192"]}}
        self.put("POST", f"/workitems?{uid}", {**characters, **new_workitem(order, now=datetime.now(UTC))})
        return uid

    def state(self, uid, state, transaction):
        body = {"00741000": {"vr": "CS", "Value": [state]}, "00081195": {"vr": "UI", "Value": [transaction]}}
        self.put("PUT", f"/workitems/{uid}/state", body)

    def claimed(self):
        uid, transaction = self.created(), new_uid()
        self.state(uid, "IN PROGRESS", transaction)
        return uid, transaction

    def life(self):
        uid, transaction = self.claimed()
        self.put("POST", f"/workitems/{uid}?{transaction}", performed(datetime.now(UTC)))
        self.state(uid, "COMPLETED", transaction)

    def fail(self):
        uid, transaction = self.claimed()
        done = performed(datetime.now(UTC))
        reason = {"00080100": "110501", "00080102": "DCM", "00080104": "Equipment failure"}
        item = {tag: {"vr": "SH" if tag != "00080104" else "LO", "Value": [value]} for tag, value in reason.items()}
        progress = {
            "00404052": {"vr": "DT", "Value": [f"{datetime.now(UTC):%Y%m%d%H%M%S}"]},
            "0074100E": {"vr": "SQ", "Value": [item]},
        }
        self.put("POST", f"/workitems/{uid}?{transaction}", {**done, "00741002": {"vr": "SQ", "Value": [progress]}})
        self.state(uid, "CANCELED", transaction)

    def cancel(self):
        item = {
            "00741238": {"vr": "LT", "Value": ["not needed"]},
            "0074100E": {
                "vr": "SQ",
                "Value": [
                    {
                        "00080100": {"vr": "SH", "Value": ["110513"]},
                        "00080102": {"vr": "SH", "Value": ["DCM"]},
                        "00080104": {"vr": "LO", "Value": ["Discontinued for unspecified reason"]},
                    }
                ],
            },
        }
        self.put("POST", f"/workitems/{self.created()}/cancelrequest", item)

    @property
    def actions(self):
        steps = {"AIX101": self.created, "AIX103": self.claimed, "AIX106": self.fail, "AIX107": self.life}

        def done(work):
            return lambda asked: bool([work(asked)])

        return {
            "cause-event": done(lambda asked: steps[asked.values["code"]]()),
            "cause-event-with-text": done(lambda asked: self.created(asked.values["number"])),
            "run-workitem": done(lambda _: self.life()),
            "cancel-because-of-error": done(lambda _: self.fail()),
            "cancel-on-request": done(lambda _: self.cancel()),
        }


@contextmanager
def judged_manager(folder):
    """A running Task Manager, and a function that judges it as Event Reporter."""
    pki.init(folder / "pki", "Test")
    port, syslog = free_port(), free_port()
    common = {"syslog": {"port": syslog, "tls": side(folder / "pki", "client")}, "site": "Clinic Süd"}
    worklist = httpx.Client(base_url=f"http://127.0.0.1:{port}/ups-rs", headers=TYPE, timeout=60)
    with running("task_manager", folder / "data", common=common, port=port), worklist as http:
        yield lambda: judge(
            suite("event_reporter"),
            {
                "repository": {"port": syslog, "tls": side(folder / "pki", "server")},
                "events": {"codes": ["AIX101", "AIX103", "AIX107", "AIX106"]},
                "options": ["workflow", "cancellation"],
            },
            folder / "evidence",
            ManagerAtWork(http).actions,
        )


@contextmanager
def judged_repository(folder, peer="good", told=None):
    """A running Event Repository, and a function that judges it."""
    pki.init(folder / "pki", "Test")
    port, syslog = free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    settings = {"port": port, "syslog_port": syslog, "tls": side(folder / "pki", "server")}
    with running("event_repository", folder / "data", peer, **settings):
        yield lambda begins=(): judge(
            suite("event_repository"),
            {
                "syslog": {
                    "port": syslog,
                    "tls": side(folder / "pki", "client"),
                    "authority_key": str(folder / "pki" / "authority.key"),
                },
                "queries": {"base_url": url, "fhir_url": url, "bulk_url": url},
                "options": ["tls", "audit-event", "bulk"],
            },
            folder / "evidence",
            told,
            begins,
        )


@contextmanager
def judged_consumer(folder, peer="good"):
    """A running Event Consumer, and a function that judges it."""
    port = free_port()
    with event_consumer(folder, f"http://127.0.0.1:{port}", peer) as consumer:
        yield lambda begins=(): judge(
            suite("event_consumer"),
            {"repository": {"port": port}},
            folder / "evidence",
            consuming(consumer),
            begins,
        )


@contextmanager
def judged_small_repository(folder, peer="good"):
    """A small repository with RAD-124 and ITI-81, and a function that judges it by the rows about these."""
    port, syslog = free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    with small_repository(folder, port, syslog, peer):
        yield lambda: judge(
            suite("event_repository"),
            {
                "syslog": {"port": syslog},
                "queries": {"base_url": url, "fhir_url": url, "bulk_url": url},
                "options": ["audit-event", "bulk"],
            },
            folder / "evidence",
            begins=["SOLE-ER-006", "SOLE-ER-008", "SOLE-ER-009"],
        )
