"""One association with a UPS SCP, with presentation contexts of the test's choice; each message becomes evidence.

DIMSE-N messages name UPS Push as their SOP class whatever the context is of (PS3.4 section CC.3.1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from socket import SHUT_RDWR
from typing import Any

from pydicom import Dataset, config
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.presentation import build_context, build_role

from conformance.harness.trial import SystemFailed, Trial
from conformance.partners.storage import Address

PUSH, WATCH, PULL, EVENT, QUERY = (f"1.2.840.10008.5.1.4.34.6.{number}" for number in range(1, 6))
VERIFICATION = "1.2.840.10008.1.1"
SYNTAXES = (str(ImplicitVRLittleEndian), str(ExplicitVRLittleEndian))
CHANGE_STATE, REQUEST_CANCEL, SUBSCRIBE, UNSUBSCRIBE, SUSPEND = range(1, 6)
SUCCESS, CANCELED = "0000", "FE00"
PENDING = ("FF00", "FF01")
_MOST = 10_000
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an operation ended.

    Attributes:
        status: of the last answer, four hexadecimal digits; empty when there was none.
        datasets: DICOM JSON objects of the answers that carried one.
        statuses: of all answers, the last included.
        evidence: id of what went over the wire.
    """

    status: str
    datasets: tuple[Json, ...] = ()
    statuses: tuple[str, ...] = ()
    evidence: str = ""

    @property
    def words(self) -> str:
        """The status for what was found."""
        return f"status {self.status}"

    @property
    def ok(self) -> bool:
        """Whether it was done, with or without a warning (PS3.7 Annex C)."""
        return self.status in {SUCCESS, "0001", "0107", "0116"} or self.status.startswith("B")


@dataclass(slots=True)
class UpsAssociation:
    """An open association.

    Attributes:
        accepted: abstract and transfer syntax of each accepted context.
        octets: how many have come in answer to the last message.
    """

    trial: Trial
    association: Any
    accepted: tuple[tuple[str, str], ...] = ()
    octets: int = 0

    def echo(self) -> Outcome:
        """C-ECHO."""
        return self._one("C-ECHO", lambda: (self.association.send_c_echo(), None), {})

    def create(self, content: Json, uid: str = "", context: str = PUSH) -> Outcome:
        """N-CREATE."""
        return self._one(
            f"N-CREATE {uid}",
            lambda: self.association.send_n_create(dataset_of(content), PUSH, uid or None, meta_uid=context),
            content,
        )

    def get(self, uid: str, tags: Sequence[str], context: str = PULL) -> Outcome:
        """N-GET of some attributes."""
        wanted = [int(tag, 16) for tag in tags]
        return self._one(
            f"N-GET {uid}", lambda: self.association.send_n_get(wanted, PUSH, uid, meta_uid=context), {"tags": [*tags]}
        )

    def set(self, uid: str, changes: Json, context: str = PULL) -> Outcome:
        """N-SET."""
        return self._one(
            f"N-SET {uid}",
            lambda: self.association.send_n_set(dataset_of(changes), PUSH, uid, meta_uid=context),
            changes,
        )

    def action(self, kind: int, uid: str, information: Json, context: str = PULL) -> Outcome:
        """N-ACTION of one of the five types."""
        return self._one(
            f"N-ACTION type {kind} {uid}",
            lambda: self.association.send_n_action(
                dataset_of(information) if information else None, kind, PUSH, uid, meta_uid=context
            ),
            information,
        )

    def report(self, kind: int, uid: str, information: Json) -> Outcome:
        """N-EVENT-REPORT, as SCP of UPS Event (PS3.4 section CC.2.4)."""
        return self._one(
            f"N-EVENT-REPORT type {kind:d} {uid}",
            lambda: self.association.send_n_event_report(dataset_of(information), int(kind), PUSH, uid, meta_uid=EVENT),
            information,
        )

    def find(self, identifier: Json, context: str = PULL, *, cancel: bool = False) -> Outcome:
        """C-FIND; with ``cancel`` a C-CANCEL follows the first answer."""
        self.octets, statuses, found = 0, list[str](), list[Json]()
        answers = self.association.send_c_find(dataset_of(identifier), context, msg_id=1)
        for status, dataset in answers:
            statuses.append(_code(status))
            if cancel and len(statuses) == 1:
                self.association.send_c_cancel(1, query_model=context)
            if dataset is not None:
                found.append(self._read("C-FIND", dataset))
            if len(statuses) > _MOST:
                self.association.abort()
                break
        return self._told("C-FIND, then C-CANCEL" if cancel else "C-FIND", statuses, identifier, found)

    def _one(self, what: str, send: Callable[[], tuple[Dataset, Dataset | None]], sent: Json) -> Outcome:
        self.octets = 0
        try:
            status, came = send()
        except (ValueError, RuntimeError) as error:  # the context is not accepted, or the association is gone
            evidence = self.trial.keep("dimse", f"{what} → {error}", {"sent": sent, "trouble": str(error)}, "json")
            raise SystemFailed(f"{what} cannot be sent: {error}", [evidence]) from error
        return self._told(what, [_code(status)], sent, [self._read(what, came)] if came else [], _comment(status))

    def _read(self, what: str, dataset: Dataset) -> Json:
        try:
            return json_of(dataset)
        except Exception as error:  # whatever pydicom cannot read is the system's
            words = f"the data set in the answer to {what} cannot be read ({type(error).__name__})"
            evidence = self.trial.keep("dimse", words, str(error), "txt")
            raise SystemFailed(words, [evidence]) from error

    def take(self, event: Any) -> None:
        """Octets have come; when there are more than declared, the connection is cut."""
        self.octets += len(event.data)
        if self.octets > self.trial.declared.limits.answer_bytes:
            with suppress(OSError):  # it is cut already
                event.assoc.dul.socket.socket.shutdown(SHUT_RDWR)

    def _told(self, what: str, statuses: Sequence[str], sent: Json, came: Sequence[Json], comment: str = "") -> Outcome:
        last = statuses[-1] if statuses else ""
        content = {"sent": sent, "statuses": [*statuses], "comment": comment, "received": [*came]}
        evidence = self.trial.keep("dimse", f"{what} → {last or 'no answer'}", content, "json")
        if not last:
            raise SystemFailed(f"no answer to {what}, or the association broke", [evidence])
        return Outcome(last, tuple(came), tuple(statuses), evidence)


@contextmanager
def associated(
    trial: Trial,
    address: Address,
    calling: str,
    contexts: Sequence[str],
    syntaxes: Sequence[str] = SYNTAXES,
    *,
    provides: bool = False,
) -> Iterator[UpsAssociation]:
    """An association, until the block is left.

    Args:
        trial: whose evidence it is.
        address: of the system under test.
        calling: AE title.
        contexts: abstract syntaxes; each is proposed once for every transfer syntax.
        syntaxes: transfer syntaxes.
        provides: whether the harness is the SCP of the services, as a sender of event reports is.

    Raises:
        SystemFailed: when it is rejected, or nobody answers.
    """
    entity = AE(ae_title=calling)
    seconds = trial.declared.limits.answer_seconds
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = entity.connection_timeout = seconds
    entity.requested_contexts = [build_context(abstract, one) for abstract in contexts for one in syntaxes]
    roles: list[Any] = [build_role(one, scu_role=True, scp_role=True) for one in contexts] if provides else []
    association = entity.associate(address.host, address.port, ae_title=address.ae_title, ext_neg=roles)
    accepted = tuple((str(one.abstract_syntax), str(one.transfer_syntax[0])) for one in association.accepted_contexts)
    evidence = trial.keep(
        "dimse",
        f"association of {calling} with {address.ae_title}: {len(accepted)} contexts accepted",
        {"established": association.is_established, "proposed": [*contexts], "accepted": [*accepted]},
        "json",
    )
    opened = UpsAssociation(trial, association, accepted)
    association.bind(evt.EVT_DATA_RECV, opened.take)
    try:
        if not association.is_established:
            raise SystemFailed(f"no association with {address.ae_title} (rejected, aborted or no answer)", [evidence])
        yield opened
    finally:
        if association.is_established:
            association.release()
        entity.shutdown()


def dataset_of(content: Json) -> Dataset:
    """A DICOM JSON object as a data set."""
    with config.disable_value_validation():  # what is sent may be wrong on purpose
        return Dataset.from_json(content)


def json_of(dataset: Dataset) -> Json:
    """A data set as a DICOM JSON object; what is wrong with its values is for the checks to say."""
    with config.disable_value_validation():
        return dict(dataset.to_json_dict())


def _code(status: Dataset) -> str:
    return f"{int(status.Status):04X}" if status and "Status" in status else ""


def _comment(status: Dataset) -> str:
    return str(status.get("ErrorComment", "")) if status else ""
