"""Campaigns: long runs at full size with faults at random moments, whose reports are kept under ``docs/evidence``."""
