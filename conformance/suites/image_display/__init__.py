"""Tests of an Image Display or Imaging Document Consumer, assisted by a person: the harness prepares, asks, records."""
