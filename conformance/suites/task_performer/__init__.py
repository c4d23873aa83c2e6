"""Tests of Task Performers: systems that claim workitems, work on images, store results and report (AIW-I)."""
