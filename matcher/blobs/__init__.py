"""Blobs: what they hold, where they are kept, and where they are had from."""
