"""Templates of one actor on top of the shared base: everything is escaped, times are in UTC."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jinja2
from fastapi.responses import HTMLResponse

from actors.shared.pages import words
from actors.shared.pages.assets import Assets
from profiles.errors import StepwellError

PACKAGE = "actors.shared.pages"
SHARED_ASSETS = Assets(PACKAGE, "/assets/pages")
_TITLES = {
    "not-found": "Not found",
    "unavailable": "Not available now",
    "bad-input": "This address cannot be used",
}


class Templates:
    """The templates of one actor's package; they may extend and import the shared ones.

    Args:
        package: the actor's package, which has a ``templates`` folder.
        assets: its own static files, if it has some.
        values: what every template of the actor may use, e.g. addresses of other pages.
    """

    def __init__(
        self, package: str = PACKAGE, assets: Assets | None = None, values: Mapping[str, Any] | None = None
    ) -> None:
        loaders: list[jinja2.BaseLoader] = [jinja2.PackageLoader(PACKAGE)]
        if package != PACKAGE:
            loaders.insert(0, jinja2.PackageLoader(package))
        self._environment = jinja2.Environment(
            loader=jinja2.ChoiceLoader(loaders),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters.update(
            person_name=words.person_name,
            duration=words.duration,
            age=words.age,
            moment=words.moment,
            clock=words.clock,
            dicom_date=words.dicom_date,
            dicom_time=words.dicom_time,
            or_none=words.or_none,
            uid=words.uid,
        )
        self._environment.globals.update(
            shared_asset=SHARED_ASSETS.url, worklist_url="", results_url="", operations_url="", tag=_tag, tags=_tags
        )
        if assets is not None:
            self._environment.globals["asset"] = assets.url
        self._environment.globals.update(values or {})

    def page(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """A whole page, or a part of one, from a template."""
        content = self._environment.get_template(template).render(**values)
        return HTMLResponse(content, status, headers={"Cache-Control": "no-store"})

    def problem(self, error: StepwellError) -> HTMLResponse:
        """A page that says what is wrong and what to do."""
        title = _TITLES.get(error.row_key, "This did not work")
        answer = self.page("problem.html", error.row.http, title=title, message=error.message)
        if error.row_key == "unavailable":
            answer.headers["Retry-After"] = "5"
        return answer


def _tag(dataset: dict[str, Any], keyword: str) -> str:
    """`profiles.dicom.text`, loaded by the pages that show DICOM: the log's do not, and need no image libraries."""
    from profiles.dicom import text

    return text(dataset, keyword)


def _tags(dataset: dict[str, Any], keyword: str) -> list[Any]:
    from profiles.dicom import get_all

    return get_all(dataset, keyword)
