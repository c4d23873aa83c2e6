"""Tests of an Event Repository (SOLE): it is sent messages of all kinds, and asked for them again."""
