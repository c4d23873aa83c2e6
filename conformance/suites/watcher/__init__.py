"""Tests of a Watcher: it subscribes, listens, shows what it hears, and lets go (RAD-83, 86, 87, 88, 109)."""
