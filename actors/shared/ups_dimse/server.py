"""Serve UPS over DIMSE: the five UPS SOP classes and Verification (PS3.4 CC.3, Annex A)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.sop_class import Verification

from actors.shared.access import UNTOLD, AccessLog
from actors.shared.refusals import RefusalLog
from actors.shared.ups_dimse.limits import keep_identifiers_out_of_logs, limited, shut_down
from actors.shared.ups_dimse.peers import Peers
from actors.shared.ups_dimse.scp import UpsScp
from actors.shared.ups_dimse.sender import ReportSender
from actors.shared.ups_dimse.statuses import Service, row_of
from profiles.errors import StepwellError, Unavailable
from profiles.sole.event import Outcome
from workitems.store import Store
from workitems.worklist import Worklist

_PDU_BYTES = 128 * 1024
SYNTAXES = (ImplicitVRLittleEndian, ExplicitVRLittleEndian)


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a server takes associations, and from whom.

    Attributes:
        host: interface.
        port: TCP port; 0 for any that is free.
        ae_title: its AE title.
        callers: AE titles that may associate; everybody when empty.
        require_called: whether a caller must name the AE title.
        associations: at most so many at a time.
        idle_seconds: after so long without a message an association is ended; a peer that stops in the middle of a
            message, or takes no bytes, is given up as fast.
    """

    host: str
    port: int
    ae_title: str
    callers: tuple[str, ...] = ()
    require_called: bool = False
    associations: int = 64
    idle_seconds: float = 60.0


@contextmanager
def ups_dimse_server(
    worklist: Worklist,
    store: Store,
    where: Listening,
    *,
    peers: Peers | None = None,
    refusals: RefusalLog | None = None,
    taken: Callable[[Service], None] = lambda _service: None,
    notified: Callable[[], None] | None = None,
    access: AccessLog = UNTOLD,
) -> Iterator[int]:
    """Serve a worklist over DIMSE, and report its events to whoever subscribed over DIMSE, while the block runs.

    Args:
        worklist: the domain.
        store: of the same worklist.
        where: address and limits.
        peers: where AEs take event reports, by AE title; subscriptions are refused when not given (C315).
        refusals: told of every refusal.
        taken: told of every request that may change something, before anything is done about it.
        notified: told of every Instance Availability Notification (RAD-49); none are taken when not given.
        access: told who searched and read.

    Yields:
        The port.

    Raises:
        Unavailable: when the port is taken.
    """
    told = refusals or RefusalLog()

    def refused(service: str, uid: str, address: str, error: StepwellError) -> None:
        row = row_of(error, service)
        told.tell(
            "refused",
            Outcome(row.audit_outcome),
            target=f"urn:oid:{uid}" if uid else f"dicom:{where.ae_title}",
            reason=error.row_key,
            address=address,
            service=service,
            status=row.dimse,
        )

    with ExitStack() as stack:
        port = stack.enter_context(_listening(UpsScp(worklist, peers, refused, taken, notified, access), where))
        if peers is not None:
            stack.enter_context(ReportSender(store, worklist.subscriptions, peers, where.ae_title))
        yield port


@contextmanager
def _listening(scp: UpsScp, where: Listening) -> Iterator[int]:
    keep_identifiers_out_of_logs()
    ae = AE(ae_title=where.ae_title)
    ae.maximum_associations = where.associations
    ae.maximum_pdu_size = _PDU_BYTES
    ae.network_timeout = ae.dimse_timeout = ae.acse_timeout = where.idle_seconds
    ae.require_calling_aet = list(where.callers)
    ae.require_called_aet = where.require_called
    for sop_class in (Verification, *scp.classes):
        ae.add_supported_context(sop_class, list(SYNTAXES))
    handlers = [*limited(where.idle_seconds), *scp.handlers()]
    try:
        server: Any = ae.start_server((where.host, where.port), block=False, evt_handlers=handlers)
    except OSError as error:
        raise Unavailable(
            f"Port {where.port} on {where.host} cannot be listened on: {error.strerror or error}. Choose another "
            "dimse_port, or end what uses it."
        ) from error
    try:
        yield int(server.server_address[1])
    finally:
        shut_down(ae, server)
