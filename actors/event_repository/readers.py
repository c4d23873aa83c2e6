"""Who may read the log, and send to it over HTTP: those with a token of the file that the settings name (SOLE-067)."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from actors.shared.caller import LOCAL_CALLER, Caller
from actors.shared.logs import get_logger
from profiles.errors import NotAuthorised, Unavailable

#: Both challenges: programs send the token, people type name and token into what their browser shows.
CHALLENGE = 'Bearer realm="Stepwell log", Basic realm="Stepwell log", charset="UTF-8"'
_SHORTEST_TOKEN = 16
_PARTS = 2
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Readers:
    """Callers by the digest of their token; tokens themselves are not kept.

    Attributes:
        by_digest: empty when no file is named; then everybody on loopback is let in (design decision D16).
    """

    by_digest: Mapping[bytes, Caller]

    @classmethod
    def of(cls, file: Path | None) -> Readers:
        """Read a file with a name and a token on each line; lines that begin with ``#`` are passed over.

        Raises:
            Unavailable: when the file cannot be read, names nobody, or has a token that is short or there twice.
        """
        if file is None:
            return cls({})
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
            if file.stat().st_mode & 0o077:
                _log.warning("tokens-readable-by-others", file=str(file))
        except (OSError, UnicodeDecodeError) as error:
            raise Unavailable(
                f"readers_token_file of [event_repository] cannot be read: {error}. Write a name and a token on each "
                "line of it."
            ) from error
        found: dict[bytes, Caller] = {}
        for number, line in enumerate(lines, start=1):
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            if len(words) != _PARTS or len(words[1]) < _SHORTEST_TOKEN or _digest(words[1]) in found:
                raise Unavailable(
                    f"Line {number} of readers_token_file is no name and token of its own; a token has "
                    f"{_SHORTEST_TOKEN} characters at least, e.g. from `openssl rand -hex 32`."
                )
            found[_digest(words[1])] = Caller(words[0], frozenset({"log-reader"}))
        if not found:
            raise Unavailable("readers_token_file of [event_repository] names nobody; write a name and a token in it.")
        return cls(found)

    def caller(self, authorization: str) -> Caller:
        """Who calls, by the Authorization header of a request.

        Raises:
            NotAuthorised: when tokens are asked for and the header has none that is known.
        """
        if not self.by_digest:
            return LOCAL_CALLER
        scheme, _, told = authorization.partition(" ")
        token = told.strip()
        if scheme.lower() == "basic":
            token = _password(token)
        known = self.by_digest.get(_digest(token)) if scheme.lower() in ("bearer", "basic") else None
        if known is None:
            raise NotAuthorised(
                "The log is for those who have a token of its readers (ITI TF-2 3.20.5); send it as Authorization: "
                "Bearer.",
                key="not-authenticated",
            )
        return known


def _password(told: str) -> str:
    try:
        return base64.b64decode(told, validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def _digest(token: str) -> bytes:
    """A digest is looked up instead of the token, so that the time it takes tells nothing of the token."""
    return hashlib.sha256(token.encode()).digest()
