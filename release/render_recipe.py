"""Render the conda recipe as rattler-build does, without a network: its variants and their names.

python release/render_recipe.py     # an error where the recipe cannot be rendered
"""

from __future__ import annotations

from pathlib import Path

from rattler_build import Stage0Recipe, VariantConfig

RECIPE = Path(__file__).resolve().parent / "recipe" / "recipe.yaml"

for rendered in Stage0Recipe.from_file(RECIPE).render(VariantConfig()):
    recipe = rendered.recipe
    build = recipe.to_dict()["build"]
    print(f"{recipe.package.name}-{recipe.package.version}-{build['string']}.conda")
