"""Descriptions: plain dictionaries, there and back; unknown and bad ones are refused by name."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from pellucid.description import build, describe
from pellucid.errors import InputError
from pellucid.initializers import Normal, Xavier
from pellucid.layers import Affine, Dropout, Sigmoid
from pellucid.losses import Huber
from pellucid.optimizers import SGD, Adam
from pellucid.schedules import Constant, Exponential, WarmUp

KNOWN: dict[str, type] = {
    kind.__name__: kind
    for kind in (Affine, Dropout, Sigmoid, Normal, Xavier, Huber, SGD, Adam, WarmUp, Exponential, Constant)
}


@dataclass(frozen=True)
class Shaped:
    shape: tuple[int, ...] = ()
    pair: tuple[tuple[int, int], ...] = ()


@pytest.mark.parametrize(
    ("thing", "description"),
    [
        (Sigmoid(), {"type": "Sigmoid"}),
        (Affine(30), {"type": "Affine", "units": 30}),
        (
            Affine(3, weights=Normal(1.0)),
            {"type": "Affine", "units": 3, "weights": {"type": "Normal", "std": 1.0}},
        ),
        (Dropout(0.5), {"type": "Dropout"}),
        (Dropout(0.25), {"type": "Dropout", "rate": 0.25}),
        (
            Adam(WarmUp(Exponential(0.1), 2)),
            {
                "type": "Adam",
                "learning_rate": {"type": "WarmUp", "then": {"type": "Exponential", "rate": 0.1}, "epochs": 2},
            },
        ),
        (Shaped((1, 2)), {"type": "Shaped", "shape": (1, 2)}),
    ],
)
def test_a_description_holds_the_type_and_what_is_not_at_its_default(thing: Any, description: dict[str, Any]) -> None:
    assert describe(thing) == description
    assert build(json.loads(json.dumps(describe(thing))), KNOWN | {"Shaped": Shaped}) == thing


@pytest.mark.parametrize(
    ("description", "said"),
    [
        ({"type": "Afine", "units": 3}, "there is no 'Afine'; did you mean 'Affine'?"),
        ({"type": "os.system"}, "there is no 'os.system'; known names: Adam, Affine"),
        ({"type": "Affine", "unit": 3}, "Affine has no 'unit'; did you mean 'units'?"),
        ({"type": "Affine"}, "Affine cannot be made from {'type': 'Affine'}: "),
        ({"type": "Affine", "units": 0}, "units must be an integer of 1 or more, got 0."),
        ({"type": "Affine", "units": "3"}, "units must be an integer of 1 or more, got '3'."),
        ({"type": "Affine", "units": 3, "weights": {"type": "Norml"}}, "there is no 'Norml'; did you mean 'Normal'?"),
        ({"units": 3}, "a description must be a table with a 'type', got {'units': 3}."),
        ([1], "a description must be a table with a 'type', got [1]."),
        (None, "a description must be a table with a 'type', got None."),
        ({"type": ["Affine"]}, "there is no ['Affine']; "),
    ],
)
def test_what_cannot_be_built_is_refused_by_name(description: Any, said: str) -> None:
    with pytest.raises(InputError) as caught:
        build(description, KNOWN)
    assert said in str(caught.value)
