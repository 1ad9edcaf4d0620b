"""Bytes to typed change batches: envelopes, identity, row images, and the sources of bytes."""
