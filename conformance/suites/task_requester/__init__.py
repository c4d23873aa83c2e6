"""Tests of Task Requesters: systems that create workitems and ask for their cancellation (RAD-80, RAD-88)."""
