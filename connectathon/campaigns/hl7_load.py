"""A steady feed: 50 orders a second for ten minutes, each answered soon (HL7-074)."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from connectathon.campaigns.evidence import Outcome
from connectathon.campaigns.order_receiver import Memory, Receiver, Sender, orders, receiver

PER_SECOND, MINUTES = 50, 10
FULL_SIZE = PER_SECOND * 60 * MINUTES
SENDERS = 8
LONGEST_SECONDS = 0.5


def run(size: int, seed: int, folder: Path, say: Callable[[str], None] = lambda _words: None) -> Outcome:
    """Send so many ORM^O01 at a steady rate, whether the ones before were answered or not.

    Args:
        size: number of messages.
        seed: tells one run's orders from another's.
        folder: for the Task Requester's data.
        say: told how it goes on.

    Returns:
        What was counted, and every promise that was broken.
    """
    with receiver(folder) as taking:
        return steady(taking, size, seed, say)


def steady(taking: Receiver, size: int, seed: int, say: Callable[[str], None]) -> Outcome:
    """As `run`, at a receiver that is there."""
    told = [message for _, message in orders(f"{seed % 10}", size, "ORM^O01")]
    begin = time.monotonic() + 1
    with Memory(taking) as memory, ThreadPoolExecutor(SENDERS) as pool:
        parts = [list(enumerate(told))[place::SENDERS] for place in range(SENDERS)]
        found = [one for part in pool.map(lambda part: _send(taking.port, part, begin), parts) for one in part]
        took = time.monotonic() - begin
        say(f"{size} sent in {took:.0f} s")
        taking.await_quiet()
        behind = time.monotonic() - begin - took
    refused = sum(not is_taken for is_taken, _ in found)
    waits = sorted(seconds for _, seconds in found)
    p99 = waits[min(len(waits) - 1, int(len(waits) * 0.99))]
    broken = {
        f"{refused} were not answered AA": refused,
        f"of a hundred answers one took {p99 * 1000:.0f} ms or more": p99 >= LONGEST_SECONDS,
    }
    counts: dict[str, int | str] = {
        "messages": size,
        "messages per second": PER_SECOND,
        "sent during": f"{took:.0f} s",
        "answer, median": f"{statistics.median(waits) * 1000:.1f} ms",
        "answer, 99th percentile": f"{p99 * 1000:.1f} ms",
        "answer, longest": f"{waits[-1] * 1000:.0f} ms",
        "last effects worked out after the last answer by": f"{behind:.1f} s",
        "memory before": f"{memory.before:.0f} MiB",
        "memory at its peak": f"{memory.peak:.0f} MiB",
    }
    return Outcome("hl7-load", seed, counts, tuple(words for words, is_so in broken.items() if is_so))


def _send(port: int, part: Sequence[tuple[int, bytes]], begin: float) -> list[tuple[bool, float]]:
    """Whether each was answered AA, and after how long; counted from when it was due, not from when there was time."""
    found = []
    with Sender(port) as sender:
        for number, message in part:
            due = begin + number / PER_SECOND
            time.sleep(max(0.0, due - time.monotonic()))
            is_taken = b"MSA|AA|" in sender.send(message)
            found.append((is_taken, time.monotonic() - due))
    return found
