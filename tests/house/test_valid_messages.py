"""The watch over all audit messages of a run sees what it is for."""

import os
from datetime import UTC, datetime

import pytest

from profiles.sole import OperationalEvent, Source, Thread
from sole_logging import Spool
from sole_logging.reporter import sole_message

from ..valid_messages import ValidMessages

NOW = datetime(2031, 5, 6, tzinfo=UTC)


def message_of(actor):
    return sole_message(OperationalEvent("order-received", NOW, Thread("1^^^")), Source(actor, "host", "1"), NOW)


@pytest.mark.samples("STEPWELL_SCHEMAS")
@pytest.mark.requirement("SOLE-020", "SOLE-REP-004")
def test_a_message_that_the_schema_does_not_allow_is_found_wherever_an_actor_left_it(tmp_path):
    spool = Spool(tmp_path / "task_manager" / "event-spool.sqlite")
    good, bad = message_of("task_manager"), message_of("task_manager").replace(b"csd-code", b"code")
    for number, content in enumerate((good, good.replace(b"1^^^", b"22^^^"), bad, message_of("tester") + b"<")):
        spool.put(str(number), NOW, content)
    spool.close()
    judge = ValidMessages(os.environ["STEPWELL_SCHEMAS"], ["task_manager"])
    judge.read(tmp_path)
    assert judge.judged == 2  # the second differs from the first in digits only, the last is of a test
    assert len(judge.faults) == 1
    (tmp_path / "task_manager" / "event-spool.sqlite").unlink()  # not to be found at the end of this run, too
