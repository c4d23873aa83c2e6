"""A doubt about a rule file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something doubtful.

    Attributes:
        rule: where.
        kind: ``unreachable``, ``always``, ``failing``, ``contradiction``, ``covered``, ``over``, ``unserved``,
            ``version``, ``priors``, ``unseen``, ``impossible`` or ``twice``.
        words: what it is.
        serious: whether the file should not be used like this.
    """

    rule: str
    kind: str
    words: str
    serious: bool = False
