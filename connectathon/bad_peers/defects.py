"""What a bad peer is, and the register of all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules

Spoil = Callable[[], None]
_REGISTER: dict[str, BadPeer] = {}


@dataclass(frozen=True, slots=True)
class BadPeer:
    """One actor with one defect.

    Attributes:
        name: short, with the actor's initials in front, such as ``tm-double-winner``.
        actor: which actor runs.
        defect: what is wrong with it, in words.
        spoil: makes it so, before the actor starts.
        fails: cases that must end as ``fail``.
        warns: cases that must end as ``warn``.
    """

    name: str
    actor: str
    defect: str
    spoil: Spoil
    fails: tuple[str, ...]
    warns: tuple[str, ...]


def defect(
    name: str, actor: str, words: str, *, fails: Sequence[str] = (), warns: Sequence[str] = ()
) -> Callable[[Spoil], Spoil]:
    """Decorator: this function gives the actor that defect."""

    def keep(spoil: Spoil) -> Spoil:
        if name in _REGISTER:
            raise ValueError(f"two bad peers are called {name}")
        _REGISTER[name] = BadPeer(name, actor, words, spoil, tuple(fails), tuple(warns))
        return spoil

    return keep


def bad_peers(actor: str | None = None) -> dict[str, BadPeer]:
    """Every bad peer by name, or those of one actor; each module of this package that defines some is read."""
    home = import_module("connectathon.bad_peers")
    for found in iter_modules(home.__path__):
        if found.name not in {"__main__", "defects", "forking", "proofs", "running", "spoiling"}:
            import_module(f"connectathon.bad_peers.{found.name}")
    return {name: peer for name, peer in sorted(_REGISTER.items()) if actor is None or peer.actor == actor}
