"""The operations of a workspace: typed, declared once, the only door for every edge.

`operation` declares one with its route, input and output. `operations.OPERATIONS` lists them all.
REST handlers, OpenAPI, the command line and the remote handle are made from that list, so
``dw.open(path)`` in this process and ``dw.connect(url)`` to another give the same object.
"""
