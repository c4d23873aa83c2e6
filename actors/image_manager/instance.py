"""Read one received file: what it is, whether it is whole, and what the index shall know about it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pydicom
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.errors import InvalidDicomError
from pydicom.uid import DeflatedExplicitVRLittleEndian

from actors.shared.multipart import is_uid
from profiles.dicom import JsonDataset, get, tag_of, text

BULK_BYTES = 64 * 1024
_DEFER_BYTES = 64 * 1024
_UNDEFINED_LENGTH = 0xFFFFFFFF
_META_GROUP_END = 144  # preamble 128, prefix 4, File Meta Information Group Length element 12 (PS3.10 section 7.1)
_PIXELS = {"PixelData": "OW", "FloatPixelData": "OF", "DoubleFloatPixelData": "OD"}


class NotStorable(Exception):
    """A received file that cannot be stored.

    Args:
        reason: key of ``tables/failure_reasons.csv``.
        message: what is wrong with it.
        sop_class: its SOP Class UID, as far as it could be read.
        sop_instance: its SOP Instance UID, as far as it could be read.
    """

    def __init__(self, reason: str, message: str, sop_class: str = "", sop_instance: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.sop_class = sop_class
        self.sop_instance = sop_instance


@dataclass(frozen=True, slots=True)
class Instance:
    """One DICOM instance in a file.

    Attributes:
        header: the dataset without bulk data, as DICOM JSON; a value over 64 KiB and the pixel data are relative
            ``BulkDataURI`` of the form ``bulkdata/<tag>``.
        digest: SHA-256 of the dataset, file meta information apart, so that the transport does not change it.
        pixel_offset: where native pixel data starts in the file, in bytes; None when compressed or absent.
        pixel_bytes: length of native pixel data.
        is_refiled: whether the header is that of the patient into whom its own was merged.
    """

    study: str
    series: str
    sop_instance: str
    sop_class: str
    transfer_syntax: str
    modality: str
    header: JsonDataset
    digest: str
    pixel_offset: int | None = None
    pixel_bytes: int = 0
    is_refiled: bool = False


def read_instance(path: Path) -> Instance:
    """Parse a received file completely.

    Raises:
        NotStorable: when it is no DICOM file, breaks off, or lacks the UIDs that place it.
        OSError: when it cannot be read.
    """
    try:
        dataset = pydicom.dcmread(path, defer_size=_DEFER_BYTES)
        if dataset.file_meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
            dataset = pydicom.dcmread(path)  # inflated in memory: its positions are none of the file
    except OSError as error:
        if error.errno is not None:
            raise
        raise NotStorable("cannot-understand", _words(error), *_identity(path)) from error
    except InvalidDicomError as error:
        raise NotStorable(
            "cannot-understand", "no DICM prefix and file meta information (PS3.10 section 7.1)", *_identity(path)
        ) from error
    except Exception as error:  # a parser over foreign bytes may raise anything
        raise NotStorable("cannot-understand", _words(error), *_identity(path)) from error
    sop_class, sop_instance = str(dataset.get("SOPClassUID", "")), str(dataset.get("SOPInstanceUID", ""))
    try:
        return _facts(path, dataset)
    except NotStorable as refused:
        refused.sop_class, refused.sop_instance = sop_class, sop_instance
        raise
    except Exception as error:  # lazily converted values fail here
        raise NotStorable("cannot-understand", _words(error), sop_class, sop_instance) from error


def _facts(path: Path, dataset: pydicom.FileDataset) -> Instance:
    _require_whole(path, dataset)
    syntax = dataset.file_meta.TransferSyntaxUID
    offset, length = _native_pixels(dataset)
    if syntax == DeflatedExplicitVRLittleEndian:
        offset = None
    pixels = {keyword: vr for keyword, vr in _PIXELS.items() if keyword in dataset}
    for keyword in pixels:
        del dataset[keyword]
    header: JsonDataset = dataset.to_json_dict(
        bulk_data_threshold=BULK_BYTES, bulk_data_element_handler=_bulk_uri, suppress_invalid_tags=True
    )
    for keyword, vr in pixels.items():
        header[tag_of(keyword)] = {"vr": vr, "BulkDataURI": f"bulkdata/{tag_of(keyword)}"}
    _drop_empty_values(header)
    uids = {
        name: text(header, name) for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")
    }
    for name, value in uids.items():
        if not is_uid(value):
            raise NotStorable("cannot-understand", f"{name} is missing or no UID (PS3.5 section 9.1)")
    return Instance(
        study=uids["StudyInstanceUID"],
        series=uids["SeriesInstanceUID"],
        sop_instance=uids["SOPInstanceUID"],
        sop_class=uids["SOPClassUID"],
        transfer_syntax=str(syntax),
        modality=text(header, "Modality"),
        header=header,
        digest=_digest(path),
        pixel_offset=offset,
        pixel_bytes=length,
    )


def _drop_empty_values(header: JsonDataset) -> None:
    """An empty element has no ``Value`` (PS3.18 section F.2.5); pydicom gives an empty sequence an empty one."""
    for element in header.values():
        if element.get("Value") == []:
            del element["Value"]
        elif element["vr"] == "SQ":
            for item in element.get("Value", []):
                _drop_empty_values(item)


def frame_count(header: JsonDataset) -> int:
    """Number of frames of an instance (1 when it does not say)."""
    return max(1, int(get(header, "NumberOfFrames", 1)))


def _bulk_uri(element: DataElement) -> str:
    return f"bulkdata/{int(element.tag):08X}"


def _require_whole(path: Path, dataset: pydicom.FileDataset) -> None:
    """Pydicom skips values without looking whether the file is long enough; this looks."""
    size = path.stat().st_size
    for tag in dataset.keys():  # noqa: SIM118 - iterating a Dataset converts every element
        element = dataset.get_item(tag, keep_deferred=True)
        if not isinstance(element, RawDataElement) or element.length == _UNDEFINED_LENGTH:
            continue
        held = element.length if element.value is None else len(element.value)
        if held < element.length or (element.value is None and element.value_tell + element.length > size):
            raise NotStorable("truncated", f"the value of {element.tag} ends before its declared length")
    _require_pixels(dataset)


def _require_pixels(dataset: pydicom.FileDataset) -> None:
    element = dataset.get_item("PixelData", keep_deferred=True)
    if not isinstance(element, RawDataElement) or element.length == _UNDEFINED_LENGTH:
        return
    bits = int(dataset.get("BitsAllocated") or 0) * int(dataset.get("SamplesPerPixel") or 1)
    frames = int(dataset.get("NumberOfFrames") or 1)
    expected = (int(dataset.get("Rows") or 0) * int(dataset.get("Columns") or 0) * frames * bits + 7) // 8
    subsampled = str(dataset.get("PhotometricInterpretation", "")) == "YBR_FULL_422"
    if element.length < expected and not subsampled:
        raise NotStorable("truncated", f"Pixel Data has {element.length} bytes; its description needs {expected}")


def _native_pixels(dataset: pydicom.FileDataset) -> tuple[int | None, int]:
    for keyword in _PIXELS:
        element: Any = dataset.get_item(keyword, keep_deferred=True)
        if isinstance(element, RawDataElement) and element.length != _UNDEFINED_LENGTH:
            return element.value_tell, element.length
    return None, 0


def _identity(path: Path) -> tuple[str, str]:
    """SOP Class and Instance UID of a file that cannot be parsed, from its file meta information if that is there."""
    try:
        meta = pydicom.filereader.read_file_meta_info(path)
        return str(meta.get("MediaStorageSOPClassUID", "")), str(meta.get("MediaStorageSOPInstanceUID", ""))
    except Exception:  # whatever a parser does on bytes that are no DICOM
        return "", ""


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        stream.seek(_dataset_offset(stream))
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _dataset_offset(stream: BinaryIO) -> int:
    head = stream.read(_META_GROUP_END)
    if head[128:138] != b"DICM\x02\x00\x00\x00UL":
        return 0
    return _META_GROUP_END + int.from_bytes(head[140:144], "little")


def _words(error: Exception) -> str:
    """The kind of failure only: a parser's own words may quote values of the dataset."""
    return f"the dataset cannot be parsed ({type(error).__name__})"
