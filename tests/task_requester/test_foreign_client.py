"""The client that comes with python-hl7 sends orders to the listener."""

import subprocess
import sys
from pathlib import Path

import pytest

from connectathon.fiction import new_order
from connectathon.ris import build_order
from profiles.hl7 import read

SEND = Path(sys.executable).with_name("mllp_send")


@pytest.mark.requirement("HL7-001", "HL7-002")
@pytest.mark.parametrize("is_loose", [False, True], ids=["framed", "loose"])
def test_mllp_send_of_python_hl7_gets_an_answer_for_each_message(department, tmp_path, is_loose):
    running, orders = department(), [new_order() for _ in range(3)]
    raws = [build_order(order, control_id=f"C{number}") for number, order in enumerate(orders)]
    file = tmp_path / "orders.hl7"
    framed = b"".join(b"\x0b" + raw + b"\x1c\r" for raw in raws)
    file.write_bytes(b"".join(raws).replace(b"\r", b"\n") if is_loose else framed)
    arguments = ["--port", str(running.settings.mllp_port), "--file", str(file), *(["--loose"] if is_loose else [])]
    done = subprocess.run([SEND, *arguments, "127.0.0.1"], check=True, capture_output=True, timeout=120)
    answers = [read(part.strip(b"\x0b\r\n")) for part in done.stdout.split(b"\x1c") if part.strip(b"\r\n")]
    assert [(one.get("MSA-1"), one.get("MSA-2")) for one in answers] == [("AA", "C0"), ("AA", "C1"), ("AA", "C2")]
    assert [running.state(order.accession_number) for order in orders] == ["pending"] * 3
