"""Editing by hand in a cell: rules and detectors with what they would have done, at once.

An editor is a plain object: its properties can be set and it can be saved in Python as well as with
the mouse. In a notebook it shows itself as widgets and, beside them, as a still picture without any
script, which is what an exported page shows. Widgets are made when it is first displayed.
"""
