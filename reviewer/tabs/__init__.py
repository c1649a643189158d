"""The three tabs: each a `build` function and handlers that take and return plain values."""
