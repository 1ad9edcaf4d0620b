"""The notebook edge: IPython extension, magics, completion, objects that show themselves.

`objects.open` and `objects.connect` give a `Lab`. What it hands out (listings, tables, metrics,
answers, the ledger, the quarantine) is a value as of the moment it was asked for: showing it asks
nothing more. panel and holoviews load with the first plot only.
"""
