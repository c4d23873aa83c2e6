"""What the audit trail is told of images that come and go, and of searches for them (PS3.15 A.5.3.7, A.5.3.10)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from fastapi import Request

from actors.image_manager.index import Index, InstanceRow
from actors.image_manager.service import Fate, Receipt
from actors.shared.access import UNTOLD, AccessLog
from profiles.sole.event import Outcome

#: SOP class that a search is audited as: Study Root Query/Retrieve - FIND (PS3.4 Table C.6.2.3-1).
STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"


class TransferLog:
    """Tells of transfers, one event for each study and outcome (SOLE-071, SOLE-073).

    Args:
        index: knows whose a study is.
        access: the audit trail.
    """

    def __init__(self, index: Index, access: AccessLog = UNTOLD) -> None:
        self._index, self._access = index, access

    def searched(self, request: Request) -> None:
        """Somebody searched (SOLE-072); the same search is told once a minute."""
        query = "&".join(part for part in (request.url.path.rpartition("/")[2], request.url.query) if part)
        self._access.tell("searched", address_of(request), target=STUDY_ROOT_FIND, query=query, repeats=True)

    def received(self, address: str, receipts: Iterable[Receipt]) -> None:
        """Instances came in, or did not; what nobody can tell the study of is told as a refusal only."""
        found = {(one.study, one.fate is Fate.FAILED) for one in receipts if one.study}
        for study, failed in sorted(found):
            self._tell("images-received", address, study, whole=not failed)

    def broken(self, address: str, study: str) -> None:
        """A sender ended within its request; nothing of it was stored."""
        self._tell("images-received", address, study, whole=False)

    def sent(self, address: str, study: str, *, whole: bool) -> None:
        """A study, or what was asked for of it, went out; or the receiver went away."""
        self._tell("images-sent", address, study, whole=whole)

    def looked_at(self, address: str, study: str) -> None:
        """Frames, pictures or metadata of a study went out; told once a minute, as a viewer asks for thousands."""
        self._tell("images-sent", address, study, whole=True, repeats=True)

    def watched(self, body: Iterator[bytes], address: str, rows: Sequence[InstanceRow]) -> Iterator[bytes]:
        """The body of an answer; that it ended is told."""
        whole = False
        try:
            yield from body
            whole = True
        finally:
            self.sent(address, rows[0].study_uid, whole=whole)

    def _tell(self, kind: str, address: str, study: str, *, whole: bool, repeats: bool = False) -> None:
        self._access.tell(
            kind,
            address,
            studies=(study,) if study else (),
            patient_id=lambda: self._index.patient_of(study),
            outcome=Outcome.SUCCESS if whole else Outcome.SERIOUS_FAILURE,
            repeats=repeats,
        )


def address_of(request: Request) -> str:
    """Network address of the caller."""
    return request.client.host if request.client else ""
