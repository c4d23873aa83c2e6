"""ups-race: many contenders claim each workitem at once; the share of workitems with exactly one winner and no 5xx."""

from __future__ import annotations

import http.client
import tempfile
import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from benchmarks._servers import task_manager
from connectathon.peers.postgres import postgres
from connectathon.workitems import new_workitem
from profiles.dicom import new_uid, put

CONTENDERS = 64
PROCESSES = 4
HEADERS = {"Content-Type": "application/dicom+json", "Accept": "application/dicom+json"}
_WON, _SERVER_ERROR = 200, 500


def run(quick: bool) -> list[dict[str, Any]]:
    """One row for SQLite, one for PostgreSQL with several server processes."""
    count = 10 if quick else 1000
    with tempfile.TemporaryDirectory() as folder:
        with task_manager(Path(folder) / "sqlite") as port:
            rows = [_row("SQLite, 1 process", _race([port], count), count, quick)]
        with postgres() as url, ExitStack() as servers:
            ports = [
                servers.enter_context(task_manager(Path(folder) / f"process-{number}", url))
                for number in range(PROCESSES)
            ]
            rows.append(_row(f"PostgreSQL, {PROCESSES} processes", _race(ports, count), count, quick))
    return rows


def _row(where: str, answers: list[Counter[int]], count: int, quick: bool) -> dict[str, Any]:
    fair = sum(one[_WON] == 1 and not any(status >= _SERVER_ERROR for status in one) for one in answers)
    seen = sum(answers, Counter[int]())
    statuses = ", ".join(f"{number} x {status}" for status, number in sorted(seen.items()))
    return {
        "name": "ups-race",
        "ratio": fair / count,
        "goal": 1.0,
        "better": "higher",
        "met": fair == count,
        "value": fair,
        "baseline": count,
        "unit": "workitems with one winner",
        "note": f"{where}: {CONTENDERS} contenders on each; {statuses}" + ("; 1/100 of the size" if quick else ""),
    }


def _race(ports: Sequence[int], count: int) -> list[Counter[int]]:
    """Status codes of each workitem's claims; the contenders start each workitem together."""
    uids = [_create(ports[0]) for _ in range(count)]
    barrier, lock = threading.Barrier(CONTENDERS), threading.Lock()
    answers = [Counter[int]() for _ in range(count)]

    def contend(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", ports[number % len(ports)], timeout=120)
        for place, uid in enumerate(uids):
            claim = put(put({}, "ProcedureStepState", "IN PROGRESS"), "TransactionUID", new_uid())
            barrier.wait()
            connection.request("PUT", f"/ups-rs/workitems/{uid}/state", orjson.dumps([claim]), HEADERS)
            answer = connection.getresponse()
            answer.read()
            with lock:
                answers[place][answer.status] += 1
        connection.close()

    threads = [threading.Thread(target=contend, args=(number,)) for number in range(CONTENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def _create(port: int) -> str:
    uid = new_uid()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    body = orjson.dumps([new_workitem(now=datetime.now(UTC))])
    connection.request("POST", f"/ups-rs/workitems?workitem={uid}", body, HEADERS)
    status = connection.getresponse().status
    connection.close()
    if status != http.client.CREATED:
        raise RuntimeError(f"a workitem could not be created: {status}")
    return uid
