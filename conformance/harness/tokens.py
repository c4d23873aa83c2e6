"""Secrets become tokens: the same value the same token, so that the evidence can be judged again."""

from __future__ import annotations

import re
from threading import Lock

_GAP = rb"(?:\s|\\[nrt])*"  # evidence holds bodies as JSON strings: quotes and line ends in them are escaped
_TRANSACTION_JSON = re.compile(
    _GAP.join((rb'00081195\\*"', rb":", rb'\{[^{}]*?\\*"Value\\*"', rb":", rb"\[", rb'\\*"([0-9.]+)\\*"'))
)
_TRANSACTION_XML = re.compile(_GAP.join((rb'tag=\\*"00081195\\*"[^>]*>', rb"<Value[^>]*>", rb"([0-9.]+)", rb"<")))
_BEARER = re.compile(rb"(?i)(?:bearer|basic)\s+([A-Za-z0-9._~+/=-]{6,})")
_FOUND = (("TXUID", _TRANSACTION_JSON), ("TXUID", _TRANSACTION_XML), ("CREDENTIAL", _BEARER))


class Tokens:
    """What stands for the secrets of one run."""

    def __init__(self) -> None:
        self._tokens: dict[bytes, str] = {}
        self._lock = Lock()

    def secret(self, value: str, kind: str = "TXUID") -> str:
        """From now on this value is written as its token, which is returned (``TXUID-1``)."""
        with self._lock:
            raw = value.encode()
            if raw not in self._tokens:
                number = sum(token.startswith(f"{kind}-") for token in self._tokens.values()) + 1
                self._tokens[raw] = f"{kind}-{number}"
            return self._tokens[raw]

    def masked(self, content: bytes) -> bytes:
        """The content with every known secret, and every one that shows itself, replaced by its token."""
        for kind, pattern in _FOUND:
            for match in pattern.finditer(content):
                self.secret(match[1].decode("ascii"), kind)
        with self._lock:
            known = sorted(self._tokens.items(), key=lambda pair: -len(pair[0]))
        for value, token in known:
            if value in content:  # most are not, and looking is much faster than replacing
                content = re.sub(rb"(?<![0-9.])" + re.escape(value) + rb"(?![0-9.])", token.encode(), content)
        return content

    def words(self, text: str) -> str:
        """The same for text."""
        return self.masked(text.encode()).decode(errors="replace")
