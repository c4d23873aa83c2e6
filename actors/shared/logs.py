"""Structured logging: one JSON object per line on standard error. No patient data, no Transaction UIDs."""

from __future__ import annotations

import logging
import sys

import structlog


def configure_logging(actor: str, level: str = "INFO") -> None:
    """Send all log lines of this process, library ones included, to standard error as JSON, tagged with the actor."""

    def tag(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        event.setdefault("actor", actor)
        return event

    shared: list[structlog.typing.Processor] = [
        tag,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.dict_tracebacks,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """A logger for one module: ``log.info("claimed", workitem=uid)``."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(module=name)
    return logger
