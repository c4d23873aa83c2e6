"""Gather what the actors declare: their own files, their tables of resources, their settings."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.resources import files

from actors.shared.ups_face.resources import RESOURCES
from conformance.statements import Declared, Product
from conformance.statements.declared import Setting, WebService, WorklistRole
from stepwell.actors import ACTORS, settings_class

VENDOR = "The Stepwell project"


def product() -> Product:
    """This installation."""
    return Product(vendor=VENDOR, name="Stepwell", version=version("stepwell"), published=datetime.now(UTC).date())


def declared_actors() -> list[Declared]:
    """What every actor declares, in the order in which they are started."""
    return [declared(actor) for actor in ACTORS]


def declared(actor: str) -> Declared:
    """What one actor declares."""
    told = tomllib.loads(files(f"actors.{actor}").joinpath("declares.toml").read_text(encoding="utf-8"))
    found = Declared.model_validate({"name": actor, **told})
    web = [service for role in found.worklist for service in _worklist(role)]
    return found.model_copy(update={"web": (*found.web, *web), "settings": _settings(actor)})


def _worklist(role: WorklistRole) -> tuple[WebService, ...]:
    """The transactions of the table by which requests are dispatched."""
    return tuple(
        WebService(
            service="Worklist",
            transaction=transaction.name,
            role=role.role,
            section=transaction.section,
            method=method,
            resources=(resource.template,),
            parameters=transaction.parameters,
            statuses=(transaction.success, 400, *transaction.refusals),
        )
        for resource in RESOURCES
        if not resource.dialect
        for method, transaction in resource.transactions.items()
        if not role.transactions or transaction.name in role.transactions
    )


def _settings(actor: str) -> tuple[Setting, ...]:
    found = []
    for name, field in settings_class(actor).model_fields.items():
        default = field.get_default(call_default_factory=True) if not field.is_required() else ""
        plain = default if isinstance(default, (str, int, float, bool)) else ""
        found.append(Setting(name=name, default=str(plain)))
    return tuple(found)
