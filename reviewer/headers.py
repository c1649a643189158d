"""What answers say of themselves: whether a browser may keep them, and that they are bytes."""

IMMUTABLE = {"Cache-Control": "private, max-age=31536000, immutable"}
FRESH = {"Cache-Control": "no-store"}
BYTES = "application/octet-stream"
"""The media type of numbers that are no JSON."""
