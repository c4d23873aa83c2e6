"""Rules for parametric maps: each defect breaks its own rule alone."""

import pytest

from tests.conformance.breaking import Defects, broken, expected_of, named, write

DEFECTS = Defects()


def shared(objects):
    return objects.pm.SharedFunctionalGroupsSequence[0]


def mapping(objects):
    return shared(objects).RealWorldValueMappingSequence[0]


@DEFECTS.breaks("AIR-011", on="map")
def map_of_no_maker(objects):
    objects.pm.Manufacturer = ""


@DEFECTS.breaks("AIR-160", on="map")
def pixels_of_two_kinds(objects):
    objects.pm.PixelData = objects.pm.FloatPixelData
    objects.pm["PixelData"].VR = "OB"


@DEFECTS.breaks("AIR-160", on="map")
def no_pixels(objects):
    del objects.pm.FloatPixelData


@DEFECTS.breaks("AIR-161", on="map")
def map_in_no_space(objects):
    del objects.pm.FrameOfReferenceUID


@DEFECTS.breaks("AIR-162", on="map")
def values_without_a_unit(objects):
    del mapping(objects).MeasurementUnitsCodeSequence


@DEFECTS.breaks("AIR-162", on="map")
def values_without_an_explanation(objects):
    mapping(objects).LUTExplanation = ""


@DEFECTS.breaks("AIR-162", on="map")
def values_that_are_not_mapped(objects):
    del shared(objects).RealWorldValueMappingSequence


@DEFECTS.breaks("AIR-162", on="map")
def values_without_a_slope(objects):
    del mapping(objects).RealWorldValueSlope


@DEFECTS.breaks("AIR-163", on="map")
def quantity_of_no_code(objects):
    del mapping(objects).QuantityDefinitionSequence


@DEFECTS.breaks("AIR-164", on="map")
def values_that_are_transformed(objects):
    shared(objects).PixelValueTransformationSequence[0].RescaleSlope = 2


@DEFECTS.breaks("AIR-165", on="map")
def map_without_a_window(objects):
    for frame in (shared(objects), *objects.pm.PerFrameFunctionalGroupsSequence):
        frame.pop("FrameVOILUTSequence", None)


@DEFECTS.breaks("AIR-166", on="map")
def frame_that_lies_nowhere(objects):
    del objects.pm.PerFrameFunctionalGroupsSequence[3].PlanePositionSequence


@DEFECTS.breaks("AIR-166", on="map")
def frames_of_no_type(objects):
    for frame in (shared(objects), *objects.pm.PerFrameFunctionalGroupsSequence):
        frame.pop("ParametricMapFrameTypeSequence", None)


@DEFECTS.breaks("AIR-167", on="map")
def map_of_no_anatomy(objects):
    del shared(objects).FrameAnatomySequence


@DEFECTS.breaks("AIR-168", on="map")
def qualification_of_our_own(objects):
    objects.pm.ContentQualification = "CLINICAL"


@DEFECTS.breaks("AIR-168-RESEARCH", on="map")
def map_for_research(objects):
    objects.pm.ContentQualification = "RESEARCH"


@DEFECTS.breaks("AIR-169", on="map")
def nothing_said_of_visible_features(objects):
    del objects.pm.RecognizableVisualFeatures


@DEFECTS.breaks("AIR-169", on="map")
def no_description(objects):
    del objects.pm.ContentDescription


@DEFECTS.breaks("AIR-170", on="map")
def map_of_no_source(objects):
    for frame in objects.pm.PerFrameFunctionalGroupsSequence:
        frame.pop("DerivationImageSequence", None)


@DEFECTS.breaks("AIR-171", on="map")
def values_beyond_their_range(objects):
    mapping(objects).DoubleFloatRealWorldValueLastValueMapped = 0.5


@DEFECTS.breaks("AIR-172", on="map")
def window_at_the_top(objects):
    objects.pm.WindowCenter, objects.pm.WindowWidth = "0.5", "1"


@DEFECTS.breaks("AIR-173", on="map")
def colour_without_a_palette(objects):
    objects.pm.PixelPresentation = "COLOR_RANGE"


@DEFECTS.breaks("AIR-145", on="map")
def map_cut_off(objects):
    objects.pm.FloatPixelData = objects.pm.FloatPixelData[:-4]


@DEFECTS.breaks("AIR-149", on="map")
def label_of_a_map_in_small_letters(objects):
    write(objects.pm, "ContentLabel", "saliency")


@DEFECTS.breaks("AIR-174", on="map")
def map_in_another_space(objects):
    objects.pm.FrameOfReferenceUID = "2.25.9"


@DEFECTS.breaks("AIR-008-MAP", on="map")
def map_of_another_modality(objects):
    objects.pm.Modality = "CT"


@DEFECTS.breaks("AIR-212", on="map")
def map_that_no_report_mentions(objects):
    named(objects.sr, "126010").ContentSequence.pop()


@pytest.mark.parametrize("case", DEFECTS.parameters())
def test_one_defect_breaks_its_rule_and_no_other(scenes, case):
    objects = scenes(case.scene)
    case.defect(objects)
    assert broken(objects) == expected_of(case)
