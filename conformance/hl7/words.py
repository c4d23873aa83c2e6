"""How findings speak of values: codes are shown, anything that could be of a patient is not."""

from __future__ import annotations

import re

_CODE = re.compile(r"[A-Z]{1,2}|[0-9]{1,3}")


def shown(value: str) -> str:
    """A short code as it is; anything longer only by its length."""
    return f"{value!r}" if _CODE.fullmatch(value) else f"a value of {len(value)} characters"
