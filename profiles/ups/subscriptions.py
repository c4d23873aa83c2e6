"""What subscribing does to one workitem's subscription (PS3.4 Table CC.2.3-2, ``tables/subscriptions.csv``)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from profiles.tables import read_table

GLOBAL_SUBSCRIPTION = "1.2.840.10008.5.1.4.34.5"
FILTERED_GLOBAL_SUBSCRIPTION = "1.2.840.10008.5.1.4.34.5.1"


class SubscriptionAction(StrEnum):
    """What an AE, or somebody for it, asks."""

    SUBSCRIBE_GLOBALLY_LOCKED = "subscribe-globally-locked"
    SUBSCRIBE_GLOBALLY_UNLOCKED = "subscribe-globally-unlocked"
    SUBSCRIBE_LOCKED = "subscribe-locked"
    SUBSCRIBE_UNLOCKED = "subscribe-unlocked"
    UNSUBSCRIBE = "unsubscribe"
    UNSUBSCRIBE_GLOBALLY = "unsubscribe-globally"
    SUSPEND = "suspend"


class Held(StrEnum):
    """The subscription of one AE to one workitem."""

    NONE = "none"
    LOCKED = "locked"
    UNLOCKED = "unlocked"


@dataclass(frozen=True, slots=True)
class SubscriptionCell:
    """One cell of the table.

    Attributes:
        requirement: ``UPS-NNN``.
        becomes: the subscription afterwards.
        initial_event: whether the Receiving AE is told the present state.
    """

    requirement: str
    becomes: Held
    initial_event: bool


@cache
def subscription_table() -> dict[tuple[str, str], SubscriptionCell]:
    """All cells, by action and what is held."""
    return {
        (row["action"], row["held"]): SubscriptionCell(row["id"], Held(row["becomes"]), row["initial_event"] == "yes")
        for row in read_table("profiles.ups", "subscriptions")
    }


def decide_subscription(action: SubscriptionAction, held: Held) -> SubscriptionCell:
    """What an action makes of a subscription."""
    return subscription_table()[(action, held)]
