"""C-STORE and C-ECHO: the DIMSE face of the Image Manager (PS3.4 Annexes A and B)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import AllTransferSyntaxes
from pynetdicom import AE, AllStoragePresentationContexts, evt
from pynetdicom.sop_class import Verification

from actors.image_manager.auditing import TransferLog
from actors.image_manager.files import storage_failure
from actors.image_manager.service import Fate, ImageManager, Receipt, failure_reason
from actors.image_manager.settings import Settings
from actors.shared.logs import get_logger
from actors.shared.sockets import without_delay
from profiles.errors import Unavailable

_log = get_logger(__name__)
_PDU_BYTES = 256 * 1024
_COMMENT = 64  # Error Comment (0000,0902) is LO
_LABEL_MAP_SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.7"


@contextmanager
def dimse_server(manager: ImageManager, settings: Settings, transfers: TransferLog | None = None) -> Iterator[Any]:
    """Serve associations while the block runs.

    Args:
        manager: stores what comes in.
        settings: address and AE title.
        transfers: told at the end of each association what came by it.
    """
    ae = AE(ae_title=settings.ae_title)
    ae.maximum_pdu_size = _PDU_BYTES
    ae.maximum_associations = 32
    ae.add_supported_context(Verification)
    classes = {str(context.abstract_syntax) for context in AllStoragePresentationContexts} | {_LABEL_MAP_SEGMENTATION}
    for sop_class in sorted(classes):
        ae.add_supported_context(sop_class, AllTransferSyntaxes)
    came = Associations(transfers or TransferLog(manager.index))
    handlers = [
        without_delay(),
        (evt.EVT_C_STORE, _on_store, [manager, came]),
        (evt.EVT_C_ECHO, _on_echo),
        (evt.EVT_CONN_CLOSE, came.ended),
    ]
    server = ae.start_server((settings.host, settings.dimse_port), block=False, evt_handlers=handlers)
    try:
        yield server
    finally:
        ae.shutdown()


def _on_echo(_event: Any) -> int:
    return 0x0000


class Associations:
    """What came by each association that is open; the end of a transfer is that of its association.

    Args:
        transfers: told of the transfers.
    """

    def __init__(self, transfers: TransferLog) -> None:
        self._transfers = transfers
        self._open: dict[Any, list[Receipt]] = {}

    def came(self, event: Any, receipt: Receipt) -> None:
        """An instance came; of a study and a fate, one stands for all."""
        receipts = self._open.setdefault(event.assoc, [])
        if not any((one.study, one.fate) == (receipt.study, receipt.fate) for one in receipts):
            receipts.append(receipt)

    def ended(self, event: Any) -> None:
        """An association ended, whichever way."""
        self._transfers.received(event.assoc.requestor.address or "", self._open.pop(event.assoc, ()))


def _on_store(event: Any, manager: ImageManager, associations: Associations) -> Dataset:
    try:
        receipt = _store(event, manager)
        associations.came(event, receipt)
        return _status(receipt)
    except Unavailable as error:
        key = "no-space" if error.row_key == "storage-full" else "storage-failed"
        return _failure(failure_reason(key).code, failure_reason(key).meaning)
    except Exception:
        _log.exception("store-failed")
        return _failure(0x0110, "the archive failed; its log says why")


def _store(event: Any, manager: ImageManager) -> Receipt:
    """Write the dataset as it came, without decoding it, behind the file meta information of the association."""
    path = manager.files.new_path()
    try:
        path.write_bytes(event.encoded_dataset())
    except OSError as error:
        path.unlink(missing_ok=True)
        raise storage_failure(error, manager.files.root) from error
    return manager.store([path])[0]


def _status(receipt: Receipt) -> Dataset:
    if receipt.fate in {Fate.STORED, Fate.ALREADY_STORED} or receipt.reason is None:
        status = Dataset()
        status.Status = 0x0000
        return status
    return _failure(receipt.reason.code, receipt.message)


def _failure(code: int, comment: str) -> Dataset:
    status = Dataset()
    status.Status = code
    status.ErrorComment = comment[:_COMMENT]
    return status
