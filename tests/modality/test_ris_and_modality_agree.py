"""RIS and modality of the simulated hospital, each told an accession number, act for one patient and one study."""

import pydicom
from typer.testing import CliRunner

from connectathon.fiction import order_for
from connectathon.modality import __main__ as modality
from connectathon.ris.orders import build_order
from profiles.hl7 import orders_from, read


def test_the_same_accession_number_is_the_same_order_each_time():
    first, again = order_for("A1"), order_for("A1")
    assert first.patient_id == again.patient_id
    assert first.study_instance_uid == again.study_instance_uid
    assert first.placer_order_number == again.placer_order_number
    assert order_for("A2").study_instance_uid != first.study_instance_uid


def test_values_fit_their_attributes_for_the_longest_accession_number():
    order = order_for("A" * 16)
    assert len(order.requested_procedure_id) <= 16
    assert len(order.scheduled_step_id) <= 16
    assert len(order.patient_id) <= 64


def test_an_order_and_images_made_on_the_command_line_belong_together(tmp_path):
    made = CliRunner().invoke(
        modality.app, ["make", str(tmp_path / "study"), "--kind", "single-slice", "--accession", "A1"]
    )
    assert made.exit_code == 0, made.output
    (path,) = (tmp_path / "study").iterdir()
    image = pydicom.dcmread(path, stop_before_pixels=True)
    (ordered,) = orders_from(read(build_order(order_for("A1"))), None)
    assert ordered.accession.value == image.AccessionNumber == "A1"
    assert ordered.study_instance_uid == image.StudyInstanceUID
    assert ordered.patient.identifier.value == image.PatientID
