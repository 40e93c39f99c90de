"""`pellucid evaluate`, `predict`, `check` and `info`: what they say about a model."""

import csv
import gzip
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pellucid as package
from pellucid import Network
from pellucid.datasets import digits
from pellucid.layers import Tanh


def rows_of(path):
    with open(path, newline="") as stream:
        return list(csv.reader(stream))


@pytest.mark.parametrize("model", ["runs/small", "runs/small/model.safetensors"])
@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_evaluate_says_what_the_network_says(trained, model, part):
    said = trained(f"evaluate {model} digits --part {part}")
    x, t = getattr(digits(), part)
    measured = Network.load("runs/small/model.safetensors").evaluate(x, t)
    assert said.code == 0
    assert f"loss {measured['loss']:.4g}, accuracy {100 * measured['accuracy']:.2f} %" in said.out
    assert f"({round(len(x) * measured['accuracy']):,} of {len(x):,} right)" in said.out


def test_evaluate_values_has_no_accuracy(pellucid):
    pellucid("train plane --epochs 1 --out a")
    assert re.fullmatch(r"plane, test part, 200 rows\nloss [\d.e-]+\n", pellucid("evaluate a plane").out)


def test_predict_prints_class_and_probability(trained):
    said = trained("predict runs/small digits")
    lines = said.out.splitlines()
    assert len(lines) == 22 and "280 rows more" in lines[-1]
    network = Network.load("runs/small/model.safetensors")
    x = digits().test[0][:20]
    for line, number, p in zip(lines[1:-1], network.classify(x), network.probabilities(x), strict=True):
        assert line.split()[1:] == [str(number), f"{p.max():.4f}"]


def test_predict_writes_every_row_as_csv(trained):
    assert trained("predict runs/small digits --out out.csv").out == "300 rows written to out.csv\n"
    head, *rows = rows_of("out.csv")
    assert head[:3] == ["row", "class", "probability of 0"] and len(rows) == 300
    written = np.array([[float(cell) for cell in row[2:]] for row in rows])
    network = Network.load("runs/small/model.safetensors")
    assert np.allclose(written, network.probabilities(digits().test[0]), atol=1e-7)
    assert [int(row[1]) for row in rows] == list(network.classify(digits().test[0]))


def test_predict_values(pellucid):
    pellucid("train plane --out a")
    Path("points.csv").write_text("x0,x1\n1,0\n0,1\n")
    rows = pellucid("predict a points.csv").out.splitlines()[1:]
    assert [float(row.split()[1]) for row in rows] == pytest.approx([3, 2], abs=0.05)
    pellucid("predict a points.csv --out out.csv")
    assert rows_of("out.csv")[0] == ["row", "value 0"]


def test_predict_one_output_for_two_classes(pellucid):
    pellucid("train xor --layers 2-8-1 --loss sigmoid-cross-entropy --out a")
    lines = pellucid("predict a xor").out.splitlines()[1:]
    assert [line.split()[1] for line in lines] == ["0", "1", "1", "0"]
    assert all(float(line.split()[2]) > 0.5 for line in lines)
    pellucid("predict a xor --out out.csv")
    assert rows_of("out.csv")[0] == ["row", "class", "probability of 1"]


def pixel_files(x):
    """The same images as a CSV file with and without targets, NPZ and IDX."""
    pixels = np.round(x * 255).astype(np.uint8)
    names = [f"p{k}" for k in range(64)]
    scaled = pixels.astype(np.float32) / 255
    rows = [",".join(map(repr, map(float, row))) for row in scaled]
    Path("x.csv").write_text("\n".join([",".join(names), *rows]))
    Path("xt.csv").write_text("\n".join([",".join([*names, "digit"]), *(f"{row},0" for row in rows)]))
    np.savez("x.npz", x=pixels)
    header = struct.pack(">HBB3I", 0, 8, 3, len(x), 8, 8)
    with gzip.open("x-idx3-ubyte.gz", "wb") as stream:
        stream.write(header + pixels.tobytes())
    return scaled


def test_a_class_s_name_cannot_command_the_terminal(pellucid):
    rows = [f"{k},{'a' if k % 2 else chr(27) + '[2J'}" for k in range(20)]
    Path("odd.csv").write_text("\n".join(["x,kind", *rows]))
    assert pellucid("train odd.csv --epochs 1 --out a").code == 0
    said = pellucid("predict a odd.csv")
    assert said.code == 0 and chr(27) not in said.out


@pytest.mark.parametrize("name", ["x.csv", "xt.csv", "x.npz", "x-idx3-ubyte.gz"])
def test_predict_reads_every_kind_of_file(trained, name):
    scaled = pixel_files(digits().test[0][:30])
    assert trained(f"predict runs/small {name} --out out.csv").code == 0
    classes = [int(row[1]) for row in rows_of("out.csv")[1:]]
    assert classes == list(Network.load("runs/small/model.safetensors").classify(scaled))


def test_predict_refuses_columns_in_another_order(pellucid):
    text = ["a,b,kind", *(f"{k},{-k},{'yes' if k > 20 else 'no'}" for k in range(40))]
    Path("train.csv").write_text("\n".join(text))
    pellucid("train train.csv --epochs 1 --out a")
    Path("other.csv").write_text("b,a,kind\n1,2,yes\n3,4,no\n")
    said = pellucid("predict a other.csv")
    assert said.code == 2 and "same columns in the same order" in said.err
    Path("same.csv").write_text("a,b\n1,2\n3,4\n")
    assert pellucid("predict a same.csv").code == 0


@pytest.mark.parametrize(
    "options",
    [
        "--layers 64-16-10 --activation tanh",
        "--layers 4-6-3 --activation relu --loss mse --dropout 0.3 --init xavier",
        "--layers 3-5-1 --loss sigmoid-cross-entropy",
        "--data digits --rows 3",
        "--data plane",
        "runs/small",
        "runs/small --data digits",
    ],
)
def test_check_agrees_and_ends_with_0(trained, options):
    said = trained(f"check {options}")
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[-1].startswith("OK: all ")


def test_check_takes_a_run_s_configuration(trained):
    assert "0.W" in trained("check --config runs/small/config.toml").out
    Path("my.toml").write_text('layers = "4-3-2"\nepoch_lines = true\nquiet = true\nout = "a"\n')
    assert trained("check --config my.toml").code == 0


def test_check_ends_with_1_where_a_gradient_is_wrong(pellucid, monkeypatch):
    monkeypatch.setattr(Tanh, "derivative", lambda self, u, y: 1.001 - y * y)
    said = pellucid("check --layers 4-6-3 --activation tanh")
    assert said.code == 1 and "WRONG" in said.out and "Tanh" in said.out.splitlines()[-1]
    assert pellucid("check --layers 4-6-3 --activation relu").code == 0


def test_info_and_version(pellucid):
    assert pellucid("info").out == f"{package.info()}\n"
    assert pellucid("--version").out.strip().endswith(package.__version__)


def test_help_fits_80_columns(pellucid):
    for command in ("", "train ", "evaluate ", "predict ", "check ", "info "):
        said = pellucid(f"{command}--help")
        assert said.code == 0 and max(map(len, said.out.splitlines())) <= 80
    assert pellucid(*[]) == pellucid("--help") == pellucid("-h")
    assert "..." not in pellucid("--help").out.split("Commands:")[1]


def test_help_imports_nothing_heavy():
    heavy = ["numpy", "safetensors", "tqdm", "pooch", "matplotlib"]
    program = (
        f"import sys, pellucid.cli.app as app; app.run(['--help']); sys.exit(any(m in sys.modules for m in {heavy}))"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True).returncode == 0
