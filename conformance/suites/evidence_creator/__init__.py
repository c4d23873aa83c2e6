"""Tests of an Evidence Creator: what it made of a study, judged object by object and together (RAD TF-3 6.5.3)."""
