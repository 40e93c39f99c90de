"""Turns layers, losses and optimizers into plain dictionaries and back, for checkpoints and configuration files.

All of them are frozen dataclasses, so a description is the class's name and its fields; fields that are such
objects themselves are described in turn. Nothing is imported or executed by reading one.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from pellucid.errors import InputError, suggest


def describe(thing: Any) -> dict[str, Any]:
    """Returns {"type": class name, field: value, ...}; fields at their default are left out."""
    description: dict[str, Any] = {"type": type(thing).__name__}
    for field in dataclasses.fields(thing):
        value = getattr(thing, field.name)
        if not field.init or value == _default_of(field):
            continue
        description[field.name] = describe(value) if dataclasses.is_dataclass(value) else value
    return description


def _default_of(field: dataclasses.Field[Any]) -> Any:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def written(thing: Any) -> str:
    """Writes an object as one would type it: required fields by place, others by name where not at their default."""
    arguments = []
    for field in dataclasses.fields(thing):
        value = getattr(thing, field.name)
        if not field.init or value == _default_of(field):
            continue
        text = written(value) if dataclasses.is_dataclass(value) else repr(value)
        required = _default_of(field) is dataclasses.MISSING
        arguments.append(text if required else f"{field.name}={text}")
    return f"{type(thing).__name__}({', '.join(arguments)})"


def build(description: Mapping[str, Any], known: Mapping[str, type]) -> Any:
    """Makes the object that a description names, out of the classes in `known`.

    Raises:
        InputError: an unknown type or field, with the nearest known one.
    """
    if not isinstance(description, Mapping) or "type" not in description:
        raise InputError(f"a description must be a table with a 'type', got {description!r}.")
    name = description["type"]
    if not isinstance(name, str) or name not in known:
        raise InputError(f"there is no {name!r}; {suggest(name, known)}")
    kind = known[name]
    fields = {field.name for field in dataclasses.fields(kind)}
    arguments: dict[str, Any] = {}
    for key, value in description.items():
        if key == "type":
            continue
        if key not in fields:
            raise InputError(f"{name} has no {key!r}; {suggest(key, fields)}")
        nested = isinstance(value, Mapping) and "type" in value
        arguments[key] = build(value, known) if nested else tuple(value) if isinstance(value, list) else value
    try:
        return kind(**arguments)
    except TypeError as error:
        raise InputError(f"{name} cannot be made from {dict(description)!r}: {error}.") from error
