"""Patient ids as keyed hashes: the log still tells which events are of one patient, and not of whom."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

from profiles.errors import BadInput
from profiles.sole.event import OperationalEvent, SecurityEvent

_SHORTEST_KEY = 32
_DIGITS = 32
#: Query keys whose values tell who a patient is (PS3.3 C.7.1.1 and C.2.2), by keyword and tag.
_IDENTIFYING = {"patientid", "00100020"}
_DESCRIBING = {
    *("patientname", "00100010", "patientbirthdate", "00100030", "patientsex", "00100040"),
    *("otherpatientidssequence", "00101002", "otherpatientnames", "00101001"),
}


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """Stand for patient ids; the same on every actor that has the same key.

    Args:
        key: secret of the site, at least 32 octets.
    """

    key: bytes

    @classmethod
    def read(cls, path: Path) -> Pseudonyms:
        """The key of a file, without white space around it.

        Raises:
            BadInput: when it cannot be read or is too short to be secret.
        """
        try:
            key = path.read_bytes().strip()
        except OSError as error:
            raise BadInput(f"The key file {path} of the pseudonyms cannot be read: {error.strerror}.") from error
        if len(key) < _SHORTEST_KEY:
            raise BadInput(
                f"The key in {path} has {len(key)} octets, and at least {_SHORTEST_KEY} are needed to keep patients "
                "secret. Make one with `openssl rand -hex 32`."
            )
        return cls(key)

    def of(self, patient_id: str) -> str:
        """The pseudonym of a patient id in CX form: its number is replaced, its assigning authority stays.

        The number alone is hashed, as not every actor knows the authority.
        """
        number, separator, rest = patient_id.partition("^")
        if not number:
            return patient_id
        digest = hmac.new(self.key, number.strip().encode(), hashlib.sha256).hexdigest()
        return f"{digest[:_DIGITS]}{separator}{rest}"

    def applied(self, event: OperationalEvent | SecurityEvent) -> OperationalEvent | SecurityEvent:
        """The event as it may leave: with the pseudonym of its patient, and no patient described in its query."""
        if isinstance(event, OperationalEvent):
            return replace(event, thread=replace(event.thread, patient_id=self.of(event.thread.patient_id)))
        return replace(event, patient_id=self.of(event.patient_id), query=self._query(event.query))

    def _query(self, query: str) -> str:
        pairs = parse_qsl(query, keep_blank_values=True)
        told = [(name, self._value(name.rpartition(".")[2].lower(), value)) for name, value in pairs]
        return query if told == pairs else urlencode(told)

    def _value(self, key: str, value: str) -> str:
        if key in _IDENTIFYING:
            return self.of(value)
        return "*" if key in _DESCRIBING and value else value
