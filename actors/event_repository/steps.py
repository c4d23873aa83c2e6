"""Named steps of the Event Repository: logged when reached, and survived when killed there."""

from __future__ import annotations

from enum import StrEnum


class Step(StrEnum):
    """What happens to messages between their arrival and their rest."""

    RECEIVED = "event_repository.received"
    STORED = "event_repository.stored"
