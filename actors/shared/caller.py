"""Who is calling: one value that every face hands to the domain (design decision D16)."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller's name and roles. Until identity providers are built, its only source is configuration."""

    name: str
    roles: frozenset[str] = field(default_factory=frozenset)


LOCAL_CALLER = Caller("local", frozenset({"operator"}))
