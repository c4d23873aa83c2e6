"""Conformance statements, rendered from what actors declare as data and what the harness has verified."""

from conformance.statements.declared import Declared, Product
from conformance.statements.rendering import dicom_statement, ihe_statement

__all__ = ["Declared", "Product", "dicom_statement", "ihe_statement"]
