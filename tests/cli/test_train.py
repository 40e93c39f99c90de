"""`pellucid train`: what it prints, what it keeps, that it repeats and resumes to the bit."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from hashlib import sha256
from pathlib import Path

import pytest

from pellucid import Network
from pellucid.cli import defaults
from pellucid.cli.building import build_network
from pellucid.cli.curves import draw_curves
from pellucid.cli.names import ACTIVATIONS, INITIALIZERS, LOSSES, OPTIMIZERS
from pellucid.cli.settings import Settings
from pellucid.datasets import KNOWN, by_name


def digest(folder: str) -> str:
    """Of the parameters, which a resumed run must end with bit for bit."""
    return sha256(Network.load(Path(folder) / "model.safetensors").parameters.flat.tobytes()).hexdigest()


def test_digits_reach_95_percent_with_the_defaults(pellucid):
    said = pellucid("train digits")
    assert said.code == 0 and said.err == ""
    accuracy = re.search(r"test: loss [\d.]+, accuracy ([\d.]+) % \((\d+) of 300 right\)", said.out)
    assert accuracy is not None and float(accuracy[1]) >= 95
    assert re.search(r"best epoch: \d+ of 0 to 29, validation accuracy 9\d\.\d\d %", said.out)
    assert "run folder: runs/digits-001" in said.out
    assert max(map(len, said.out.splitlines())) <= 80


def test_the_run_folder_holds_it_all(pellucid):
    pellucid("train digits --layers 64-8-10 --epochs 3 --seed 5")
    folder = Path("runs/digits-001")
    assert {path.name for path in folder.iterdir()} >= {
        "config.toml",
        "metrics.jsonl",
        "model.safetensors",
        "checkpoint.safetensors",
        "data.json",
    }
    config = tomllib.loads((folder / "config.toml").read_text())
    assert config["layers"] == "64-8-10" and config["seed"] == 5 and config["optimizer"] == "adam"
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [0, 1, 2]
    assert {"loss", "accuracy", "validation_loss", "validation_accuracy"} <= set(rows[0])


def test_the_picture_is_drawn_where_matplotlib_is(pellucid, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr("pellucid.cli.train.draw_curves", draw_curves)
    pellucid("train xor --epochs 3 --out a")
    assert Path("a/curves.png").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_it_says_how_to_get_the_picture(pellucid, monkeypatch):
    monkeypatch.setattr("pellucid.cli.train.draw_curves", draw_curves)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert "pip install 'pellucid[plot]'" in pellucid("train xor --epochs 3").out


def test_folders_are_numbered_and_never_written_over(pellucid):
    for number in (1, 2, 3):
        assert f"runs/xor-00{number}" in pellucid("train xor --epochs 1").out
    before = digest("runs/xor-002")
    said = pellucid("train xor --epochs 1 --out runs/xor-002 --seed 9")
    assert said.code == 2 and "--resume" in said.err
    assert digest("runs/xor-002") == before


@pytest.mark.parametrize("options", ["", " --optimizer momentum --dropout 0.2 --dtype float64 --weight-decay 1e-05"])
def test_a_config_reproduces_its_run_bit_for_bit(pellucid, options):
    pellucid("train digits --layers 64-8-10 --epochs 2 --seed 3 --out a" + options)
    assert pellucid("train --config a/config.toml --out b").code == 0
    assert digest("a") == digest("b")
    assert Path("a/config.toml").read_text().splitlines()[1:] == Path("b/config.toml").read_text().splitlines()[1:]


def test_what_is_typed_wins_over_the_file(pellucid):
    Path("my.toml").write_text('data = "digits"\nlayers = [64, 8, 10]\nepochs = 1\nlearning-rate = 0.5\nquiet = true\n')
    said = pellucid("train --config my.toml --learning-rate 0.25 --out a")
    assert said == (0, "", "")
    config = tomllib.loads(Path("a/config.toml").read_text())
    assert (config["learning_rate"], config["layers"], config["epochs"]) == (0.25, "64-8-10", 1)


@pytest.mark.parametrize("options", ["", " --epoch-lines", " --patience 2"])
def test_resume_ends_with_the_bits_of_a_run_never_stopped(pellucid, options):
    command = "train digits --layers 64-8-10 --optimizer adam --dropout 0.1" + options
    pellucid(command + " --epochs 4 --out whole")
    pellucid(command + " --epochs 2 --out parts")
    said = pellucid(f"train --resume --epochs 4 --out parts{options}")
    assert said.code == 0, said.err
    assert digest("parts") == digest("whole")
    assert len(Path("parts/metrics.jsonl").read_text().splitlines()) == 4
    assert tomllib.loads(Path("parts/config.toml").read_text())["epochs"] == 4


def test_a_killed_run_resumes_to_the_same_bits(pellucid):
    command = "train digits --layers 64-8-10 --optimizer adam --epochs 80 --quiet"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    hurried = "import pellucid.cli.train as t; t._SECONDS_BETWEEN_CHECKPOINTS = 0.02; import pellucid.__main__"
    words = [*command.split(), "--engine", "reference", "--out", "killed"]
    process = subprocess.Popen([sys.executable, "-c", hurried, *words], env=environment)
    while not Path("killed/checkpoint.safetensors").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    assert process.wait(timeout=60) == -signal.SIGKILL
    assert pellucid("train --resume --out killed --quiet").code == 0
    pellucid(command + " --engine reference --out whole")
    assert digest("killed") == digest("whole")
    assert len(Path("killed/metrics.jsonl").read_text().splitlines()) == 80


def test_resume_alone_takes_the_newest_run(pellucid):
    pellucid("train xor --epochs 1")
    pellucid("train moons --epochs 1 --batch-size 200")
    assert "run folder: runs/moons-001" in pellucid("train --resume").out
    assert "run folder: runs/xor-001" in pellucid("train xor --resume").out


def test_a_resumed_run_keeps_its_settings(pellucid):
    pellucid("train xor --epochs 1 --out a")
    said = pellucid("train --resume --out a --learning-rate 0.7")
    assert said.code == 2 and "learning_rate was 0.05 in a, got 0.7" in said.err


def test_nielsens_lines(pellucid):
    said = pellucid(
        "train digits --layers 64-30-10 --activation sigmoid --loss mse --optimizer sgd --learning-rate 3.0 "
        "--batch-size 10 --epochs 3 --epoch-lines"
    )
    lines = re.findall(r"^Epoch (\d+) : (\d+) / 300$", said.out, re.MULTILINE)
    assert [int(epoch) for epoch, _ in lines] == [0, 1, 2]
    most = max(int(right) for _, right in lines)
    assert f"with {most} of 300 right" in said.out
    network = Network.load("runs/digits-001/model.safetensors")
    assert [type(layer).__name__ for layer in network.layers] == ["Affine", "Sigmoid", "Affine", "Sigmoid"]
    assert type(network.loss).__name__ == "MeanSquaredError"
    assert int(lines[-1][1]) == round(300 * network.evaluate(*by_name("digits").test)["accuracy"])


def test_cross_entropy_leaves_the_last_layer_linear(pellucid):
    pellucid("train digits --layers 64-8-10 --activation sigmoid --loss cross-entropy --epochs 1 --out a")
    network = Network.load("a/model.safetensors")
    assert [type(layer).__name__ for layer in network.layers] == ["Affine", "Sigmoid", "Affine"]
    assert type(network.loss).__name__ == "SoftmaxCrossEntropy"


def test_patience_keeps_the_best_weights(pellucid):
    said = pellucid("train moons --learning-rate 0.5 --patience 2 --epochs 60 --out a")
    assert "ended early: EarlyStopping" in said.out
    rows = [json.loads(line) for line in Path("a/metrics.jsonl").read_text().splitlines()]
    best = min(row["validation_loss"] for row in rows)
    measured = Network.load("a/model.safetensors").evaluate(*by_name("moons").validation)
    assert measured["loss"] == pytest.approx(best, rel=1e-6) and len(rows) < 60


@pytest.mark.parametrize("share, rows", [("0", 0), ("0.25", 1)])
def test_validation_fraction_takes_the_place_of_the_own_part(pellucid, share, rows):
    pellucid(f"train xor --validation-fraction {share} --epochs 1 --out a")
    row = json.loads(Path("a/metrics.jsonl").read_text())
    assert ("validation_loss" in row) == bool(rows)


@pytest.mark.parametrize("name", ["xor", "moons", "spiral", "circles", "plane"])
def test_the_defaults_solve_the_made_up_sets(pellucid, name):
    said = pellucid(f"train {name}")
    loss, accuracy = re.search(r"test: loss ([\d.e-]+)(?:, accuracy ([\d.]+) %)?", said.out).groups()
    assert float(loss) < 1e-3 if accuracy is None else float(accuracy) >= 97


def test_a_csv_file_with_named_classes(pellucid):
    lines = ["width,height,kind"]
    lines += [f"{k % 7},{k % 5 + 10 * (k % 2)},{'tall' if k % 2 else 'flat'}" for k in range(80)]
    Path("things.csv").write_text("\n".join(lines))
    assert "run folder: runs/things-001" in pellucid("train things.csv --epochs 30").out
    said = pellucid("predict runs/things-001 things.csv")
    assert re.search(r"^ +1  tall +[01]\.\d{4}$", said.out, re.MULTILINE)


def test_every_name_builds_and_every_known_set_has_defaults():
    for kind, names in (("activation", ACTIVATIONS), ("loss", LOSSES), ("init", INITIALIZERS)):
        for name in names:
            options = {"activation": "relu", "loss": "mse"} | {kind: name}
            settings = Settings(
                "digits", (64, 5, 10), optimizer="sgd", learning_rate=0.1, epochs=1, batch_size=1, **options
            )
            build_network(settings, classification=True)
    assert len(OPTIMIZERS) == len(defaults.LEARNING_RATES)
    assert set(defaults._KNOWN) == set(KNOWN)


def test_columns_of_different_units_are_standardized_for_good(pellucid):
    """What is saved takes the columns as they are; resuming keeps the bits."""
    lines = ["height,weight,kind"]
    for row in range(80):
        kind = row % 2
        lines.append(f"{1e6 + row % 7 + 20 * kind},{1e-4 * (row % 5)},{'ab'[kind]}")
    Path("units.csv").write_text("\n".join(lines) + "\n")
    assert pellucid("train units.csv --epochs 20 --standardize --out a").code == 0
    net = Network.load("a/model.safetensors")
    assert abs(net.parameters["0.mean"][0] - 1e6) < 30 and 5 < net.parameters["0.deviation"][0] < 20
    assert "accuracy 100.00 %" in pellucid("evaluate a units.csv").out
    assert pellucid("train units.csv --epochs 10 --standardize --out b").code == 0
    assert pellucid("train --resume --out b --epochs 20").code == 0
    assert digest("a") == digest("b")
