"""FHIR R4B and R5: results out (orders.md section 11.3).

Tables in ``tables/`` say what each version calls an element, where each part of a statement goes, and what a version
cannot carry (``carried.csv``); code walks them. fhir.resources validates every bundle. Import what is wanted from its
module: ``bundle`` loads what reads images, which a log does not need.
"""
