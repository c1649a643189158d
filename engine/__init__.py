"""Noisy-label detectors built on CLIP: everything with tensors; no user interface, no database."""
