"""Rules for numbers: each defect breaks its own rule alone."""

import copy

import pytest

from tests.conformance.air_parts import image_item, on_image
from tests.conformance.breaking import Defects, broken, coded, drop, expected_of, identify, named, volume, write

DEFECTS = Defects()


@DEFECTS.breaks("AIR-090")
def no_number_and_no_reason(objects):
    volume(objects).MeasuredValueSequence = []


@DEFECTS.breaks("AIR-090")
def empty_number(objects):
    volume(objects).MeasuredValueSequence[0].NumericValue = None


@DEFECTS.breaks("AIR-092")
def unit_of_another_scheme(objects):
    volume(objects).MeasuredValueSequence[0].MeasurementUnitsCodeSequence = [coded("mL", "DCM")]


@DEFECTS.breaks("AIR-092")
def unit_that_is_a_bare_number(objects):
    """As seen in exchanged objects (air.md 12.4)."""
    found = volume(objects)
    found.ConceptNameCodeSequence = [coded("112031", "DCM", "Attenuation Coefficient")]
    found.MeasuredValueSequence[0].MeasurementUnitsCodeSequence = [coded("496", "UCUM", "millimeter")]


@DEFECTS.breaks("AIR-093")
def volume_in_square_millimetres(objects):
    volume(objects).MeasuredValueSequence[0].MeasurementUnitsCodeSequence = [coded("mm2", "UCUM")]


@DEFECTS.breaks("AIR-090")
def two_values_of_one_number(objects):
    volume(objects).MeasuredValueSequence.append(copy.deepcopy(volume(objects).MeasuredValueSequence[0]))


@DEFECTS.breaks("AIR-091")
def number_of_seventeen_digits(objects):
    value = volume(objects).MeasuredValueSequence[0]
    write(value, "NumericValue", f"{float(value.NumericValue):.15f}")


@DEFECTS.breaks("AIR-091")
def floating_point_value_of_another_number(objects):
    value = volume(objects).MeasuredValueSequence[0]
    value.FloatingPointValue = float(value.NumericValue) * 1.001


def length(objects):
    """A number whose quantity no table knows."""
    found = named(named(objects.sr, "126010"), "410668003")
    found.ConceptNameCodeSequence = [coded("112031", "DCM", "Attenuation Coefficient")]
    return found


def set_unit(found, unit):
    found.MeasuredValueSequence[0].MeasurementUnitsCodeSequence = [coded(unit, "UCUM")]


@DEFECTS.breaks("AIR-092-UNKNOWN", on="drawn")
def unit_in_words(objects):
    set_unit(length(objects), "millipace")


@DEFECTS.breaks("AIR-092-UNKNOWN", on="drawn")
def unit_that_is_not_written_as_one(objects):
    set_unit(length(objects), "mm^2")


@DEFECTS.breaks("AIR-092-ANNOTATION", on="drawn")
def unit_of_mere_words(objects):
    set_unit(length(objects), "{steps}")


@DEFECTS.breaks("AIR-094", on="drawn")
def words_in_place_of_a_code(objects):
    length(objects).ConceptNameCodeSequence = [coded("how long it is", "99MINE", "Length")]
    identify(objects.sr, "99MINE")


@DEFECTS.breaks("AIR-095", on="drawn")
def derivation_of_another_list(objects):
    named(objects.sr, "121401").ConceptCodeSequence = [coded("24484000", "SCT", "Severe")]


@DEFECTS.breaks("AIR-096", on="drawn")
def measured_nowhere(objects):
    drop(named(objects.sr, "126010").ContentSequence[-1], "121112")


@DEFECTS.breaks("AIR-097", on="drawn")
def inferred_from_an_image_and_a_region_on_it(objects):
    found, image = length(objects), objects.images[2]
    region = on_image(image, "POINT", (3.0, 3.0))
    region.RelationshipType = "INFERRED FROM"
    whole = image_item(("121112", "DCM", "Source of Measurement"), image, relationship="INFERRED FROM")
    found.ContentSequence.extend([region, whole])


@DEFECTS.breaks("AIR-098", on="drawn")
def normality_as_a_modifier(objects):
    named(objects.sr, "121402").RelationshipType = "HAS CONCEPT MOD"


@DEFECTS.breaks("AIR-099", on="drawn")
def length_of_less_than_nothing(objects):
    named(named(objects.sr, "126010"), "410668003").MeasuredValueSequence[0].NumericValue = -1


@DEFECTS.breaks("AIR-099", on="drawn")
def value_that_is_no_number(objects):
    named(named(objects.sr, "126010"), "410668003").MeasuredValueSequence[0].FloatingPointValue = float("nan")


@DEFECTS.breaks("AIR-121", on="map")
def explanation_that_is_a_document(objects):
    named(objects.sr, "130401").ReferencedSOPSequence[0].ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.88.59"
    objects.pm, objects.seg, objects.images = None, None, []


@DEFECTS.breaks("AIR-121", on="map")
def explanation_of_a_strange_kind(objects):
    named(objects.sr, "130401").ContentSequence[0].ConceptCodeSequence = [coded("113041", "DCM", "ADC")]


@DEFECTS.breaks("AIR-122", on="drawn")
def image_as_a_map_of_values(objects):
    group = named(objects.sr, "126010").ContentSequence[-1]
    concept = ("126100", "DCM", "Real World Value Map used for measurement")
    group.ContentSequence.append(image_item(concept, objects.images[2], kind="COMPOSITE"))


@pytest.mark.parametrize("case", DEFECTS.parameters())
def test_one_defect_breaks_its_rule_and_no_other(scenes, case):
    objects = scenes(case.scene)
    case.defect(objects)
    assert broken(objects) == expected_of(case)
