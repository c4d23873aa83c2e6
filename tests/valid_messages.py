"""Every audit message that an actor of ours makes during a run is held against the schema of PS3.15 A.5.1.1.

What reporters of the test process make is judged as they make it; what actors in processes of their own made is read at
the end, from their spools and from the repositories under the run's temporary folder. Messages that differ in digits
only are judged once.
"""

import contextlib
import os
import re
import sqlite3
from pathlib import Path

SCHEMA = "dicom_audit_ps3.15_2023b.rng"
#: Where messages lie: the file, and the columns that hold them.
STORES = {"event-spool.sqlite": "SELECT content FROM message", "events.sqlite": "SELECT raw FROM message"}
_DIGITS = re.compile(rb"[0-9a-f]*[0-9][0-9a-f-]*")
_SOURCE = re.compile(rb'AuditSourceID="([a-z_]+)@')


class ValidMessages:
    """Judges messages.

    Args:
        folder: of the schemas.
        actors: whose messages are judged; tests make broken ones in other names.
    """

    def __init__(self, folder, actors):
        from lxml import etree

        self._etree, self._actors = etree, {name.encode() for name in actors}
        self._schema = etree.RelaxNG(etree.parse(Path(folder) / SCHEMA))
        self._seen = set()
        self.judged, self.faults = 0, []

    def is_ours(self, message):
        """Whether an actor of ours made it."""
        source = _SOURCE.search(message)
        return source is not None and source[1] in self._actors

    def judge(self, message, where):
        """Judge a syslog message."""
        start = message.find(b"<AuditMessage")
        if start < 0:
            return
        document = message[start:]
        shape = hash(_DIGITS.sub(b"0", document))
        if shape in self._seen:
            return
        self._seen.add(shape)
        self.judged += 1
        try:
            is_valid = self._schema.validate(self._etree.fromstring(document))
        except self._etree.XMLSyntaxError as error:
            self.faults.append(f"{where}: {error}")
        else:
            if not is_valid:
                self.faults.append(f"{where}: {self._schema.error_log.last_error}")

    def watch(self):
        """Judge from now on what reporters of this process make."""
        from sole_logging import EventReporter

        honest = EventReporter._message

        def judged(reporter, *arguments):
            made = honest(reporter, *arguments)
            self.judge(made[2], os.environ.get("PYTEST_CURRENT_TEST", ""))
            return made

        EventReporter._message = judged

    def read(self, folder):
        """Judge what lies under a folder."""
        for directory, _, names in os.walk(folder):
            for name in STORES.keys() & set(names):
                path = Path(directory) / name
                with contextlib.suppress(sqlite3.Error), contextlib.closing(_opened(path)) as reader:
                    for (message,) in reader.execute(STORES[name]):
                        if self.is_ours(bytes(message)):
                            self.judge(bytes(message), path)


def _opened(path):
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=1)
