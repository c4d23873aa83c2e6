"""HTTP with a bound on the head of a request: uvicorn's protocol on httptools keeps as many headers as come."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: Request line and headers; a query may hold many matching keys.
HEAD_BYTES = 64 * 1024


class BoundedHttpProtocol(HttpToolsProtocol):
    """Refuses a request whose head is too large, before more of it is kept (RFC 9110 5.4)."""

    _in_head = False
    _head_bytes = 0
    _unparsed_bytes = 0

    def data_received(self, data: bytes) -> None:
        """Take bytes of the connection."""
        self._unparsed_bytes += len(data)
        if not self.transport.is_closing():
            super().data_received(data)
        if self._in_head and max(self._head_bytes, self._unparsed_bytes) > HEAD_BYTES:
            self._refuse()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._in_head, self._head_bytes, self._unparsed_bytes = True, 0, 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A part of the request target has come."""
        self._head_bytes += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header has come."""
        self._head_bytes += len(name) + len(value)
        self._unparsed_bytes = 0
        if self._head_bytes <= HEAD_BYTES:  # no more is kept of what will be refused
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head has come."""
        self._in_head = False
        if self._head_bytes > HEAD_BYTES:
            self._refuse()
        else:
            super().on_headers_complete()

    def _refuse(self) -> None:
        self._in_head = False
        if not self.transport.is_closing():
            self.send_400_response("The head of the request is larger than 64 KiB.")
