"""hl7apy reads the same fields as we do from every public sample; where it does not, the reason is told (HL7-076)."""

import os
from pathlib import Path

import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.exceptions import HL7apyException
from hl7apy.parser import parse_message

from profiles.hl7 import read

pytestmark = pytest.mark.samples

FOLDER = Path(os.environ.get("STEPWELL_SAMPLES", "/nonexistent"), "hl7_samples")
SAMPLES = sorted(FOLDER.glob("*.hl7"))
SEGMENTS = ("MSH", "PID", "PV1", "ORC", "OBR", "IPC", "TQ1", "MRG")

#: What hl7apy refuses as a whole, and why we read it all the same.
NOT_READ = {
    "dcm4che_ORU_R01-PDF.hl7": ("Invalid name for Segment", "a document that was wrapped into lines; each is kept"),
    "monai_2.5.1_002.hl7": ("Invalid encoding chars", "MSH-2 has the truncation sign of HL7 2.7 in a 2.5.1 message"),
    "monai_2.5.1_003.hl7": ("Invalid encoding chars", "MSH-2 has the truncation sign of HL7 2.7 in a 2.5.1 message"),
    "monai_2.5.1_004.hl7": ("Invalid encoding chars", "MSH-2 has the truncation sign of HL7 2.7 in a 2.5.1 message"),
}
#: Fields that the version of the message does not define: hl7apy keeps their values without a number, we by number.
OF_LATER_VERSIONS = {
    "monai_2.3_002.hl7": {("OBR", 44)},
    "monai_2.3_003.hl7": {("PID", number) for number in (31, 32, 33, 34, 35, 37)},
    "monai_2.5.1_005.hl7": {("MSH", 22), ("MSH", 23)},
    "monai_2.5.1_006.hl7": {("MSH", 22), ("MSH", 23)},
}


def comparable(field, signs="~^&"):
    """The parts of a field without empty ones at the end, at every depth: hl7apy leaves those out, we keep them."""
    if not signs:
        return field
    parts = [comparable(part, signs[1:]) for part in field.split(signs[0])]
    while parts and not any(parts[-1]):
        parts.pop()
    return parts


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
@pytest.mark.requirement("HL7-076")
def test_a_second_parser_reads_the_same_fields(path):
    message = read(path.read_bytes())
    if path.name in NOT_READ:
        with pytest.raises(HL7apyException, match=NOT_READ[path.name][0]):
            parse(message)
        return
    ours = [segment for segment in message.segments if segment.name in SEGMENTS]
    theirs = [segment for segment in parse(message).children if segment.name in SEGMENTS]
    assert [segment.name for segment in ours] == [segment.name for segment in theirs]
    alone = set()
    for mine, other in zip(ours, theirs, strict=True):
        fields, unnumbered = numbered(other)
        for number in range(1, len(mine.content)):
            if comparable(mine.raw(number)) == comparable(fields.get(number, "")):
                continue
            assert mine.raw(number) in unnumbered
            alone.add((mine.name, number))
    assert alone == OF_LATER_VERSIONS.get(path.name, set())


def parse(message):
    return parse_message(message.text, validation_level=VALIDATION_LEVEL.TOLERANT, find_groups=False)


def numbered(segment):
    """The fields that hl7apy has under a number, and the values that it has without one."""
    fields, unnumbered = {}, []
    for one in segment.children:
        if one.name is None:
            unnumbered.append(one.to_er7())
        else:
            fields.setdefault(int(one.name.rsplit("_", 1)[1]), []).append(one.to_er7())
    return {number: "~".join(values) for number, values in fields.items()}, unnumbered
