"""Checks of FHIR resources (R4B and R5) for orders, tasks, results and audit events, by ``tables/fhir_rules.csv``.

The structure is judged by fhir.resources, of which R4B stands for R4 too; required codes and the targets of references,
which it leaves alone, and what the mappings of orders and audit messages ask, by rules of this package. What is no
resource is one finding; no finding repeats a value.
"""

from conformance.fhir.judging import check_files, check_resource

__all__ = ["check_files", "check_resource"]
