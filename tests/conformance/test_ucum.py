"""Units of UCUM, as far as the AIR rules judge them."""

import pytest

from conformance.air.ucum import Unit, unit_of

pytestmark = pytest.mark.requirement("AIR-092")


KNOWN = [
    "mm",
    "mm2",
    "mL",
    "cm3",
    "[hnsf'U]",
    "%",
    "1",
    "deg",
    "s-1",
    "/min",
    "kg/m2",
    "g/ml{SUVbw}",
    "dB",
    "Cel",
    "dam",
]
NESTED = ["10*-6.mm2/s", "ml/(100.g)/min", "mm[Hg]", "B[10.nV]", "MiBy", "(m/s)/s", "m.s-2", "100{rbc}"]


@pytest.mark.parametrize("text", [*KNOWN, *NESTED])
def test_units_are_known(text):
    assert unit_of(text) is Unit.KNOWN


@pytest.mark.parametrize("text", ["millimeter", "HU", "[furlong'U]", "mcdeg", "pixel"])
def test_what_has_the_form_of_a_unit_is_unknown(text):
    assert unit_of(text) is Unit.UNKNOWN


@pytest.mark.parametrize("text", ["{ratio}", "{pixels}", "{a}/{b}"])
def test_words_in_braces_are_an_annotation(text):
    assert unit_of(text) is Unit.ANNOTATION


@pytest.mark.parametrize("text", ["", "mm^2", "m//s", "m/", ".m", "(m", "m)", "()", "{a b}", "°", "m s", "0m", "m2m"])
def test_what_is_not_written_as_a_unit_is_none(text):
    assert unit_of(text) is Unit.NONE
