"""Who acts at the system under test when a test needs it: a person, a program, or nobody."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Protocol, TextIO

_PROGRAM_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Instruction:
    """What somebody has to do at the system under test.

    Attributes:
        action: a short stable name that a program can act on, such as ``trigger-order``.
        text: the same for a person.
        values: identifiers and addresses that the action needs.
        question: when set, what the person is asked to judge with yes or no (an operator-assisted test).
    """

    action: str
    text: str
    values: Mapping[str, str] = field(default_factory=dict)
    question: str = ""


class Operator(Protocol):
    """Carries out instructions."""

    def act(self, instruction: Instruction) -> bool | None:
        """True when it was done (or the question answered with yes), False when not, None when nobody can."""


class NobodyThere:
    """No operator: tests that need one stay undecided."""

    def act(self, instruction: Instruction) -> bool | None:
        """Nobody can."""
        del instruction
        return None


@dataclass(frozen=True, slots=True)
class ProgramOperator:
    """A program that acts: the instruction is JSON on its standard input; exit status 0 is done, 1 is not done."""

    command: tuple[str, ...]

    def act(self, instruction: Instruction) -> bool | None:
        """Run the program; any other exit status means that nobody could act."""
        said = json.dumps({**asdict(instruction), "values": dict(instruction.values)})
        try:
            ended = subprocess.run(
                list(self.command), input=said, text=True, timeout=_PROGRAM_SECONDS, check=False, capture_output=True
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return {0: True, 1: False}.get(ended.returncode)


@dataclass(frozen=True, slots=True)
class ConsoleOperator:
    """A person at the terminal."""

    answers: TextIO = sys.stdin
    words: TextIO = sys.stderr

    def act(self, instruction: Instruction) -> bool | None:
        """Print the instruction and wait for yes, no or skip."""
        lines = [instruction.text, *(f"  {name}: {value}" for name, value in instruction.values.items())]
        self.words.write("\n".join(lines) + "\n")
        while True:
            self.words.write(f"{instruction.question or 'Done?'} [y]es, [n]o, [s]kip: ")
            self.words.flush()
            answer = self.answers.readline()
            if not answer or answer.strip().lower() in {"s", "skip"}:
                return None
            if answer.strip().lower() in {"y", "yes", "n", "no"}:
                return answer.strip().lower().startswith("y")


@dataclass(frozen=True, slots=True)
class FunctionOperator:
    """Functions by action: how our own actors are tested without anybody."""

    actions: Mapping[str, Callable[[Instruction], bool | None]]

    def act(self, instruction: Instruction) -> bool | None:
        """Call the function of that action; None when there is none."""
        function = self.actions.get(instruction.action)
        return None if function is None else function(instruction)
