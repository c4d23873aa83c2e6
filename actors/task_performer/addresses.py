"""Which archives a workitem may send us to: only those that are configured, whatever URL it names."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from profiles.dicom import JsonDataset, items, text

_DEFAULT_PORTS = {"http": 80, "https": 443}


def archive_of(url: str, archives: Sequence[str]) -> str | None:
    """The configured archive that a URL is within, or None."""
    wanted = _normal(url)
    for archive in archives:
        base = _normal(archive)
        if wanted == base or wanted.startswith(f"{base}/"):
            return archive
    return None


def source_of(input_item: JsonDataset, archives: Sequence[str]) -> str:
    """Where one input is retrieved from: the archive that it names if that is configured, else the default one."""
    for retrieval in items(input_item, "WADORSRetrievalSequence"):
        found = archive_of(text(retrieval, "RetrieveURL"), archives)
        if found:
            return found
    return archives[0]


def destination_of(workitem: JsonDataset, archives: Sequence[str]) -> str | None:
    """The archive that results go to.

    Returns:
        The one that Output Destination Sequence names; the first configured one when it names none; None when it names
        only places where this performer may not store. Results never go anywhere else: another destination may be
        meant to keep them from readers until they are verified (AIW-I 50.4.2.6).
    """
    destinations = items(workitem, "OutputDestinationSequence")
    if not destinations:
        return archives[0]
    for destination in destinations:
        for storage in items(destination, "STOWRSStorageSequence"):
            found = archive_of(text(storage, "StorageURL"), archives)
            if found:
                return found
    return None


def _normal(url: str) -> str:
    """Scheme, host, port and path in one spelling; what is no HTTP URL becomes an empty text's base."""
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS[parts.scheme.lower()]
    except (ValueError, KeyError):
        return f"invalid:{url}"
    return f"{parts.scheme.lower()}://{parts.hostname or ''}:{port}{parts.path.rstrip('/')}"
