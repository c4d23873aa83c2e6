"""The ways out: HL7 over MLLP, and HTTP POST."""

from __future__ import annotations

import httpx

from actors.shared.mllp_client import MllpClient
from actors.shared.settings import TlsFiles
from actors.task_requester.results_back.outbox import Answer, Deliver
from profiles.errors import BadInput, Unavailable
from profiles.hl7 import read

_ACCEPTED, _REFUSED = frozenset({"AA", "CA"}), frozenset({"AE", "AR", "CE", "CR"})
#: The receiver rejects: not for what the message says, unless it names one of these (table 0357: kind, event,
#: processing id or version that it never takes).
_REJECTED, _NEVER = frozenset({"AR", "CR"}), frozenset({"200", "201", "202", "203"})
_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})


def mllp_channel(address: str, tls: TlsFiles | None, answer_seconds: float) -> Deliver:
    """Delivers HL7 messages to ``host:port``; each has a connection of its own."""
    host, _, port = address.rpartition(":")

    def deliver(message: bytes) -> Answer:
        with MllpClient(host, int(port), timeout_seconds=answer_seconds, tls=tls) as client:
            return answer_of(client.send(message), read(message).get("MSH-10"))

    return deliver


def answer_of(acknowledgment: bytes, control_id: str) -> Answer:
    """What an acknowledgment says of the message with that control id (MSA, HL7 2.5.1 section 2.9.2).

    Raises:
        Unavailable: when it cannot be read or answers another message: the message counts as not answered.
    """
    try:
        message = read(acknowledgment)
    except BadInput as error:
        raise Unavailable("The receiver's answer is no HL7 message; the message is sent again.") from error
    code, answered = message.get("MSA-1"), message.get("MSA-2")
    if answered != control_id or code not in _ACCEPTED | _REFUSED:
        raise Unavailable(f"The receiver answered {code or 'nothing'} to another message; this one is sent again.")
    words = message.get("ERR-3.2") or message.get("ERR-8") or message.get("MSA-3")
    number = message.get("ERR-3")
    where = message.get("ERR-2")
    said = " ".join(filter(None, [number, words, f"at {where}" if where else ""]))
    if code in _ACCEPTED:
        return Answer(True)
    later = code in _REJECTED and message.get("ERR-3.1") not in _NEVER
    return Answer(False, f"{code}: {said or 'no reason given'}", later)


def http_channel(url: str, client: httpx.Client) -> Deliver:
    """Posts JSON to a URL; any status of the 2xx group accepts."""

    def deliver(message: bytes) -> Answer:
        try:
            response = client.post(url, content=message, headers={"Content-Type": "application/json"})
        except httpx.TransportError as error:
            raise Unavailable(f"The receiver of alerts cannot be reached ({type(error).__name__}).") from error
        if response.status_code in _LATER:
            raise Unavailable(f"The receiver of alerts answered {response.status_code}.")
        return Answer(response.is_success, "" if response.is_success else f"HTTP {response.status_code}")

    return deliver
