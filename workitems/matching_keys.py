"""Which matching keys a search takes (PS3.4 Table CC.2.5-3, column Match; CC.2.8.3.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

from profiles.dicom import tag_of, vr_of
from profiles.errors import BadInput
from profiles.ups.attributes import attribute_rules
from workitems.matching import ZONE, has_wildcard, is_universal

_MATCHED = frozenset({"R", "U", "O"})
_SINGLE_VALUES = frozenset({"ScheduledProcedureStepPriority", "InputReadinessState", "ProcedureStepState"})
_CODE_VALUES = frozenset({"CodeValue", "LongCodeValue", "URNCodeValue"})
_LOCK = "TransactionUID"


@cache
def supported_keys() -> frozenset[str]:
    """The dotted keywords that can be matched: every row of the table with a matching requirement, and the zone."""
    rows = {".".join(rule.path) for rule in attribute_rules() if rule.find_match in _MATCHED}
    return frozenset(rows | {ZONE})


def unsupported_keys(paths: Iterable[str]) -> tuple[str, ...]:
    """Those dotted keywords by which nothing is matched: what a 299 Warning or FF01 is for."""
    return tuple(path for path in paths if path not in supported_keys())


def legal_keys(keys: Mapping[str, str]) -> dict[str, str]:
    """The keys that a search goes by; those that are not supported, and those that match everything, are left out.

    Args:
        keys: value by dotted keyword.

    Raises:
        BadInput: for the Transaction UID, and for wildcards where a single value is asked for.
    """
    if any(_LOCK in path.split(".") for path in keys):
        raise BadInput(f"Transaction UID ({_tag(_LOCK)}) cannot be searched for (PS3.4 CC.2.8.1).")
    found = {}
    for path, wanted in keys.items():
        keyword = path.rpartition(".")[2]
        if path not in supported_keys() or is_universal(vr_of(keyword), wanted):
            continue
        if has_wildcard(vr_of(keyword), wanted) and (path in _SINGLE_VALUES or keyword in _CODE_VALUES):
            raise BadInput(
                f"{path} ({_tag(keyword)}) is matched by a single value only, without wildcards "
                "(PS3.4 Table CC.2.5-3, CC.2.8.3.1)."
            )
        found[path] = wanted
    return found


def _tag(keyword: str) -> str:
    digits = tag_of(keyword)
    return f"{digits[:4]},{digits[4:]}"
