"""Every concept of the drawn world, by name."""

from assets.build.drawn.concept import Concept
from assets.build.drawn.concepts.belongings import BELONGINGS
from assets.build.drawn.concepts.birds import BIRDS
from assets.build.drawn.concepts.buildings import BUILDINGS
from assets.build.drawn.concepts.craft import CRAFT
from assets.build.drawn.concepts.food import FOOD
from assets.build.drawn.concepts.fruit import FRUIT
from assets.build.drawn.concepts.household import HOUSEHOLD
from assets.build.drawn.concepts.mammals import MAMMALS
from assets.build.drawn.concepts.plants import PLANTS
from assets.build.drawn.concepts.sky import SKY
from assets.build.drawn.concepts.small_animals import SMALL_ANIMALS
from assets.build.drawn.concepts.tools import TOOLS
from assets.build.drawn.concepts.vehicles import VEHICLES
from assets.build.drawn.concepts.vessels import VESSELS
from assets.build.drawn.concepts.water_animals import WATER_ANIMALS

CONCEPTS: dict[str, Concept] = {
    **MAMMALS,
    **BIRDS,
    **SMALL_ANIMALS,
    **WATER_ANIMALS,
    **VEHICLES,
    **CRAFT,
    **VESSELS,
    **FRUIT,
    **FOOD,
    **BUILDINGS,
    **PLANTS,
    **SKY,
    **HOUSEHOLD,
    **BELONGINGS,
    **TOOLS,
}
"""Name to concept."""
