"""Which media type to answer with (PS3.18 section 8.7)."""

from __future__ import annotations

from collections.abc import Sequence

from actors.shared.multipart import MediaType
from profiles.errors import NotAcceptable

DICOM_JSON = "application/dicom+json"
JSON = "application/json"
DICOM = "application/dicom"
OCTETS = "application/octet-stream"
MULTIPART = "multipart/related"


def accepted(accept: str) -> list[MediaType]:
    """The ranges of an Accept header, in the sender's order of preference; none given means anything.

    A comma inside quotes does not separate.
    """
    ranges: list[str] = [""]
    quoted = False
    for sign in accept or "*/*":
        quoted ^= sign == '"'
        if sign == "," and not quoted:
            ranges.append("")
        else:
            ranges[-1] += sign
    found = [MediaType.parse(one.strip()) for one in ranges if one.strip()]
    return sorted(found, key=_weight, reverse=True)


def _weight(media: MediaType) -> float:
    try:
        return float(media.parameters.get("q", "1"))
    except ValueError:
        return 1.0


def require_json(accept: str) -> str:
    """The JSON media type to answer with.

    Raises:
        NotAcceptable: when the caller takes none.
    """
    for media in accepted(accept):
        if media.name in {DICOM_JSON, "*/*", "application/*"}:
            return DICOM_JSON
        if media.name == JSON:
            return JSON
    raise NotAcceptable(
        f"This resource is served as {DICOM_JSON} or {JSON} (PS3.18 section 8.7.4); accept one of them."
    )


def choose(accept: str, kind: str, *, single: bool) -> MediaType:
    """The first range that this resource can be served as.

    Args:
        accept: the Accept header.
        kind: ``application/dicom`` or ``application/octet-stream``.
        single: whether the resource has one part only and may be sent without multipart.

    Returns:
        The chosen range: ``multipart/related`` or ``kind`` itself, with the caller's parameters.

    Raises:
        NotAcceptable: when there is none.
    """
    for media in accepted(accept):
        if media.name in {"*/*", "multipart/*", "application/*"}:
            return MediaType(MULTIPART, media.parameters)
        if media.name == MULTIPART and media.parameters.get("type", kind).lower() in {kind, "*/*"}:
            return media
        if media.name == kind and single:
            return media
    raise NotAcceptable(
        f'This resource is served as multipart/related; type="{kind}" (PS3.18 section 8.7.3.4); accept that.'
    )


def require_syntax(media: MediaType, stored: Sequence[str]) -> None:
    """Instances are sent in the transfer syntax they were stored in; refuse when another one is demanded.

    Raises:
        NotAcceptable: when ``transfer-syntax`` names another one.
    """
    wanted = media.parameters.get("transfer-syntax", "*")
    if wanted != "*" and any(syntax != wanted for syntax in stored):
        raise NotAcceptable(
            f"Instances are sent in the transfer syntax they have ({', '.join(sorted(set(stored)))}); {wanted} "
            "was demanded (PS3.18 section 8.7.3.5.2). Accept transfer-syntax=*."
        )
