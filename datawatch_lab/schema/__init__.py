"""Schema history: statements and rows → steps between shapes, classed; folds and differences.

``ddl`` splits and reads statements, ``resolving`` compares them with the shape before, ``impact``
classes each step, ``folding`` and ``differences`` go from steps to shapes and back, ``presence``
and ``inference`` find changes in rows, ``reading`` puts it together for events of the log.
"""
