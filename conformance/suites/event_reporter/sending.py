"""How events travel: header, frames, datagrams."""

from __future__ import annotations

import time

from conformance.harness import Trial, shows
from conformance.suites.event_reporter.stage import Log, have, keep


@shows("SOLE-REP-001", "Every message has a syslog header that says what the event is")
def header(trial: Trial, log: Log) -> None:
    """RFC 5424 section 6; sole.md 3.1."""
    log.judged(trial, "the syslog header is right")


@shows("SOLE-REP-002", "Messages come over the declared transport, each counted in octets")
def frames(trial: Trial, log: Log) -> None:
    """RFC 5425 section 4.3."""
    log.baseline(trial)
    streams = [one for one in log.receiver.streams if one.protocol != "udp"]
    trial.require(streams, "the system connects", "nobody connected")
    if log.declared.repository.tls:
        failed = [one.trouble for one in streams if one.trouble]
        trial.must(not failed, "both sides agree on TLS, each with a certificate", "; ".join(failed[:3]))
    else:
        trial.note("plain TCP was declared, so nothing is said of TLS")
    for stream in [one for one in streams if one.octets]:
        evidence = trial.keep("syslog", f"stream from {stream.peer} ({stream.protocol})", bytes(stream.octets), "txt")
        counted = stream.octets[:1].isdigit()
        trial.must(counted, "each message has its octet count in front", "the stream begins with none", evidence)
        flaws = {words for one in stream.messages() for _, words in one.flaws}
        trial.must(not flaws, "each count is that of its message", "; ".join(sorted(flaws)[:3]), evidence)


@shows("SOLE-REP-003", "A datagram holds one whole message", option="udp")
def datagrams(trial: Trial, log: Log) -> None:
    """RFC 5426; PS3.15 section A.7."""
    code, since = log.declared.events.codes[0], time.time()
    have(trial, "cause-event-udp", f"Let the system report an event with the code {code} over UDP.", code=code)
    told = trial.wait_for(lambda: next(iter(log.told(since, datagrams=True)), None))
    if told is None:
        trial.require(False, "a datagram arrives", "none came")
        return
    message, evidence = told.message, keep(trial, told)
    trial.must(message.header is not None, "the datagram begins with a syslog header", "it does not", evidence)
    trial.must(message.root is not None, "the datagram holds the whole audit message", message.document[1], evidence)
