"""The baseline of hl7-ack: an asyncio MLLP receiver that stores the bytes durably and answers AA; nothing of HL7.

Run as ``python -m benchmarks._bare_mllp PORT DATABASE``.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_START, _END = b"\x0b", b"\x1c\r"


async def serve(port: int, database: Path) -> None:
    """Take frames until the process ends; SQLite is as durable as the order store's (WAL, synchronous FULL)."""
    writer = ThreadPoolExecutor(1)
    connection = sqlite3.connect(database, check_same_thread=False, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("CREATE TABLE message (number INTEGER PRIMARY KEY, content BLOB)")

    def keep(content: bytes) -> None:
        connection.execute("INSERT INTO message (content) VALUES (?)", (content,))

    async def converse(reader: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        try:
            while True:
                frame = await reader.readuntil(_END)
                content = frame.removeprefix(_START).removesuffix(_END)
                await loop.run_in_executor(writer, keep, content)
                control_id = content.split(b"|", 10)[9]
                answers.write(_START + b"MSH|^~\\&|||||||ACK||P|2.5.1\rMSA|AA|" + control_id + b"\r" + _END)
                await answers.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            answers.close()

    server = await asyncio.start_server(converse, "127.0.0.1", port, limit=2**22)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
