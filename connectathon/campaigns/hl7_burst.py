"""Many new orders at once: none is lost, none becomes two, and memory stays bounded."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from connectathon.campaigns.evidence import Outcome
from connectathon.campaigns.order_receiver import Memory, Receiver, Sender, orders, receiver

FULL_SIZE = 10_000
SENDERS = 8
MOST_GROWTH_MIB = 100


def run(size: int, seed: int, folder: Path, say: Callable[[str], None] = lambda _words: None) -> Outcome:
    """Send so many orders over several connections, each as fast as it is answered.

    Args:
        size: number of orders.
        seed: tells one run's orders from another's.
        folder: for the Task Requester's data.
        say: told how it goes on.

    Returns:
        What was counted, and every promise that was broken.
    """
    with receiver(folder) as taking:
        return burst(taking, size, seed, say)


def burst(taking: Receiver, size: int, seed: int, say: Callable[[str], None]) -> Outcome:
    """As `run`, at a receiver that is there."""
    told = list(orders(f"{seed % 10}", size))
    begun = time.monotonic()
    with Memory(taking) as memory, ThreadPoolExecutor(SENDERS) as pool:
        parts = [told[place::SENDERS] for place in range(SENDERS)]
        refused = sum(pool.map(lambda part: _send(taking.port, part), parts))
        answered = time.monotonic() - begun
        say(f"{size} answered after {answered:.1f} s")
        taking.await_quiet()
        worked_out = time.monotonic() - begun
    times, numbers = taking.times_taken(), [accession for accession, _ in told]
    lost = sum(number not in times for number in numbers)
    doubled = sum(times.get(number, 0) > 1 for number in numbers)
    growth = memory.peak - memory.before
    broken = {
        f"{refused} were not answered AA": refused,
        f"{lost} were lost": lost,
        f"{doubled} became more than one order": doubled,
        f"memory grew by {growth:.0f} MiB, more than {MOST_GROWTH_MIB}": growth > MOST_GROWTH_MIB,
    }
    counts: dict[str, int | str] = {
        "orders": size,
        "senders": SENDERS,
        "answered AA within": f"{answered:.1f} s",
        "orders answered per second": f"{size / answered:.0f}",
        "worked out within": f"{worked_out:.1f} s",
        "memory before": f"{memory.before:.0f} MiB",
        "memory at its peak": f"{memory.peak:.0f} MiB",
    }
    return Outcome("hl7-burst", seed, counts, tuple(words for words, is_so in broken.items() if is_so))


def _send(port: int, part: Sequence[tuple[str, bytes]]) -> int:
    """How many were not answered AA."""
    with Sender(port) as sender:
        return sum(b"MSA|AA|" not in sender.send(message) for _, message in part)
