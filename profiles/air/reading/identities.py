"""The identities of things, told apart even where objects use one name for several."""

from __future__ import annotations

from dataclasses import dataclass, field

from profiles.air.errors import require
from profiles.air.reading.notes import Notes
from profiles.air.values import Tracking, require_uid

_LIMIT = 64


@dataclass(slots=True)
class Identities:
    """All identities given so far: no identifier and no UID is given twice."""

    _names: set[str] = field(default_factory=set)
    _uids: set[str] = field(default_factory=set)

    def give(self, stated: tuple[str, str], otherwise: str, notes: Notes, path: str) -> Tracking:
        """The identity of one more thing.

        Args:
            stated: Tracking Identifier and Tracking Unique Identifier, each empty when it is absent.
            otherwise: the identifier when none is stated.
            notes: what cannot stay as it is stated is added.
            path: where it is stated.
        """
        words, uid = stated
        notes.private.update(part for part in stated if part)
        name = self._name(words, otherwise, notes, path)
        with notes.taking(path, "Tracking Unique Identifier"):
            if uid:
                require_uid(uid, "Tracking Unique Identifier")
                require(
                    uid not in self._uids,
                    "Another thing has the same one (RAD TF-3 section 6.5.3.7); this one is read without.",
                )
                self._uids.add(uid)
                return Tracking(name, uid)
        return Tracking(name)

    def _name(self, words: str, otherwise: str, notes: Notes, path: str) -> str:
        plain = " ".join("".join(sign if sign.isprintable() and sign != "\\" else " " for sign in words).split())
        shorter = plain[:_LIMIT].strip() if words != plain or len(plain) > _LIMIT else words
        if words and shorter != words:
            notes.add(
                path, "Tracking Identifier", f"It is no text of at most {_LIMIT} printable characters; shortened."
            )
        wanted = shorter or otherwise[:_LIMIT]
        name, number = wanted, 1
        while name in self._names:
            number += 1
            name = f"{wanted[: _LIMIT - 5].strip()} ({number})"
        if name != wanted and words:
            notes.add(
                path, "Tracking Identifier", f"Another thing has the same one; this one is read with ({number}) behind."
            )
        self._names.add(name)
        return name
