"""Broken messages without end: each is answered once, the receiver lives, and its memory stays bounded (HL7-075)."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from connectathon.campaigns.evidence import Outcome
from connectathon.campaigns.order_receiver import END, START, Memory, Receiver, Sender, orders, receiver

FULL_SIZE = 1_000_000
MOST_GROWTH_MIB = 150
_WARM_UP = 200
#: With the separator that the sender declared, whatever it is (HL7-018).
_ANSWER = re.compile(rb"MSH(.{1,4}?)[^\r]*\rMSA\1(?P<code>A[AER])(\1|\r)", re.DOTALL)
_FRAMING = bytes.maketrans(START + END[:1], b"  ")
_SIGNS = (b"|", b"^", b"~", b"&", b"\\", b"\r", b"\n", b"\0", b'""', b"\xff", b"\\X0B\\", b"9" * 400)


def run(size: int, seed: int, folder: Path, say: Callable[[str], None] = lambda _words: None) -> Outcome:
    """Send so many mutated messages.

    Args:
        size: number of frames.
        seed: of the mutations.
        folder: for the Task Requester's data.
        say: told how it goes on.

    Returns:
        What was counted, and every promise that was broken.
    """
    with receiver(folder) as taking:
        return fuzz(taking, size, seed, say)


def fuzz(taking: Receiver, size: int, seed: int, say: Callable[[str], None]) -> Outcome:
    """As `run`, at a receiver that is there."""
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    whole = [message for kind in ("OMI^O23", "ORM^O01") for _, message in orders("9", 50, kind)]
    answers: Counter[str] = Counter()
    findings: list[str] = []
    with Sender(taking.port) as sender:
        for number in range(_WARM_UP):
            _judge(sender.send(mutated(whole[number % len(whole)], chance)), answers, number, findings)
        with Memory(taking) as memory:
            for number in range(size):
                content, before = mutated(chance.choice(whole), chance), _between(chance, whole)
                try:
                    _judge(sender.send(content, before), answers, number, findings)
                except OSError as error:
                    findings.append(f"frame {number} was not answered: {error}")
                    break
                if number % 1000 == 0:
                    say(f"{number} of {size}: {dict(answers)}")
            taking.await_quiet()
    growth = memory.peak - memory.before
    if growth > MOST_GROWTH_MIB:
        findings.append(f"memory grew by {growth:.0f} MiB, more than {MOST_GROWTH_MIB}")
    findings += _still_takes_orders(taking)
    counts: dict[str, int | str] = {"frames": size, **{f"answered {code}": answers[code] for code in sorted(answers)}}
    counts |= {"memory before": f"{memory.before:.0f} MiB", "memory at its peak": f"{memory.peak:.0f} MiB"}
    return Outcome("hl7-fuzz", seed, counts, tuple(findings))


def mutated(content: bytes, chance: random.Random) -> bytes:
    """A message with some faults, none of which begins or ends a frame."""
    found = bytearray(content)
    for _ in range(chance.randint(0, 4)):
        chance.choice(_FAULTS)(found, chance)
    return bytes(found).translate(_FRAMING)


def _flip(found: bytearray, chance: random.Random) -> None:
    if found:
        found[chance.randrange(len(found))] = chance.randrange(256)


def _insert(found: bytearray, chance: random.Random) -> None:
    place = chance.randint(0, len(found))
    found[place:place] = chance.choice(_SIGNS)


def _cut(found: bytearray, chance: random.Random) -> None:
    del found[chance.randint(0, len(found)) :]


def _drop(found: bytearray, chance: random.Random) -> None:
    place = chance.randint(0, len(found))
    del found[place : place + chance.randint(1, 40)]


def _repeat(found: bytearray, chance: random.Random) -> None:
    lines = bytes(found).split(b"\r")
    chosen = chance.choice(lines)
    lines[chance.randrange(len(lines)) :] = [chosen] * chance.randint(1, 20)
    found[:] = b"\r".join(lines)


def _shuffle(found: bytearray, chance: random.Random) -> None:
    header, *lines = bytes(found).split(b"\r")
    chance.shuffle(lines)
    found[:] = b"\r".join([header, *lines])


def _empty(found: bytearray, chance: random.Random) -> None:
    fields = bytes(found).split(b"|")
    fields[chance.randrange(len(fields))] = b""
    found[:] = b"|".join(fields)


_FAULTS = (_flip, _insert, _cut, _drop, _repeat, _shuffle, _empty)


def _between(chance: random.Random, whole: list[bytes]) -> bytes:
    """Now and then what belongs to no frame: noise, or the beginning of a message that its sender gave up."""
    kind = chance.randrange(10)
    if kind == 0:
        return bytes(chance.randrange(12, 28) for _ in range(chance.randint(1, 20)))
    return START + chance.choice(whole)[: chance.randrange(200)] if kind == 1 else b""


def _judge(answer: bytes, answers: Counter[str], number: int, findings: list[str]) -> None:
    found = _ANSWER.match(answer)
    code = found["code"].decode() if found else "otherwise"
    answers[code] += 1
    if not found:
        findings.append(f"frame {number}: the answer is no acknowledgment")
    elif b"^Application internal error^" in answer:
        findings.append(f"frame {number}: the receiver failed on it")


def _still_takes_orders(taking: Receiver) -> list[str]:
    if not taking.is_alive():
        return ["the receiver is dead"]
    ((_, message),) = orders("8", 1)
    with Sender(taking.port) as sender:
        return [] if b"MSA|AA|" in sender.send(message) else ["an order is not taken any more"]
