"""Whether a change says that an order is about another study from then on (orders.md 6.3). Pure.

RAD-13 knows no such change: the Study Instance UID is what names a study there. Senders make it all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

from profiles.hl7 import ImagingOrder, order_action, parse_timestamp


def other_study(known: Sequence[ImagingOrder], order: ImagingOrder) -> bool:
    """Whether a change of the same procedure step names another study than was told before.

    It counts only where everything else speaks for it: the change is the newer one of the two, their filler number
    (without one their placer number) is the same, and neither requested procedure nor step differs.
    """
    if any(one.study_instance_uid == order.study_instance_uid for one in known):
        return False
    return any(_changes_study(one, order) or _changes_study(order, one) for one in known)


def has_its_own(known: Sequence[ImagingOrder], order: ImagingOrder) -> bool:
    """Whether the study of an order was ordered itself, under its numbers: then no change made it another's."""
    return bool(order.study_instance_uid) and any(
        one.study_instance_uid == order.study_instance_uid
        and order_action(one.control, one.status) == "create"
        and _same_number(one, order)
        for one in known
    )


def _changes_study(earlier: ImagingOrder, change: ImagingOrder) -> bool:
    uids = earlier.study_instance_uid, change.study_instance_uid
    if not all(uids) or uids[0] == uids[1] or order_action(change.control, change.status) != "update":
        return False
    times = [parse_timestamp(one.transaction_time, UTC) for one in (earlier, change)]
    if times[0] and times[1] and times[0] > times[1]:
        return False
    parts = zip(_procedure_parts(earlier), _procedure_parts(change), strict=True)
    return _same_number(earlier, change) and all(not mine or not theirs or mine & theirs for mine, theirs in parts)


def _same_number(one: ImagingOrder, other: ImagingOrder) -> bool:
    if one.filler and other.filler:
        return one.filler.same_as(other.filler)
    return one.placer.same_as(other.placer)


def _procedure_parts(order: ImagingOrder) -> tuple[set[str], set[str]]:
    return {order.requested_procedure_id} - {""}, {step.identifier for step in order.steps} - {""}
