"""Notebooks as reports: run with parameters, without anybody watching; HTML, PDF or a notebook."""
