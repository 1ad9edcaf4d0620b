"""What is read: one file a source; each gives decoded batches and where to resume."""
