"""The page about the command line and the examples do what they say."""

import re
import shlex
from pathlib import Path

import pytest

from pellucid.cli.app import cli
from pellucid.cli.building import build_network
from pellucid.cli.defaults import resolve
from pellucid.cli.toml import read_toml
from pellucid.datasets import by_name

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
EXAMPLES = sorted((ROOT / "examples").glob("*.toml"))


def test_every_command_of_the_page_runs(pellucid):
    blocks = re.findall(r"^```console\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    commands = [line.removeprefix("$ pellucid ") for block in blocks for line in block.splitlines()]
    assert len(commands) >= 10
    for command in commands:
        said = pellucid(*shlex.split(command))
        assert (said.code, said.err) == (0, ""), command
    assert Path("predictions.csv").exists()


def test_the_page_names_every_command_and_no_option_that_is_not_there():
    options = {"--help", "--version"}
    for name, command in cli.commands.items():
        assert f"\n## {name}\n" in PAGE
        options |= {option for parameter in command.params for option in parameter.opts}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", PAGE)) <= options
    training = {o for p in cli.commands["train"].params for o in p.opts if o.startswith("--")}
    assert training <= set(re.findall(r"--[a-z][a-z-]+", PAGE)) | {"--quiet"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_can_be_used(path):
    given = read_toml(path)
    for call in ("out", "quiet", "epoch_lines"):
        given.pop(call, None)
    data = by_name("digits" if given["data"] == "mnist" else given["data"])
    settings = resolve(given, data)
    network = build_network(settings, classification=data.task == "classification")
    assert network.input_shape == (settings.layers[0],)
    if given["data"] != "mnist":
        assert settings.layers[0] == data.n_features and settings.layers[-1] == data.n_outputs


def test_an_example_runs(pellucid):
    said = pellucid("train", "--config", str(ROOT / "examples" / "plane.toml"))
    assert said.code == 0 and "run folder: runs/plane-001" in said.out
