"""Data quality: what rules find in batches of rows, column by column, and what that adds up to.

Everything here is pure: frames in, frames out. The engine reads, stores and keeps time.
"""
