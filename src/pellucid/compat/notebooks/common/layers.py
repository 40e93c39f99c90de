"""The second text's common.layers, imported by notebooks that need none of it; whoever takes a layer is told."""

from typing import NoReturn

from pellucid.compat.switch import NotProvided


def __getattr__(name: str) -> NoReturn:
    if name.startswith("__"):
        raise AttributeError(name)
    raise NotProvided(
        f"common.layers.{name} of the second text is not provided; use pellucid.layers, or common.layers of the kind "
        "'book', whose loss layers take the output before the wanted one.",
        name="common.layers",
    )
