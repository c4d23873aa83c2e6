"""Reports of a run: each only consumes what the engine said; see :func:`conformance.reports.writing.write_report`."""
