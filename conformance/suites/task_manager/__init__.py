"""Tests of a Task Manager: the worklist as requesters, performers and watchers meet it (RAD-80 to RAD-88, RAD-109)."""
