"""CLIP: which weights, and the two towers."""

from engine.clip.without_compiler import import_open_clip

import_open_clip()
