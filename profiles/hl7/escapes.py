"""Escape sequences of HL7 text (HL7 2.5.1 section 2.7), decoded once and after splitting."""

from __future__ import annotations

import re
from dataclasses import dataclass

_DEFAULT = "^~\\&"


@dataclass(frozen=True, slots=True)
class Delimiters:
    """The separators that MSH-1 and MSH-2 declare."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"

    @classmethod
    def declared(cls, msh: str) -> Delimiters:
        """Read the separators from the start of a message: the field separator, and the four signs of MSH-2."""
        field = msh[3:4] or "|"
        encoding = msh[4:].split(field, 1)[0]
        return cls(field, *(encoding + _DEFAULT[len(encoding) :])[:4])

    @property
    def encoding_characters(self) -> str:
        """MSH-2."""
        return self.component + self.repetition + self.escape + self.subcomponent


STANDARD = Delimiters()


def unescape(value: str, delimiters: Delimiters = STANDARD, codec: str = "utf_8") -> str:
    r"""Decode escape sequences; unknown and unterminated ones stay as they are.

    Args:
        value: one leaf of a message, after splitting.
        delimiters: of the message.
        codec: Python codec of the message, for ``\Xhh..\``.
    """
    escape = delimiters.escape
    if escape not in value:
        return value
    plain = {
        "F": delimiters.field,
        "S": delimiters.component,
        "T": delimiters.subcomponent,
        "R": delimiters.repetition,
        "E": escape,
        ".br": "\n",
        "H": "",
        "N": "",
    }

    def decoded(match: re.Match[str]) -> str:
        name = match[1]
        if name in plain:
            return plain[name]
        if re.fullmatch(r"\.sp\d*", name):
            return "\n" * int(name[3:].strip() or 1)
        if re.fullmatch(r"X(?:[0-9A-Fa-f]{2})+", name):
            try:
                return bytes.fromhex(name[1:]).decode(codec)
            except UnicodeDecodeError:
                return match[0]
        return match[0]

    quoted = re.escape(escape)
    return re.sub(f"{quoted}([^{quoted}]*){quoted}", decoded, value)


def escape(value: str, delimiters: Delimiters = STANDARD) -> str:
    r"""Encode delimiters and line ends of a plain text, so that `unescape` gives it back.

    Line ends become ``\.br\``; other control characters, which no segment may hold, become ``\Xhh\``.
    """
    table = {
        delimiters.escape: "E",
        delimiters.field: "F",
        delimiters.component: "S",
        delimiters.subcomponent: "T",
        delimiters.repetition: "R",
        "\n": ".br",
    }

    def encoded(character: str) -> str:
        name = table.get(character)
        if name is None and ord(character) < ord(" "):
            name = f"X{ord(character):02X}"
        return character if name is None else f"{delimiters.escape}{name}{delimiters.escape}"

    return "".join(encoded(character) for character in value)
