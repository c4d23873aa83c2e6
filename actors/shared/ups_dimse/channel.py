"""An association over which event reports go to one AE (PS3.4 CC.2.4): we are its requestor, and SCP of UPS Event."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import build_role
from pynetdicom.sop_class import UnifiedProcedureStepEvent

from actors.shared.dimse import associate
from actors.shared.ups_dimse.dataset import to_dataset
from actors.shared.ups_dimse.peers import Address
from profiles.dicom import JsonDataset
from profiles.errors import Unavailable
from profiles.ups.events import UPS_PUSH

_CONTEXTS = [(str(UnifiedProcedureStepEvent), str(one)) for one in (ExplicitVRLittleEndian, ImplicitVRLittleEndian)]
_TIMEOUT_SECONDS = 30.0
_MESSAGE_IDS = 2**16
_TAKEN = frozenset({0x0000, 0x0001, 0x0107, 0x0116})


class EventChannel:
    """An association with one Receiving AE, from entering to leaving.

    Args:
        address: where it takes associations.
        receiver: its AE title.
        ae_title: ours.

    Raises:
        Unavailable: on entering, when it is away, or takes no UPS Event.
    """

    def __init__(self, address: Address, receiver: str, ae_title: str) -> None:
        self._address, self._receiver, self._ae_title = address, receiver, ae_title
        self._association: Any = None

    def __enter__(self) -> Self:
        role = build_role(UnifiedProcedureStepEvent, scu_role=True, scp_role=True)
        where = (self._address.host, self._address.port)
        self._association = associate(_CONTEXTS, *where, self._receiver, self._ae_title, _TIMEOUT_SECONDS, [role])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._association.is_established:
            self._association.release()

    def send(self, kind: int, workitem_uid: str, number: int, information: JsonDataset) -> int:
        """Send one report and wait for the answer (N-EVENT-REPORT).

        Args:
            kind: Event Type ID.
            workitem_uid: Affected SOP Instance UID.
            number: of the event; its Message ID follows from it.
            information: Event Information.

        Returns:
            The status of a report that the peer has and cannot deal with; 0 when all is well.

        Raises:
            Unavailable: when the peer does not answer, and so may not have it.
        """
        try:
            status, _ = self._association.send_n_event_report(
                to_dataset(information),
                kind,
                UPS_PUSH,
                workitem_uid,
                number % _MESSAGE_IDS,
                meta_uid=UnifiedProcedureStepEvent,
            )
        except ValueError as error:
            raise Unavailable(
                f"{self._receiver} accepts no presentation context of UPS Event (PS3.4 CC.3.1)."
            ) from error
        except RuntimeError as error:
            raise Unavailable(f"{self._receiver} ended the association; what waits for it is sent again.") from error
        if "Status" not in status:
            raise Unavailable(f"{self._receiver} did not answer an event report; it is sent again.")
        code = int(status.Status)
        return 0 if code in _TAKEN or code >> 12 == 0xB else code  # noqa: PLR2004 - B000 to BFFF are warnings
