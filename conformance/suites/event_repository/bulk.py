"""Many events at once over HTTP (RAD-124)."""

from __future__ import annotations

import json
from collections.abc import Sequence

from conformance.harness import Trial, shows
from conformance.partners.events import Sent
from conformance.partners.http import Answer
from conformance.suites.event_repository.stage import Opposite

_STORED, _BAD_REQUEST, _UNSUPPORTED = 204, 400, 415
_SOME = 20


def _member(sent: Sent) -> dict[str, str]:
    return {
        "Pri": sent.pri,
        "Version": sent.version,
        "Timestamp": sent.timestamp,
        "Hostname": sent.hostname,
        "App-name": sent.application,
        "Procid": sent.process,
        "Msg-id": sent.message_id,
        "Msg": sent.content.decode(),
    }


def _submit(repository: Opposite, body: bytes, kind: str = "application/json") -> Answer:
    url = f"{repository.declared.queries.bulk_url.rstrip('/')}/bulk-syslog-events"
    headers = {"Content-Type": kind, "Accept": "application/json"}
    return repository.http.send("POST", url, headers=headers, body=body)


def _body(messages: Sequence[Sent]) -> bytes:
    return json.dumps({"Events": [_member(one) for one in messages]}).encode()


@shows("SOLE-ER-009", "A batch of events is stored whole, or refused whole", option="bulk")
def batches(trial: Trial, repository: Opposite) -> None:
    """sole.md 3.4."""
    good = [repository.event(number, process=f"g{number}", note="Süd") for number in range(_SOME)]
    answer = _submit(repository, _body(good))
    trial.must(answer.status == _STORED, "a good batch is answered with 204", answer.words, answer.evidence)
    stored, evidence = repository.await_stored(trial, good)
    same = {one.get("procid"): one.get("msg") for one in stored}
    whole = all(same.get(one.process) == one.content.decode() for one in good)
    trial.must(whole, "every event of it is stored as it was", f"{len(stored)} of {_SOME} came back", evidence)
    bad = [repository.event(30 + number, process=f"b{number}") for number in range(3)]
    spoilt = [bad[0], Sent(bad[1].timestamp, bad[1].content[:-20], repository.host, process="b1"), bad[2]]
    for words, body in (
        ("an event whose XML is cut off", _body(spoilt)),
        ("no JSON", _body(bad)[:-5]),
        ("no events", b'{"Events": []}'),
        ("another shape", b"[]"),
    ):
        answer = _submit(repository, body)
        trial.must(answer.status == _BAD_REQUEST, f"{words}: refused with 400", answer.words, answer.evidence)
    answer = _submit(repository, _body(bad), "text/plain")
    refused = answer.status in {_BAD_REQUEST, _UNSUPPORTED}
    trial.must(refused, "another media type: refused with 400 or 415", answer.words, answer.evidence)
    stored, evidence = repository.stored()
    left = [one for one in stored if one.get("procid", "").startswith("b")]
    trial.must(not left, "nothing of a refused batch is stored", f"{len(left)} events of it are", evidence)
    _same_by_syslog(trial, repository)


def _same_by_syslog(trial: Trial, repository: Opposite) -> None:
    """An event is stored the same whichever way it came."""
    one, other = (repository.event(60, process=process, note="Süd") for process in ("h", "s"))
    _submit(repository, _body([one]))
    repository.send(trial, [other])
    stored, evidence = repository.await_stored(trial, [one, other])
    records = [
        {**event, "procid": "", "msg": event.get("msg", "").replace(f"pid-{event.get('procid')}", "")}
        for event in stored
        if event.get("procid") in {"h", "s"}
    ]
    same = len(records) == 2 and records[0] == records[1]  # noqa: PLR2004 - one by each way
    trial.must(same, "a record is the same whether it came by RAD-124 or ITI-20", "the two differ", evidence)
