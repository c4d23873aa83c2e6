"""A DIMSE peer that records: storage and query/retrieve as SCU, storage as SCP for what C-MOVE sends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.presentation import build_role

from conformance.harness.trial import SystemFailed, Trial
from conformance.partners import objects

FIND = "1.2.840.10008.5.1.4.1.2.2.1"
MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
GET = "1.2.840.10008.5.1.4.1.2.2.3"
VERIFICATION = "1.2.840.10008.1.1"
STORAGE = (objects.CT, objects.MR, objects.CR, objects.SC, objects.SR, objects.SEG, objects.PM, objects.KOS)
_PENDING = (0xFF00, 0xFF01)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a DIMSE application entity listens."""

    host: str
    port: int
    ae_title: str


@dataclass(slots=True)
class Outcome:
    """The end of an operation: the final status, and what came before it."""

    status: int
    datasets: list[Dataset] = field(default_factory=list)
    evidence: str = ""

    @property
    def words(self) -> str:
        """The status for what was found."""
        return f"status {self.status:04X}, {len(self.datasets)} data sets"


class StoragePeer:
    """Operations on one archive; each becomes evidence of the trial that is on."""

    def __init__(self, archive: Address, ae_title: str, answer_seconds: float) -> None:
        """Nothing is sent yet."""
        self.archive, self.ae_title, self.seconds = archive, ae_title, answer_seconds
        self.trial: Trial | None = None

    def echo(self) -> Outcome:
        """C-ECHO."""
        with self._associated((VERIFICATION,)) as association:
            return self._told("C-ECHO", association.send_c_echo())

    def store(self, dataset: Dataset) -> Outcome:
        """C-STORE of one instance."""
        with self._associated((str(dataset.SOPClassUID),)) as association:
            dataset.file_meta = FileMetaDataset()
            dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
            return self._told(f"C-STORE of {dataset.SOPClassUID.name}", association.send_c_store(dataset), dataset)

    def find(self, query: Dataset) -> Outcome:
        """C-FIND at the query's level in the study root."""
        with self._associated((FIND,)) as association:
            return self._gathered("C-FIND", association.send_c_find(query, FIND), query)

    def move(self, query: Dataset, destination: str) -> Outcome:
        """C-MOVE to an application entity."""
        with self._associated((MOVE,)) as association:
            return self._gathered(f"C-MOVE to {destination}", association.send_c_move(query, destination, MOVE), query)

    def get(self, query: Dataset, classes: Sequence[str]) -> Outcome:
        """C-GET; what comes is in the outcome."""
        came: list[Dataset] = []

        def keep(event: Any) -> int:
            came.append(event.dataset)
            return 0

        with self._associated((GET,), classes, [(evt.EVT_C_STORE, keep)]) as association:
            outcome = self._gathered("C-GET", association.send_c_get(query, GET), query)
        outcome.datasets = came
        return outcome

    @contextmanager
    def _associated(
        self, contexts: Sequence[str], roles: Sequence[str] = (), handlers: Sequence[Any] = ()
    ) -> Iterator[Any]:
        entity = AE(ae_title=self.ae_title)
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = self.seconds
        for context in (*contexts, *roles):
            entity.add_requested_context(context)
        association = entity.associate(
            self.archive.host,
            self.archive.port,
            ae_title=self.archive.ae_title,
            ext_neg=[build_role(one, scp_role=True) for one in roles],
            evt_handlers=list(handlers),
        )
        if not association.is_established:
            raise SystemFailed(f"no association with {self.archive.ae_title} (rejected, aborted or no answer)")
        try:
            accepted = {context.abstract_syntax for context in association.accepted_contexts}
            if missing := [one for one in contexts if one not in accepted]:
                raise SystemFailed(f"the presentation context for {missing[0]} is refused")
            yield association
        finally:
            if association.is_established:
                association.release()
            entity.shutdown()

    def _gathered(self, what: str, answers: Any, query: Dataset) -> Outcome:
        found: list[Dataset] = []
        status = Dataset()
        for status, dataset in answers:
            if dataset is not None and status and status.Status in _PENDING:
                found.append(dataset)
        return self._told(what, status, query, found)

    def _told(self, what: str, status: Dataset, sent: Dataset | None = None, came: Sequence[Dataset] = ()) -> Outcome:
        if self.trial is None:
            raise RuntimeError("no test is on")
        code = int(status.Status) if status and "Status" in status else -1
        evidence = self.trial.keep(
            "dimse",
            f"{what} → {'no answer' if code < 0 else f'{code:04X}'}",
            {
                "status": status.to_json_dict() if status else {},
                "sent": _told_of(sent),
                "received": [_told_of(one) for one in came],
            },
            "json",
        )
        if code < 0:
            raise SystemFailed(f"no answer to {what} within {self.seconds:g} s, or the association broke", [evidence])
        return Outcome(code, list(came), evidence)


class Receiver:
    """A storage SCP that keeps what comes in memory."""

    def __init__(self, host: str, port: int, ae_title: str) -> None:
        """It listens until it is closed; every C-STORE is answered by ``status``."""
        self.host, self.port, self.ae_title, self.status = host, port, ae_title, 0
        self._came: list[Dataset] = []
        self._lock = Lock()
        entity = AE(ae_title=ae_title)
        for sop_class in (*STORAGE, VERIFICATION):
            entity.add_supported_context(sop_class)
        self._server = entity.start_server((host, port), block=False, evt_handlers=[(evt.EVT_C_STORE, self._keep)])

    @property
    def came(self) -> list[Dataset]:
        """Everything that has come so far."""
        with self._lock:
            return list(self._came)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()

    def _keep(self, event: Any) -> int:
        with self._lock:
            self._came.append(event.dataset)
        return self.status


def _told_of(dataset: Dataset | None) -> Any:
    return (
        None if dataset is None else dataset.to_json_dict(bulk_data_threshold=256, bulk_data_element_handler=_left_out)
    )


def _left_out(element: Any) -> str:
    return f"{len(element.value)} octets left out"
