"""Read the file of dialects: TOML, every fault told at once (HL7-080)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from profiles.errors import BadInput, Finding
from profiles.hl7.dialect import ANY, Dialect, Rule, translate
from profiles.hl7.message import Message
from profiles.hl7.paths import FieldPath

_RULE = "HL7-080 (docs/orders.md)"
_ORDERS = frozenset({"ORM", "OMI", "OMG"})


def _path(text: object) -> FieldPath:
    if isinstance(text, FieldPath):
        return text
    try:
        return FieldPath.parse(str(text))
    except BadInput as error:
        raise ValueError(error.message) from error


Sender = Annotated[str, StringConstraints(pattern=r"^(\*|[^|]+\|[^|]*)$")]
Place = Annotated[FieldPath, BeforeValidator(_path)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)


class _RuleTable(_Table):
    to: Place
    sources: tuple[Place, ...] = Field((), alias="from")
    where: dict[Place, str] = Field(default_factory=dict)
    pattern: re.Pattern[str] | None = None
    values: dict[str, str] = Field(default_factory=dict)
    default: str = ""
    keep: bool = False

    @model_validator(mode="after")
    def _makes_sense(self) -> _RuleTable:
        if self.to.segment == "MSH":
            raise ValueError("MSH says who sent the message and what it is; no dialect changes it")
        if not self.sources and not self.default:
            raise ValueError("give 'from', 'default', or both")
        if any(place.segment != source.segment for place in self.where for source in self.sources):
            raise ValueError("'where' asks about the segment that the value comes from; name that segment")
        return self


class _DialectTable(_Table):
    sender: Sender
    field: tuple[_RuleTable, ...] = ()


class _FileTable(_Table):
    dialect: tuple[_DialectTable, ...]


def load_dialects(file: Path) -> Mapping[str, Dialect]:
    """The dialects of a file, by sender.

    Raises:
        BadInput: with every fault of the file.
    """
    try:
        tables = _FileTable.model_validate(tomllib.loads(file.read_text(encoding="utf-8"))).dialect
    except OSError as error:
        raise BadInput(f"The dialect file {file} cannot be read: {error.strerror or error}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"The dialect file {file} is no TOML: {error}.") from error
    except ValidationError as error:
        faults = [
            Finding(".".join(map(str, fault["loc"])), fault["msg"].removeprefix("Value error, "), _RULE, "")
            for fault in error.errors()
        ]
        said = "\n".join(f"  {fault}" for fault in faults)
        raise BadInput(f"The dialect file {file} has faults:\n{said}", findings=faults) from error
    dialects = {table.sender: _dialect(table) for table in tables}
    if len(dialects) < len(tables):
        raise BadInput(f"The dialect file {file} has two dialects for one sender; write one.")
    return dialects


@cache
def _kept(file: Path) -> Mapping[str, Dialect]:
    """Read once: a changed file counts from the next start on, as every other setting."""
    return load_dialects(file)


def dialect_of(message: Message, dialects: Mapping[str, Dialect]) -> Dialect | None:
    """The dialect that the sender of a message speaks."""
    sender = f"{message.get('MSH-3')}|{message.get('MSH-4')}"
    return dialects.get(sender) or dialects.get(ANY)


def translated(message: Message, file: Path | None) -> Message:
    """An order message as RAD-4 would have it, by the dialect of its sender; any other message as it is.

    Args:
        message: as it came.
        file: of dialects; none leaves every message as it is.

    Raises:
        BadInput: as `load_dialects`.
        MessageRefused: as `profiles.hl7.dialect.translate`.
    """
    dialect = dialect_of(message, _kept(file)) if file and message.kind[0] in _ORDERS else None
    return translate(message, dialect)[0] if dialect else message


def _dialect(table: _DialectTable) -> Dialect:
    rules = [
        Rule(one.to, one.sources, one.where, one.pattern, one.values, one.default, one.keep) for one in table.field
    ]
    return Dialect(table.sender, tuple(rules))
