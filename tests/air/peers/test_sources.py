"""Encoding reads the caller's images and never changes them."""

import copy

import pytest

from profiles.air import encode
from tests.air.peers.catalogue import CASES


@pytest.mark.parametrize("name", CASES)
def test_encoding_leaves_images_and_context_as_they_were(written, algorithm, name):
    found = written[name]
    kept = [found.context.attributes, *found.context.requests, *found.context.images]
    before = [copy.deepcopy(dataset) for dataset in kept]
    metas = [copy.deepcopy(image.file_meta) for image in found.context.images]
    encode(found.results, found.context, algorithm)
    assert before == kept
    assert metas == [image.file_meta for image in found.context.images]
