"""The board: a dashboard drawn live, for the watch page, Panel and notebooks.

`tiles` reads and draws each kind of tile, `feed` computes once for all who look, `component` is the
Panel component, ``src`` the browser's half, whose built form stands in ``assets/board``.
"""
