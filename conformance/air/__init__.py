"""Checks of AIR result objects (RAD TF-3 section 6.5.3), by the rules of ``tables/air_rules.csv``; pydicom only."""

from conformance.air.checking import check_datasets, check_files

__all__ = ["check_datasets", "check_files"]
