"""The pages of all actors: one look, one base template, vendored assets, one set of security headers (decision D20)."""

from actors.shared.pages.app import create_app
from actors.shared.pages.assets import Assets
from actors.shared.pages.rendering import Templates

__all__ = ["Assets", "Templates", "create_app"]
