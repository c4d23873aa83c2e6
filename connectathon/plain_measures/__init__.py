"""The measures of the operational log once more, as plainly as can be: ``python -m connectathon.plain_measures``.

It shares nothing with the fact table that it is held against: it reads the file that ``stepwell sole export`` writes,
puts cases together, and computes each number from all values of a group.
"""
