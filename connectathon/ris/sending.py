"""Send a message the way a RIS does: again and unchanged until it is answered."""

from __future__ import annotations

import time
from dataclasses import dataclass

from actors.shared.mllp_client import MllpClient
from actors.shared.settings import TlsFiles
from profiles.errors import Unavailable
from profiles.hl7 import read

_PAUSE_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Answer:
    """An acknowledgment.

    Attributes:
        code: MSA-1: ``AA``, ``AE`` or ``AR``.
        control_id: MSA-2, the control id of the message that is answered.
        text: what was said: MSA-3, or the texts of the ERR segments.
        errors: codes of table 0357, one per ERR.
        raw: as it came.
    """

    code: str
    control_id: str
    text: str
    errors: tuple[str, ...]
    raw: bytes


def send_order(
    host: str, port: int, message: bytes, *, limit_seconds: float = 60.0, tls: TlsFiles | None = None
) -> Answer:
    """Send until answered.

    Args:
        host: of the receiver.
        port: of the receiver.
        message: from MSH on, without frame characters.
        limit_seconds: how long to go on when the receiver is away or the connection breaks.
        tls: certificates of this side.

    Raises:
        Unavailable: when there was no answer in time.
    """
    end = time.monotonic() + limit_seconds
    while True:
        try:
            with MllpClient(host, port, tls=tls) as client:
                return read_answer(client.send(message))
        except Unavailable:
            if time.monotonic() > end:
                raise
            time.sleep(_PAUSE_SECONDS)


def read_answer(raw: bytes) -> Answer:
    """An acknowledgment as a value.

    Raises:
        MessageRefused: when it is no HL7 message.
    """
    message = read(raw)
    errors = tuple(message.all("ERR"))
    said = "; ".join(filter(None, (error.get(8) for error in errors))) or message.get("MSA-3")
    codes = tuple(error.get(3) for error in errors)
    return Answer(message.get("MSA-1"), message.get("MSA-2"), said, codes, raw)
