"""Rule files and values for the tests of rules."""

import re
from pathlib import Path

from actors.task_requester.images import ImageSeries, ImageStudy
from actors.task_requester.rules import load_rules
from profiles.aiwi import InputInstance
from profiles.dicom import put
from profiles.hl7 import ImagingOrder

PAGE = Path(__file__).parents[2] / "docs" / "rules.md"
MR = "1.2.840.10008.5.1.4.1.1.4"
RULE = """
[[rule]]
name = "{name}"
when = '''{when}'''
{more}
workitem_code = {{ value = "{code}", scheme = "99X", meaning = "x" }}
label = "x"
"""


def rules_of(tmp_path, *rules):
    """Rules from a file; each is the condition, or a dict of what is written besides."""
    text = ""
    for number, rule in enumerate(rules, 1):
        written = {
            "name": f"rule-{number}",
            "more": "",
            "code": "X",
            **({"when": rule} if rule.__class__ is str else rule),
        }
        text += RULE.format(**written)
    path = tmp_path / "rules.toml"
    path.write_text(text)
    return load_rules(path)


def samples():
    """The rule files of the page, by the name of their first rule."""
    found = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return {re.search(r'name = "(.*?)"', text)[1]: text for text in found}


def sample_rules(tmp_path, name):
    """The rules of one file of the page."""
    path = tmp_path / "sample.toml"
    path.write_text(samples()[name])
    return load_rules(path)


def dataset(**attributes):
    """A dataset of attributes by keyword; lists are several values."""
    found = {}
    for keyword, value in attributes.items():
        put(found, keyword, *(value if isinstance(value, list) else [value]))
    return found


def series(uid="1", count=100, sop_class=MR, **attributes):
    """A series of images with these attributes of the first."""
    instances = tuple(InputInstance(sop_class, f"{uid}.{number}") for number in range(1, count + 1))
    first = dataset(**{"Modality": "MR", **attributes})
    return ImageSeries(uid, first["00080060"]["Value"][0], instances, first)


def study(*several, uid="1.2.3"):
    """A study of series; of one MR series when none is given."""
    return ImageStudy(uid, several or (series(),))


def order(**details):
    """An order."""
    return ImagingOrder(**details)
