"""What is vendored is what the lock file says, licences included, and nothing else."""

import base64
import hashlib
import json
from importlib.resources import files

from actors.shared.pages import Assets

PAGES = files("actors.shared.pages")
LOCK = json.loads(PAGES.joinpath("vendor.lock").read_text())


def integrity(content):
    return "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()


def test_every_vendored_file_has_the_hash_of_the_lock_file():
    for package in LOCK:
        folder = PAGES.joinpath("static", "vendor", package["folder"])
        for row in package["files"]:
            assert integrity(folder.joinpath(row["file"]).read_bytes()) == row["integrity"], row["file"]


def test_no_vendored_file_is_missing_from_the_lock_file_and_each_package_brings_its_licence():
    listed = {(package["folder"], row["file"]) for package in LOCK for row in package["files"]}
    vendored = PAGES.joinpath("static", "vendor")
    there = {(folder.name, one.name) for folder in vendored.iterdir() for one in folder.iterdir()}
    assert there == listed
    assert all(any(name.startswith("LICENSE") for _, name in listed if _ == package["folder"]) for package in LOCK)


def test_the_address_of_an_asset_changes_with_its_content():
    assets = Assets("actors.shared.pages", "/assets/pages")
    digest = hashlib.sha256(PAGES.joinpath("static", "pages.js").read_bytes()).hexdigest()[:16]
    assert assets.url("pages.js") == f"/assets/pages/{digest}/pages.js"
