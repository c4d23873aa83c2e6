"""What a repository takes: many messages, foreign ones, broken frames, broken messages (ITI-20)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from conformance.harness import Trial, shows
from conformance.partners.events import Sent, stamp
from conformance.partners.syslog import framed
from conformance.suites.event_repository.stage import Opposite, refused

_MANY, _CONNECTIONS = 1000, 4
_LONG = 32_768
_CUT = 40
_PAUSES, _PAUSE_SECONDS = (0, 1, 5, 300), 0.1
_LEAVES = "messages of a host that does not exist, some hours old"


@shows("SOLE-ER-001", "Every valid message is stored, octet by octet", leaves=_LEAVES, limit_seconds=300)
def many(trial: Trial, repository: Opposite) -> None:
    """RFC 5425; PS3.15 section A.6 (32768 octets at least); ITI TF-2 3.20.4.1.3."""
    messages = [repository.event(number / 100, process=str(number), note=f"Süd {number}") for number in range(_MANY)]
    longest = repository.event(0, process="long", note="ü" * (_LONG // 2))
    trial.step(f"send {_MANY} messages over {_CONNECTIONS} connections, one again, and one of more than {_LONG} octets")
    kept = [repository.send(trial, messages[start::_CONNECTIONS]) for start in range(_CONNECTIONS)]
    kept.append(repository.send(trial, [messages[0], messages[0], longest]))
    stored, evidence = repository.await_stored(trial, [*messages, longest])
    by_process = {one.get("procid"): one.get("msg", "") for one in stored}
    sent = {one.process: one.content.decode() for one in [*messages, longest]}
    missing = [process for process in sent if process not in by_process]
    changed = [process for process in sent if process in by_process and by_process[process] != sent[process]]
    trial.must(not missing, "every message is stored", f"{len(missing)} of {len(sent)} are not", [*kept, evidence])
    trial.must(not changed, "every message is stored as it was", f"{len(changed)} are changed", [*kept, evidence])
    once = len(stored) <= len(sent)
    words = f"{len(stored) - len(sent)} messages are stored more than once"
    trial.should(once, "a message that is sent again is stored once", words, evidence)


@shows("SOLE-ER-002", "Messages that are no audit messages are stored and given back unchanged", leaves=_LEAVES)
def foreign(trial: Trial, repository: Opposite) -> None:
    """ITI TF-2 3.20.4.1.3: any message of RFC 5424."""
    moment = stamp(repository.base)
    messages = [
        Sent(moment, b"'su root' failed on /dev/pts/8", repository.host, "su", "11", "ID47", pri="34"),
        Sent(moment, b"disk", repository.host, "app", "12", "-", pri="13", structured='[origin@32473 ip="10.0.0.1"]'),
        Sent(moment, b"first line\nsecond line\n\tthird", repository.host, "app", "13", "-", pri="191"),
        Sent(moment, "\ufeffGrüße".encode(), repository.host, "app", "14", "-", pri="0"),
    ]
    trial.step("send plain text, text with structured data, of several lines, and with a byte order mark")
    kept = repository.send(trial, messages)
    stored, evidence = repository.await_stored(trial, messages)
    by_process = {one.get("procid"): one.get("msg", "") for one in stored}
    for sent in messages:
        wanted, found = sent.content.decode().removeprefix("\ufeff"), by_process.get(sent.process)
        same = found is not None and found.removeprefix("\ufeff") == wanted
        words = "it is not given back" if found is None else "another text is given back"
        trial.must(same, f"the message with the text {wanted!r} is given back as it was", words, [kept, evidence])


@shows(
    "SOLE-ER-003", "Frames are put together however they come; a wrong count ends its connection only", leaves=_LEAVES
)
def frames(trial: Trial, repository: Opposite) -> None:
    """RFC 5425 section 4.3."""
    sent = [repository.event(number, process=f"f{number}") for number in range(5)]
    slow, first, second, good, last = sent
    trial.step("send a message octet by octet")
    with repository.connect() as connection:
        for number, octet in enumerate(framed(slow.raw)):
            connection.send(bytes([octet]))
            if number in _PAUSES:  # so that the network has no reason to put the octets together again
                trial.given_up.wait(_PAUSE_SECONDS)
        trial.step("send two messages in one segment")
        connection.send(framed(first.raw) + framed(second.raw))
    with repository.connect() as neighbour:
        neighbour.send(framed(good.raw))
        for words, octets in (("letters", b"abc <85>1 - - - - - - x"), ("20 digits", b"9" * 20 + b" <85>1 - - - - -")):
            with repository.connect() as broken:
                trial.step(f"send a count of {words}")
                broken.send(octets)
                end = broken.ended()
                evidence = trial.keep("syslog", f"a count of {words}, then: {end or 'still open'}", octets, "txt")
                trial.must(end, f"a count of {words} ends the connection", "it stays open", evidence)
        trial.step("send another message on the good connection, and on a new one")
        refusal = refused(lambda: neighbour.send(framed(last.raw)))
        end = "" if refusal else neighbour.ended(repository.declared.limits.quiet_seconds)
        trial.must(not (refusal or end), "the other connection goes on", refusal or f"it was ended ({end})")
    stored, evidence = repository.await_stored(trial, sent)
    missing = {one.process for one in sent} - {one.get("procid") for one in stored}
    trial.must(not missing, "every message is stored", f"{len(missing)} are not", evidence)


_MALFORMED: tuple[tuple[str, str, Callable[[Sent], bytes]], ...] = (
    ("PRI beyond 191", "b1", lambda one: replace(one, pri="999").raw),
    ("VERSION 0", "b2", lambda one: replace(one, version="0").raw),
    ("a TIMESTAMP of no calendar", "b3", lambda one: replace(one, timestamp="2026-13-41T25:00Z").raw),
    ("XML cut off", "b4", lambda one: one.raw[:-_CUT]),
)


@shows("SOLE-ER-004", "A malformed message is not lost silently, and does no harm", leaves=_LEAVES)
def malformed(trial: Trial, repository: Opposite) -> None:
    """sole.md 3.9: it is stored as it came, or refused where somebody can see it."""
    good = repository.event(9, process="good")
    broken = {
        words: (mark, spoil(repository.event(0, process=mark, note=f"{mark}-{repository.host}")))
        for words, mark, spoil in _MALFORMED
    }
    kept = {}
    for words, (_, raw) in broken.items():
        kept[words] = trial.keep("syslog", words, raw, "txt")
        with repository.connect() as connection:
            connection.send(framed(raw))
    evidence = repository.send(trial, [good])
    stored, answered = repository.await_stored(trial, [good])
    survived = any(one.get("procid") == "good" for one in stored)
    trial.must(survived, "a good message is stored after them", "it is not", [evidence, answered])
    marks = {words: mark for words, (mark, _) in broken.items()}
    found = trial.wait_for(lambda: repository.anywhere(marks.values())) or repository.anywhere(marks.values(), least=0)
    for words, mark in marks.items():
        if mark not in found:
            seen = trial.ask(
                "find-refusal",
                f"Look for what the system says of the message with PROCID {mark} of the host {repository.host}.",
                "Does the system show this message, or say in a log that it refused it?",
                process=mark,
                host=repository.host,
            )
            trial.must(seen, f"{words}: the message is kept, or its refusal told", "neither", kept[words])
