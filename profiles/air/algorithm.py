"""Which algorithm made a result."""

from __future__ import annotations

from dataclasses import dataclass, field

from profiles.air.identifiers import derived_uid
from profiles.air.values import require_code, require_label, require_text, require_uid
from profiles.dicom import Code, code


@dataclass(frozen=True, slots=True)
class AlgorithmIdentification:
    """Which algorithm made a result: Contributing Equipment, TID 4019 and SEG say the same (AIR Table 6.5.3.1-1).

    Attributes:
        name: Manufacturer's Model Name = Algorithm Name.
        version: Software Versions = Algorithm Version.
        manufacturer: who answers for the algorithm.
        device_uid: of this very build; another when the model is changed or trained again. Made from name, version
            and ``build`` when empty.
        build: what tells builds of one version apart, e.g. the digest of the weights.
        family: CID 7162.
        parameters: with which it ran, in words (111002, DCM).
    """

    name: str
    version: str
    manufacturer: str
    device_uid: str = ""
    build: str = ""
    family: Code = field(default_factory=lambda: code("DCM", "123110"))
    parameters: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require_label(self.name, "Algorithm Name")
        require_label(self.version, "Algorithm Version")
        require_label(self.manufacturer, "Algorithm manufacturer")
        require_code(self.family, "Algorithm Family")
        for parameter in self.parameters:
            require_text(parameter, "An algorithm parameter")
        if not self.device_uid:
            object.__setattr__(
                self, "device_uid", derived_uid("algorithm", self.manufacturer, self.name, self.version, self.build)
            )
        require_uid(self.device_uid, "Device UID")
