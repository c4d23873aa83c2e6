"""Messages that keep every rule, one of each kind; invented people and numbers."""


def _message(*segments):
    return "".join(f"{segment}\r" for segment in segments)


ORM = _message(
    r"MSH|^~\&|RIS|SITE1|AITM|AI|20270104081500||ORM^O01|R000001|P|2.3.1||||||8859/1",
    "PID|||4711^^^SITE1^PI||Muster^Eva^A||19610322|F||||||||||A99^^^SITE1",
    "PV1||O|RAD^^^SITE1|||||88^Ref^Rita|||||||||||V123^^^SITE1",
    "ORC|NW|P100^EHR|F200^RIS||SC||1^once^^20270104093000^^S||20270104081400|||77^Ord^Otto|||||RAD",
    "OBR|1|P100^EHR|F200^RIS|CTTHX^CT Thorax^L|||||||||cough|||77^Ord^Otto||ACC500|RP600|SPS1||||CT"
    "|||1^once^^20270104093000^^S||||R05^Cough^I10",
    "ORC|NW|P100^EHR|F200^RIS||SC||1^once^^20270104094000^^S||20270104081400|||77^Ord^Otto|||||RAD",
    "OBR|2|P100^EHR|F200^RIS|CTTHX^CT Thorax^L|||||||||cough|||77^Ord^Otto||ACC500|RP600|SPS2||||CT"
    "|||1^once^^20270104094000^^S||||R05^Cough^I10",
    "ZDS|1.2.826.0.1.99.1^RIS^Application^DICOM",
)

OMI = _message(
    r"MSH|^~\&|RIS|SITE1|AITM|AI|20270104101500+0100||OMI^O23^OMI_O23|R000002|P|2.5.1||||||UNICODE UTF-8",
    "PID|||4711^^^SITE1&1.2.826.0.1.99&ISO^PI||Muster^Eva^A||19610322|F",
    "PV1||O",
    "ORC|NW|P100^EHR|F200^RIS||SC||||20270104101400+0100|||77^Ord^Otto|||||RAD",
    "TQ1|||||||20270104093000+0100||S^STAT^HL70485",
    "OBR|1|P100^EHR|F200^RIS|CTTHX^CT Thorax^L||||||||||||77^Ord^Otto",
    "OBX|1|NM|27113001^Body Weight^SCT||61|kg|||||F",
    "IPC|ACC500^RIS|RP600^RIS|1.2.826.0.1.99.1^RIS|SPS1^RIS|CT|PLO^Low dose^LP",
    "IPC|ACC500^RIS|RP600^RIS|1.2.826.0.1.99.1^RIS|SPS2^RIS|CT|PHR^High res^LP",
)

CANCEL = _message(
    r"MSH|^~\&|RIS|SITE1|AITM|AI|20270104082000||ORM^O01|R000003|P|2.3.1",
    "PID|||4711^^^SITE1^PI||Muster^Eva^A||19610322|F",
    "PV1||O",
    "ORC|CA|P100^EHR|F200^RIS||CA||||20270104081900|||||||110500^Doctor canceled procedure^DCM",
)

ADMIT = _message(
    r"MSH|^~\&|ADT|SITE1|AITM|AI|20270104083000||ADT^A08^ADT_A01|A000008|P|2.5|||AL|NE",
    "EVN|A08|20270104082900",
    "PID|||4711^^^SITE1^PI||Muster^Eva^A||19610322|F",
    "PV1||O",
)

MERGE = _message(
    r"MSH|^~\&|ADT|SITE1|AITM|AI|20270104083000||ADT^A40^ADT_A39|A000009|P|2.5",
    "EVN||20270104082900",
    "PID|||4711^^^SITE1^PI||Muster^Eva^A||19610322|F",
    "MRG|9001^^^SITE1^PI||||||Muster^E",
)

RESULT = _message(
    r"MSH|^~\&|AITM|AI|EMR|SITE1|20270104103000+0100||ORU^R01^ORU_R01|O000001|P|2.5.1||||||UNICODE UTF-8",
    "PID|||4711^^^SITE1^PI||Muster^Eva^A||19610322|F",
    "PV1||U",
    "ORC|RE|P100^EHR|F200^RIS",
    "OBR|1|P100^EHR|F200^RIS|CTTHX^CT Thorax^L|||20270104093500+0100|||||||||77^Ord^Otto||ACC500|RP600|||"
    "20270104103000+0100||CT|R",
    "OBX|1|ST|113014^DICOM Study^DCM||1.2.826.0.1.99.1||||||O",
    "OBX|2|NM|81827009^Diameter^SCT|1.1|6.4|mm^millimeter^UCUM|||||R|||20270104102900+0100||||ENG1^AI^1.2.826.0.1.99.7^ISO",
    r"OBX|3|TX|121076^Conclusions^DCM|1|AI result, not verified. Nodule 6\S\4 mm||||||R",
    "OBX|4|ED|18748-4^Report^LN||^Application^PDF^Base64^JVBERi0xLjQK||||||R",
)

ACK = _message(
    r"MSH|^~\&|AITM|AI|RIS|SITE1|20270104101501+0100||ACK^O23^ACK|K000002|P|2.5.1||||||UNICODE UTF-8",
    "MSA|AA|R000002",
)

REFUSAL = _message(
    r"MSH|^~\&|AITM|AI|RIS|SITE1|20270104101501+0100||ACK^O23^ACK|K000003|P|2.5.1||||||UNICODE UTF-8",
    "MSA|AE|R000002",
    "ERR||PID^1^3^1^1|101^Required field missing^HL70357|E",
)

OLD_REFUSAL = _message(
    r"MSH|^~\&|AITM|AI|RIS|SITE1|20270104081501||ACK^O01|K000001|P|2.3.1||||||8859/1",
    "MSA|AE|R000001|PID-3 is missing",
)

GOOD = {
    "ORM": ORM,
    "OMI": OMI,
    "CANCEL": CANCEL,
    "ADMIT": ADMIT,
    "MERGE": MERGE,
    "RESULT": RESULT,
    "ACK": ACK,
    "REFUSAL": REFUSAL,
    "OLD_REFUSAL": OLD_REFUSAL,
}
