"""Tests of an Image Manager: AIR's objects stored, found and retrieved as they are (RAD-18, 108, 14, 16, 107, 137)."""
