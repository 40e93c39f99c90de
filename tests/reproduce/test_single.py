"""The recipe of one network: on any images that come as MNIST's do, and told plainly where they cannot be had."""

from dataclasses import replace

import numpy as np
import pytest

from pellucid.datasets import Dataset, digits
from pellucid.errors import InputError
from pellucid.reproduce import Setting, single
from pellucid.reproduce.experiment import NOT_YET, SHOWN


def few_clothes() -> Dataset:
    images = Setting(fast=True).images()
    parts = [(x[:200].astype(np.float32), t[:200]) for x, t in (images.train, images.validation, images.test)]
    train, validation, test = parts
    return replace(digits(), name="fashion-mnist", train=train, validation=validation, test=test)


def test_the_recipe_takes_clothes_as_it_takes_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(single, "EPOCHS", 2)
    result = single.clothes(Setting(), few_clothes)
    assert [row.verdict for row in result.rows] == [SHOWN]
    assert result.rows[0].measured.endswith("%")


def test_clothes_that_cannot_be_had_are_one_row_that_says_so() -> None:
    def missing() -> Dataset:
        raise InputError("there is no fashion-mnist here.")

    row = single.clothes(Setting(), missing).rows[0]
    assert (row.verdict, row.note) == (NOT_YET, "there is no fashion-mnist here.")
