"""Whatever is wrong with a command line: exit code 2 and one sentence on stderr, never a traceback."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from pellucid.errors import InputError


class Said(NamedTuple):
    """How a process ended."""

    code: int
    out: str
    err: str


def one_sentence(said, *words):
    """Fails unless the command ended with exit code 2 and one line on stderr that holds the words."""
    assert said.code == 2, said
    assert "Traceback" not in said.err
    assert said.err.startswith("Error: ") and said.err.endswith("\n") and said.err.count("\n") == 1
    for word in words:
        assert word in said.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("train", "needs DATA"),
        ("trian digits", "Did you mean 'train'"),
        ("train diigts", "did you mean 'digits'?"),
        ("train nothing.csv", "no file 'nothing.csv'"),
        ("train digits moons", "moons"),
        ("train digits --layres 64-10", "--layers"),
        ("train digits --layers 63-10", "begin with 64"),
        ("train digits --layers 64-30-9", "end with 10"),
        ("train digits --layers 64-30-1 --loss sigmoid-cross-entropy", "end with 10"),
        ("train digits --layers 64", "784-30-10"),
        ("train digits --layers 64--10", "784-30-10"),
        ("train digits --layers 64-0-10", "784-30-10"),
        ("train digits --layers 64-x-10", "784-30-10"),
        ("train digits --layers 64-9999999-10", "784-30-10"),
        ("train digits --activation sigmoind", "did you mean 'sigmoid'?"),
        ("train digits --loss crossentropy", "did you mean 'cross-entropy'?"),
        ("train digits --optimizer adan", "did you mean 'adam'?"),
        ("train digits --init hee", "did you mean 'he'?"),
        ("train digits --engine nativ", "did you mean 'native'?"),
        ("train digits --dtype float16", "did you mean 'float64'?"),
        ("train digits --learning-rate 0", "learning_rate"),
        ("train digits --learning-rate nan", "learning_rate"),
        ("train digits --learning-rate -1", "learning_rate"),
        ("train digits --learning-rate inf", "learning_rate"),
        ("train digits --learning-rate fast", "not a valid float"),
        ("train digits --epochs 0", "epochs"),
        ("train digits --epochs 1.5", "not a valid integer"),
        ("train digits --batch-size 0", "batch_size"),
        ("train digits --batch-size -3", "batch_size"),
        ("train digits --seed -1", "seed"),
        ("train digits --seed 99999999999999999999999", "seed"),
        ("train digits --threads 0", "threads"),
        ("train digits --weight-decay -1", "weight_decay"),
        ("train digits --dropout 1", "dropout"),
        ("train digits --validation-fraction 1", "validation_fraction"),
        ("train digits --validation-fraction 0.0001", "validation"),
        ("train digits --patience 0", "patience"),
        ("train digits --patience 3 --validation-fraction 0", "patience"),
        ("train digits --target 3", "target"),
        ("train plane --loss cross-entropy", "use mse, mae or huber"),
        ("train plane --epoch-lines", "--epoch-lines"),
        ("train digits --config nothing.toml", "no file 'nothing.toml'"),
        ("train --resume", "to resume"),
        ("train digits --resume --out nothing", "to resume"),
        ("evaluate", "MODEL"),
        ("evaluate nothing.safetensors digits", "no model"),
        ("evaluate . digits", "no model"),
        ("predict nothing digits", "no model"),
        ("check", "--layers"),
        ("check --layers 64-10 --rows 0", "rows"),
        ("check --layers 64-10 --data moons", "begin with 2"),
        ("check --layers 64-10 --activation rleu", "did you mean 'relu'?"),
        ("--nonsense", "--nonsense"),
    ],
)
def test_bad_options(pellucid, options, words):
    one_sentence(pellucid(options), words)
    assert not list(Path("runs").glob(".*"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("epoch = 3", "did you mean 'epochs'?"),
        ("epochs = 3.5", "epochs must be a whole number"),
        ("epochs = true", "epochs must be a whole number"),
        ('epochs = "3"', "epochs must be a whole number"),
        ("learning_rate = '3'", "learning_rate must be a finite number"),
        ("learning_rate = nan", "learning_rate must be a finite number"),
        ("activation = 3", "activation must be a name"),
        ("layers = [64, 3.5, 10]", "layers"),
        ("layers = [64, true, 10]", "layers"),
        ("layers = 64", "layers"),
        ("layers = {a = 1}", "layers"),
        ("data = 3", "data"),
        ("target = 1.5", "target"),
        ("quiet = 1", "quiet must be true or false"),
        ("epochs = 0x" + "f" * 9999, "epochs must be a whole number"),
        ("epochs = " + "9" * 9999, "is not TOML"),
        ("learning_rate = 1" + "0" * 400, "learning_rate must be a finite number"),
        ("optimizer = '" + "a" * 9999 + "'", "aaa...; known names: "),
        ("b" * 9999 + " = 1", "bbb...; known names: "),
        ("layers = " + "[" * 9999, "is not TOML"),
        ("[training]\nepochs = 3", "no setting 'training'"),
        ("epochs = ", "is not TOML"),
        ("epochs = 1\nepochs = 2", "is not TOML"),
        ("\x00", "is not TOML"),
    ],
)
def test_bad_toml(pellucid, text, words):
    Path("my.toml").write_text(text)
    one_sentence(pellucid("train digits --config my.toml"), words, "my.toml")


def test_toml_that_is_no_text_or_too_large(pellucid):
    Path("my.toml").write_bytes(b"\xff\xfe\x00")
    one_sentence(pellucid("train digits --config my.toml"), "UTF-8")
    Path("my.toml").write_bytes(b"#" * 1_000_001)
    one_sentence(pellucid("train digits --config my.toml"), "larger")
    one_sentence(pellucid("train digits --config ."), "no file")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        ("a,b\n1,nan\n2,1\n", "nan"),
        ("a,b\n1,2,3\n", "cells"),
        ("a,b\n\xff", ""),
    ],
)
def test_bad_data_files(pellucid, content, words):
    Path("bad.csv").write_text(content, encoding="latin-1")
    one_sentence(pellucid("train bad.csv"), words, "bad.csv")
    assert not Path("runs").exists()


def test_data_with_pickled_objects(pellucid):
    np.savez("bad.npz", x=np.array([{"a": 1}] * 4, dtype=object), t=np.zeros(4))
    one_sentence(pellucid("train bad.npz"), "object")


def test_a_model_on_other_data(trained):
    one_sentence(trained("evaluate runs/small moons"), "64 features", "moons has 2")
    one_sentence(trained("predict runs/small moons"), "64 features")
    one_sentence(trained("evaluate runs/small digits --part tset"), "did you mean 'test'?")
    one_sentence(trained("check runs/small --activation relu"), "leave out activation")
    one_sentence(trained("train --resume --out runs/small --seed 4"), "seed was 0")


@pytest.mark.parametrize("place", [0, 8, 60, -1])
def test_a_damaged_model(trained, place):
    path = Path("runs/small/model.safetensors")
    content = bytearray(path.read_bytes())
    content[place] ^= 0x41
    path.write_bytes(content)
    one_sentence(trained("evaluate runs/small digits"), "model.safetensors")
    path.write_bytes(content[:100])
    one_sentence(trained("predict runs/small digits"), "model.safetensors")


def test_a_damaged_run_folder(trained):
    checkpoint = Path("runs/small/checkpoint.safetensors")
    checkpoint.write_bytes(checkpoint.read_bytes()[:-5])
    one_sentence(trained("train --resume --out runs/small --epochs 3"), "checkpoint.safetensors")
    config = Path("runs/small/config.toml")
    config.write_text("epochs = 3\n")
    one_sentence(trained("train --resume --out runs/small"), "config.toml")


def test_a_damaged_description_is_done_without(trained):
    for content in (b"", b"[", b"[]", b'{"class_names": 3, "feature_names": null}', b"\xff", b"[" * 100_000):
        Path("runs/small/data.json").write_bytes(content)
        assert trained("predict runs/small digits").code == 0


def test_numbers_that_run_away(pellucid):
    said = pellucid("train plane --optimizer sgd --learning-rate 1e30 --epochs 3")
    one_sentence(said, "learning_rate", "kept in runs/plane-001")
    assert pellucid("evaluate runs/plane-001 plane").code == 0


def test_a_folder_that_is_a_file(pellucid):
    Path("runs").write_text("")
    one_sentence(pellucid("train xor --epochs 1"), "runs")
    one_sentence(pellucid("train xor --epochs 1 --out runs"), "there already")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission(pellucid):
    Path("locked").mkdir(mode=0o500)
    one_sentence(pellucid("train xor --epochs 1 --out locked/a"), "locked/a")


@pytest.mark.parametrize(
    ("number", "words"), [(errno.ENOSPC, "make room"), (errno.EACCES, "permissions"), (errno.EIO, "check the path")]
)
def test_errors_of_the_system(pellucid, monkeypatch, number, words):
    def fails(*_):
        raise OSError(number, os.strerror(number), "runs")

    monkeypatch.setattr("pellucid.cli.run_folder.make_folder", fails)
    one_sentence(pellucid("train xor --epochs 1"), words, "'runs'")


def test_a_disk_that_fills_up_while_training(pellucid, monkeypatch):
    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    pellucid("train xor --epochs 1 --out a --quiet")
    kept = Path("a/checkpoint.safetensors").read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    one_sentence(pellucid("train --resume --out a --epochs 2"), "No space left")
    assert Path("a/checkpoint.safetensors").read_bytes() == kept
    assert not list(Path("a").glob(".*"))


def test_too_little_memory(pellucid, monkeypatch):
    def fails(*_, **__):
        raise MemoryError

    monkeypatch.setattr("pellucid.cli.runs.build_network", fails)
    one_sentence(pellucid("train xor"), "memory")


def test_a_sentence_stays_on_one_line(pellucid, monkeypatch):
    def fails(*_, **__):
        raise InputError("the column 'a\nb' \x1b[2J is odd.")

    monkeypatch.setattr("pellucid.cli.runs.by_name", fails)
    one_sentence(pellucid("train xor"), "'a b' ?[2J is odd.")


def started(folder, command, stdout=subprocess.PIPE):
    """A command line in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "pellucid", *command.split()],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_real_process_says_one_sentence(tmp_path):
    process = started(tmp_path, "train digits --batch-size 0")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert err == "Error: batch_size must be a whole number of 1 or more, got 0.\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("command", ["info", "train xor --epochs 2"])
def test_output_that_cannot_be_written(tmp_path, command):
    with open("/dev/full", "w") as full:
        process = started(tmp_path, command, full)
        _, err = process.communicate(timeout=60)
    one_sentence(Said(process.returncode, "", err), "cannot write: No space left on device")


def test_ctrl_c_says_what_is_kept_and_how_to_go_on(tmp_path):
    process = started(tmp_path, "train moons --epochs 100000 --epoch-lines --out a")
    assert process.stdout is not None
    while not process.stdout.readline().startswith("Epoch 3 "):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "kept in a" in err and "pellucid train --resume --out a" in err and "Traceback" not in err
    done = len((tmp_path / "a" / "metrics.jsonl").read_text().splitlines())
    again = started(tmp_path, f"train --resume --out a --epochs {done + 3}")
    _, err = again.communicate(timeout=60)
    assert (again.returncode, err) == (0, "")
    assert len((tmp_path / "a" / "metrics.jsonl").read_text().splitlines()) == done + 3


def test_a_closed_pipe_is_quiet(tmp_path):
    process = started(tmp_path, "train --help")
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(timeout=60) == 1
    process.stderr.close()
    process = started(tmp_path, "train xor --epochs 100000 --epoch-lines --out a")
    assert process.stdout is not None and process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    began = time.monotonic()
    assert process.stderr.read() == "" and time.monotonic() - began < 60
    assert process.wait(timeout=60) == 1
    process.stderr.close()
