"""Encoding reads the caller's images and never changes them."""

import copy

import pytest

from profiles.air import encode
from tests.air.peers.catalogue import CASES


@pytest.mark.parametrize("name", CASES)
def test_encoding_leaves_the_context_as_it_was(written, algorithm, name):
    found = written[name]
    kept = [found.context.attributes, *found.context.requests, *found.context.images]
    before = copy.deepcopy(kept)
    encode(found.results, found.context, algorithm)
    assert before == kept


@pytest.mark.parametrize("kind", sorted({case.source for case in CASES.values()}))
def test_encoding_the_whole_catalogue_leaves_the_images_as_they_were(written, untouched, sources, kind):
    assert written
    assert untouched[kind] == sources[kind]
    assert [image.file_meta for image in untouched[kind]] == [image.file_meta for image in sources[kind]]
