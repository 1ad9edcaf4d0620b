"""Planted input with known answers, and an independent computation of every metric from it.

Nothing here imports the package under test, so an agreement between the two means something.
"""
