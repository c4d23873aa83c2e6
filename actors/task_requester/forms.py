"""What guards the pages of the Task Requester: they are for this machine, and only they send their forms."""

from __future__ import annotations

import secrets
from urllib.parse import parse_qs

from fastapi import Request

from profiles.errors import BadInput

_LONGEST_FORM = 2**16
_HERE = frozenset({"127.0.0.1", "localhost"})


def require_here(request: Request) -> None:
    """Refuse requests that reached this machine under another name: a foreign page may have chosen it.

    Raises:
        BadInput: it did.
    """
    if request.url.hostname not in _HERE:
        raise BadInput("These pages are served on this machine only. Open them as http://127.0.0.1 with their port.")


async def read_form(request: Request, token: str) -> dict[str, str]:
    """The fields of a form.

    Args:
        request: with the form.
        token: only pages that may send it know it.

    Raises:
        BadInput: it is too long, or no page of this process made it.
    """
    content = b""
    async for chunk in request.stream():
        content += chunk
        if len(content) > _LONGEST_FORM:
            raise BadInput(f"The form is longer than {_LONGEST_FORM} bytes.", key="too-large")
    fields = {name: values[0] for name, values in parse_qs(content.decode("utf-8", "replace")).items()}
    if not secrets.compare_digest(fields.get("token", "").encode(), token.encode()):
        raise BadInput("This form was not made by this desk, or before it was started again. Open the page anew.")
    return fields
