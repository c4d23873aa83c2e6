"""Messages of invented patients."""

import pytest

OMI = (
    "MSH|^~\\&|RIS|SITE1|AITM|AI|20270104101500+0100||OMI^O23^OMI_O23|R000002|P|2.5.1||||||UNICODE UTF-8\r"
    "PID|||4711^^^SITE1&1.2.826.0.1.99&ISO^PI||Muster^Eva^A||19610322|F\r"
    "PV1||O\r"
    "ORC|NW|P100^EHR|F200^RIS||SC||||20270104101400+0100|||77^Ord^Otto\r"
    "TQ1|||||||20270104093000+0100||S^STAT^HL70485\r"
    "OBR|1|P100^EHR|F200^RIS|MRHEAD^MR head^L||||||||||||77^Ord^Otto||||||||||||||||||||||||||||MRHEAD^MR head^L\r"
    "IPC|ACC500^RIS|RP600^RIS|1.2.826.0.1.99.1^RIS|SPS1^RIS|MR|PLO^Low dose^LP\r"
    "IPC|ACC500^RIS|RP600^RIS|1.2.826.0.1.99.1^RIS|SPS2^RIS|MR|PHR^High res^LP\r"
)
ORM = (
    "MSH|^~\\&|RIS|SITE1|AITM|AI|20270104081500||ORM^O01|R000001|P|2.3.1||||||8859/1\r"
    "PID|||4711^^^SITE1^PI||Muster^Eva^A||19610322|F||||||||||A99^^^SITE1\r"
    "PV1||O|RAD^^^SITE1|||||88^Ref^Rita|||||||||||V123^^^SITE1\r"
    "ORC|NW|P100^EHR|F200^RIS||SC||1^once^^20270104093000^^S||20270104081400|||77^Ord^Otto\r"
    "OBR|1|P100^EHR|F200^RIS|CTTHX^CT Thorax^L^PLO^Low dose^LP|||||||||cough|||77^Ord^Otto||ACC500|RP600|SPS1||||CT|||"
    "1^once^^20270104093000^^S||||R05^Cough^I10|||||||||||||CTTHX^CT Thorax^L\r"
    "ORC|NW|P100^EHR|F200^RIS||SC||1^once^^20270104094000^^S||20270104081400|||77^Ord^Otto\r"
    "OBR|2|P100^EHR|F200^RIS|CTTHX^CT Thorax^L^PHR^High res^LP|||||||||cough|||77^Ord^Otto||ACC500|RP600|SPS2||||CT|||"
    "1^once^^20270104094000^^S||||R05^Cough^I10|||||||||||||CTTHX^CT Thorax^L\r"
    "ZDS|1.2.826.0.1.99.1^RIS^Application^DICOM\r"
)
CANCEL = (
    "MSH|^~\\&|RIS|SITE1|AITM|AI|20270104082000||ORM^O01|R000003|P|2.3.1\r"
    "ORC|CA|P100^EHR|F200^RIS||CA||||20270104081900|||||||110500^Doctor canceled procedure^DCM\r"
)


@pytest.fixture
def omi():
    """A new order, OMI^O23 with two steps of one study."""
    return OMI


@pytest.fixture
def orm():
    """A new order, ORM^O01 with two ORC/OBR pairs and one ZDS."""
    return ORM


@pytest.fixture
def cancel():
    """A cancellation without PID and OBR."""
    return CANCEL
