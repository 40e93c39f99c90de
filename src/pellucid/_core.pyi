"""Pellucid's C++ core. A test compares the names and arguments here with the built module."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

def philox_words(seed: int, purpose: int, stream: int, count: int) -> NDArray[np.uint32]: ...
def philox_block(counter: Sequence[int], key: Sequence[int]) -> list[int]: ...
def built_instruction_sets() -> list[str]: ...
