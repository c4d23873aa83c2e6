"""DIMSE storage as a client: C-STORE and C-ECHO (PS3.4 Annexes A and B), with pynetdicom."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pydicom
from pydicom.uid import UID, ImplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.sop_class import Verification

from actors.shared.sockets import without_delay
from profiles.errors import BadInput, Conflict, Unavailable

_SUCCESS = 0x0000
_WARNINGS = range(0xB000, 0xC000)
_OUT_OF_RESOURCES = range(0xA700, 0xA800)
_MOST_CONTEXTS = 128  # PS3.8 section 9.3.2: presentation context ids are the odd numbers up to 255


def send(
    paths: Sequence[Path],
    host: str,
    port: int,
    called_ae: str,
    calling_ae: str = "STEPWELL",
    *,
    timeout_seconds: float = 60,
) -> None:
    """Send files over one association, each in the transfer syntax it is stored in.

    Args:
        paths: DICOM files.
        host: of the C-STORE SCP.
        port: of the C-STORE SCP.
        called_ae: its AE title.
        calling_ae: ours.
        timeout_seconds: for connecting, associating and each answer.

    Raises:
        BadInput: when a file is no DICOM file.
        Unavailable: when the peer is away, ends the association or is out of resources.
        Conflict: when it refuses an instance or its storage class.
    """
    contexts = sorted({_context(path) for path in paths})
    if len(contexts) > _MOST_CONTEXTS:
        raise BadInput(f"{len(contexts)} kinds of instance do not fit one association (PS3.8 9.3.2); send fewer.")
    association = associate(contexts, host, port, called_ae, calling_ae, timeout_seconds)
    try:
        for path in paths:
            _store(association, path)
    finally:
        if association.is_established:
            association.release()


def echo(host: str, port: int, called_ae: str, calling_ae: str = "STEPWELL", *, timeout_seconds: float = 10) -> None:
    """Verify that a peer answers (C-ECHO).

    Raises:
        Unavailable: when it does not.
    """
    contexts = [(str(Verification), str(ImplicitVRLittleEndian))]
    association = associate(contexts, host, port, called_ae, calling_ae, timeout_seconds)
    try:
        status = association.send_c_echo()
        if not status or status.Status != _SUCCESS:
            raise Unavailable(f"{called_ae} at {host}:{port} did not answer C-ECHO with success.")
    finally:
        if association.is_established:
            association.release()


def _context(path: Path) -> tuple[str, str]:
    try:
        meta = pydicom.filereader.read_file_meta_info(path)
        return str(meta.MediaStorageSOPClassUID), str(meta.TransferSyntaxUID)
    except (AttributeError, OSError, pydicom.errors.InvalidDicomError) as error:
        raise BadInput(f"{path.name} is no DICOM file with file meta information (PS3.10 section 7.1).") from error


def associate(
    contexts: Sequence[tuple[str, str]],
    host: str,
    port: int,
    called_ae: str,
    calling_ae: str,
    timeout_seconds: float,
    negotiation: Sequence[Any] = (),
) -> Association:
    """An association that the peer has accepted; whoever asks for it releases it.

    Args:
        contexts: SOP class and transfer syntax of each presentation context.
        host: of the peer.
        port: of the peer.
        called_ae: its AE title.
        calling_ae: ours.
        timeout_seconds: for connecting, associating and each answer.
        negotiation: further items of the user information (PS3.7 D.3.3).

    Raises:
        Unavailable: when the peer is away or does not accept.
    """
    ae = AE(ae_title=calling_ae)
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = ae.connection_timeout = timeout_seconds
    for sop_class, syntax in contexts:
        ae.add_requested_context(UID(sop_class), UID(syntax))
    association = ae.associate(
        host, port, ae_title=called_ae, ext_neg=list(negotiation), evt_handlers=[without_delay()]
    )
    if association.is_established:
        return association
    if association.acceptor.primitive is None:  # it answered nothing
        _require_listening(called_ae, host, port, timeout_seconds)
    words = "it rejected the association" if association.is_rejected else "no association could be made"
    raise Unavailable(
        f"{called_ae} at {host}:{port}: {words}. Check that it runs, that the port is right and that it knows the "
        f"calling AE title {calling_ae}."
    )


def _require_listening(called_ae: str, host: str, port: int, timeout_seconds: float) -> None:
    """See that somebody listens, to tell why no association could be made."""
    try:
        socket.create_connection((host, port), timeout_seconds).close()
    except OSError as error:
        raise Unavailable(
            f"{called_ae} at {host}:{port} cannot be reached: {error.strerror or error}. Check that it runs and that "
            "the port is right."
        ) from error


def _store(association: Association, path: Path) -> None:
    try:
        status: Any = association.send_c_store(path)
    except ValueError as error:  # no accepted presentation context for this class and syntax
        raise Conflict(
            f"The peer accepts no presentation context for the storage class and transfer syntax of {path.name} "
            "(PS3.8 section 9.3.3)."
        ) from error
    except RuntimeError as error:
        raise Unavailable("The peer ended the association before all instances were sent; send them again.") from error
    if "Status" not in status:
        raise Unavailable("The peer did not answer a C-STORE request in time; send the study again.")
    code = int(status.Status)
    if code == _SUCCESS or code in _WARNINGS:
        return
    comment = str(status.get("ErrorComment", ""))
    if code in _OUT_OF_RESOURCES:
        raise Unavailable(f"The peer is out of resources (status {code:04X}H) {comment}".rstrip())
    raise Conflict(f"The peer refused {path.name} with status {code:04X}H {comment} (PS3.4 Table B.2-1).")
