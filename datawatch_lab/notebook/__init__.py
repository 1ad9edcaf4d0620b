"""The notebook: objects that show themselves, the IPython extension and its magic."""
