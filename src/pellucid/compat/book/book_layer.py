"""What every layer of the book has: what it learns, its layer in Pellucid, and what its last forward pass kept.

A layer of a network whose last pass ran on the native engine has saved nothing; where its backward or its saved
values are asked for, it has the network repeat that pass layer by layer first (`catch_up`).
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from pellucid.compat.switch import is_faithful
from pellucid.errors import InputError
from pellucid.layers.base import Layer
from pellucid.named import Named
from pellucid.ops import Array


class BookLayer:
    """What the book's layers share. `learns` names the attributes that are learnt; gradients are these with a d."""

    learns: ClassVar[tuple[str, ...]] = ()
    only_in_training: ClassVar[bool] = False
    """Whether forward takes train_flg, and does something else in training than in prediction."""

    def __init__(self, faithful: bool | None = None) -> None:
        self.faithful = is_faithful(faithful)
        self.catch_up: Callable[[], object] | None = None
        self._kept: Named | None = None

    def native(self) -> Layer:
        """Returns the Pellucid layer that computes the same outside training."""
        raise NotImplementedError

    def native_in_training(self) -> Layer:
        """Returns the Pellucid layer that computes the same in training."""
        return self.native()

    def values(self) -> Mapping[str, Array]:
        """Returns what that layer's parameters are at present, by its names for them."""
        return {name: getattr(self, name) for name in self.learns}

    def values_in_training(self) -> Mapping[str, Array]:
        """Returns the same for the layer that computes in training."""
        return self.values()

    def __getstate__(self) -> dict[str, Any]:
        """A copy has what the layer learnt, not what its last pass left behind."""
        return self.__dict__ | {"catch_up": None, "_kept": None}

    def _keep(self, saved: Named) -> None:
        self.catch_up, self._kept = None, saved

    def _saved(self) -> Named:
        if self.catch_up is not None:
            self.catch_up()
        if self._kept is None:
            raise InputError(f"{type(self).__name__} has no forward pass to go back through; call forward first.")
        return self._kept
