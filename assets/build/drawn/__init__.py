"""The drawn world: vector drawings, each an exact function of concept and seed."""

from assets.build.drawn.captions import caption as caption
from assets.build.drawn.concept import Concept as Concept
from assets.build.drawn.concepts import CONCEPTS as CONCEPTS
from assets.build.drawn.world import Facts as Facts
from assets.build.drawn.world import Scene as Scene
from assets.build.drawn.world import draw_nothing as draw_nothing
from assets.build.drawn.world import draw_scene as draw_scene
from assets.build.drawn.world import draw_unusable as draw_unusable
