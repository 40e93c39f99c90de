"""Settings: whatever is set comes back from a TOML file as it was, and nothing else gets through."""

import dataclasses
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.cli.names import ACTIVATIONS, DTYPES, ENGINES, INITIALIZERS, LOSSES, OPTIMIZERS
from pellucid.cli.run_folder import data_name
from pellucid.cli.settings import CALL, CHECKS, Settings, checked, parse_layers
from pellucid.cli.toml import as_toml
from pellucid.errors import InputError

FRACTIONS = st.floats(0, 1, exclude_max=True)
COUNTS = st.integers(1, 2**53)
TEXTS = st.text(st.characters(codec="utf-8"), min_size=1)

SETTINGS = st.builds(
    Settings,
    data=TEXTS,
    target=st.none() | TEXTS | st.integers(),
    layers=st.lists(st.integers(1, 1_000_000), min_size=2, max_size=6).map(tuple),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    loss=st.sampled_from(sorted(LOSSES)),
    optimizer=st.sampled_from(sorted(OPTIMIZERS)),
    init=st.sampled_from(sorted(INITIALIZERS)),
    learning_rate=st.floats(0, exclude_min=True, allow_infinity=False),
    weight_decay=st.floats(0, allow_infinity=False),
    dropout=FRACTIONS,
    epochs=COUNTS,
    batch_size=COUNTS,
    seed=st.integers(0, 2**64 - 1),
    dtype=st.sampled_from(DTYPES),
    engine=st.sampled_from(ENGINES),
    threads=st.none() | COUNTS,
    validation_fraction=st.none() | FRACTIONS,
    patience=st.none() | COUNTS,
    standardize=st.booleans(),
)


@given(SETTINGS)
def test_settings_come_back_from_their_file(settings):
    text = as_toml(settings.typed(), "a run\nof two lines")
    assert Settings(**checked(tomllib.loads(text))) == settings


def test_every_setting_has_a_check_and_the_other_way_round():
    assert {field.name for field in dataclasses.fields(Settings)} | set(CALL) == set(CHECKS)


@given(
    st.sampled_from(sorted(CHECKS)),
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()),
)
def test_a_value_is_good_or_refused_in_one_sentence(name, value):
    try:
        found = checked({name: value})
    except InputError as error:
        assert str(error).endswith((".", "?")) and len(str(error)) < 400
    else:
        assert found == checked(found)


@pytest.mark.parametrize("value", ["784-30-10", [784, 30, 10], (784, 30, 10)])
def test_layers_as_text_or_list(value):
    assert parse_layers(value) == (784, 30, 10)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("fashion_mnist", "fashion-mnist"),
        ("digits", "digits"),
        ("/some/where/iris.data.csv.gz", "iris"),
        ("a folder/my file.csv", "my-file"),
        ("../..", "data"),
        ("Größe.csv", "Größe"),
        (".csv", "data"),
    ],
)
def test_the_run_folder_is_named_after_the_data(data, name):
    assert data_name(data) == name
    assert Path("runs", f"{data_name(data)}-001").parent == Path("runs")
