"""Values that several primitives share, and the tests that all texts, codes and UIDs of results must pass."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from profiles.air.errors import require
from profiles.dicom import Code

_LABEL_LIMIT = 64
_CONTENT_LABEL_LIMIT = 16
_NAME_GROUPS = 3
_TEXT_LIMIT = 10240
_UID = re.compile(r"^(0|[1-9]\d*)(\.(0|[1-9]\d*))+$")
_UID_LIMIT = 64
_LATERALITIES = {"24028007": "Right", "7771000": "Left", "51440002": "Bilateral", "66459002": "Unilateral"}


def require_code(value: Code | None, what: str) -> None:
    """Refuse a code that lacks a part, or whose value is too long for Code Value.

    Raises:
        IllegalResult: when it does.
    """
    complete = value is not None and value.value.strip() and value.scheme.strip() and value.meaning.strip()
    require(
        bool(complete),
        f"{what} needs a code value, a coding scheme and a meaning (PS3.3 section 8); take it from "
        "profiles.dicom.code(scheme, value).",
    )
    require(
        value is not None and len(value.value) <= Code.SHORT and len(value.scheme) <= Code.SHORT,
        f"{what} has a code value or scheme of more than {Code.SHORT} characters (PS3.3 Table 8.8-1, VR SH); take a "
        "short one.",
    )
    require_label(value.meaning if value is not None else "", f"The meaning of {what}")


def require_label(value: str, what: str) -> None:
    """Refuse a text that is no Long String.

    Raises:
        IllegalResult: when it is none.
    """
    require(bool(value.strip()), f"{what} is empty; give it words that a reader will recognise.")
    require(
        len(value) <= _LABEL_LIMIT and "\\" not in value and value.isprintable(),
        f"{what} has {len(value)} characters; VR LO allows {_LABEL_LIMIT} printable ones without backslash "
        "(PS3.5 section 6.2). Shorten it.",
    )


def require_text(value: str, what: str) -> None:
    """Refuse a text that may not stand in a report as free words.

    Raises:
        IllegalResult: when it is empty, very long, or holds control characters other than line ends and tabs.
    """
    require(bool(value.strip()), f"{what} is empty; leave it out, or write words.")
    require(
        len(value) <= _TEXT_LIMIT and all(sign.isprintable() or sign in "\r\n\t" for sign in value),
        f"{what} has {len(value)} characters or holds control characters; at most {_TEXT_LIMIT} printable ones are "
        "taken (VR UT, PS3.5 section 6.2). Shorten or clean it.",
    )


def require_content_label(value: str) -> None:
    """Refuse a Content Label that is no Code String.

    Raises:
        IllegalResult: when it is none.
    """
    require(
        bool(re.fullmatch(r"[A-Z](?:[A-Z0-9_ ]{0,14}[A-Z0-9])?", value)),
        f"Content Label {value!r} is no VR CS: at most 16 of A-Z, 0-9, space and underscore, "
        "from a letter to a letter or digit.",
    )


def require_person(value: str, what: str) -> None:
    """Refuse a text that is no person name (VR PN, PS3.5 section 6.2.1).

    Raises:
        IllegalResult: when it is none.
    """
    groups = value.split("=")
    require(
        value.isprintable() and "\\" not in value and len(groups) <= _NAME_GROUPS and "^" in groups[0],
        f"{what} is no person name; give Family^Given (PS3.5 section 6.2.1.1).",
    )
    require(
        all(len(group) <= _LABEL_LIMIT for group in groups),
        f"{what} has more than {_LABEL_LIMIT} characters in a group (PS3.5 Table 6.2-1, VR PN). Shorten it.",
    )


def content_label(words: str, otherwise: str) -> str:
    """The Content Label (0070,0080) of some words: their first 16 letters and digits, from a letter on (VR CS).

    Args:
        words: in any script; accents are dropped.
        otherwise: the label when no letter is left.
    """
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode().upper()
    return re.sub(r"[^A-Z0-9]+", "_", plain).lstrip("_0123456789")[:_CONTENT_LABEL_LIMIT].strip("_") or otherwise


def require_uid(value: str, what: str) -> None:
    """Refuse a text that is no UID (PS3.5 section 9.1).

    Raises:
        IllegalResult: when it is none.
    """
    require(
        bool(_UID.match(value)) and len(value) <= _UID_LIMIT,
        f"{what} is no UID: digits and dots, no leading zeros, at most {_UID_LIMIT} characters (PS3.5 section 9.1).",
    )


@dataclass(frozen=True, slots=True)
class Tracking:
    """The identity of one thing found, the same wherever it is reported (TID 1410/1411/1501, SEG 0062,0020-0021).

    Attributes:
        identifier: words that tell it from other things in the same study, e.g. ``Brain``.
        uid: kept from an earlier report of the same thing; made from study, thing and algorithm when empty.
    """

    identifier: str
    uid: str = ""

    def __post_init__(self) -> None:
        require_label(self.identifier, "Tracking Identifier")
        if self.uid:
            require_uid(self.uid, "Tracking Unique Identifier")


@dataclass(frozen=True, slots=True)
class FindingSite:
    """Where in the body (TID 1419): the anatomy, the side when it is a paired one, and which part of it.

    Attributes:
        location: the anatomy.
        laterality: CID 244: right, left, bilateral or unilateral.
        modifier: Topographical modifier (106233006, SCT), e.g. distal.
    """

    location: Code
    laterality: Code | None = None
    modifier: Code | None = None

    def __post_init__(self) -> None:
        require_code(self.location, "Finding Site")
        if self.modifier is not None:
            require_code(self.modifier, "Topographical modifier")
        if self.laterality is not None:
            require_code(self.laterality, "Laterality")
            require(
                self.laterality.scheme == "SCT" and self.laterality.value in _LATERALITIES,
                f"Laterality is {self.laterality}; PS3.16 CID 244 allows "
                f"{', '.join(f'{value} {meaning}' for value, meaning in _LATERALITIES.items())} of SCT.",
            )


@dataclass(frozen=True, slots=True)
class ImageReference:
    """An image that the algorithm was given, or frames of one (RAD TF-3 section 6.5.3.8).

    Attributes:
        sop_instance_uid: of the image.
        frames: frame numbers from 1, when the image has frames and not all are meant (0008,1160).
    """

    sop_instance_uid: str
    frames: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        require_uid(self.sop_instance_uid, "The SOP Instance UID of an image reference")
        require(
            all(isinstance(frame, int) and frame >= 1 for frame in self.frames)
            and len(set(self.frames)) == len(self.frames),
            f"Referenced Frame Number is {list(self.frames)}; frames are counted from 1, each named once "
            "(PS3.3 Table 10-3).",
        )


@dataclass(frozen=True, slots=True)
class SeriesReference:
    """All images of a series that the algorithm was given."""

    series_instance_uid: str

    def __post_init__(self) -> None:
        require_uid(self.series_instance_uid, "The Series Instance UID of a series reference")
