"""Dashboards as documents: templates that fit a workspace, differences, exports.

The document itself, its readers and writers are in ``core/dashboards*.py``, since every edge knows
them; here is what is made of one or several. All of it is pure.
"""
