"""Tokens in files: so that none is in the configuration, in an address or in a log."""

from __future__ import annotations

from pathlib import Path

from profiles.errors import Unavailable


def token_in(file: Path | None) -> str:
    """The first token of a file: the last word of its first line that is no comment; empty when no file is named.

    A file of readers (``readers_token_file``) will do, and so will one that holds a token only.

    Raises:
        Unavailable: when the file cannot be read or has no token.
    """
    if file is None:
        return ""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Unavailable(f"The token file {file} cannot be read: {error}. Write the token in it.") from error
    for line in lines:
        words = line.split()
        if words and not words[0].startswith("#"):
            return words[-1]
    raise Unavailable(f"The token file {file} has no token; write one in it.")
