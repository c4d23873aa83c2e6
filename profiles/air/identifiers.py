"""UIDs that follow from what they name, so that the same work done again after a crash gives the same objects."""

from __future__ import annotations

import uuid

_OURS = uuid.uuid5(uuid.NAMESPACE_OID, "stepwell.profiles.air")


def derived_uid(*parts: str) -> str:
    """The UID of what the parts name together, under the root 2.25 (PS3.5 section B.2).

    Args:
        parts: words that name one thing, the most general first, e.g. a workitem UID, an attempt and ``"SEG"``.
    """
    name = "\x1f".join(part.replace("\x1f", " ") for part in parts)
    return f"2.25.{uuid.uuid5(_OURS, name).int}"
