"""CLIP: which weights, and the two towers."""
