"""A network in a file: it comes back bit for bit, or the file is refused in one sentence."""

import json
import os
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from cases import TABLE, named
from pellucid import Network, checkpoint
from pellucid.errors import CheckpointError, InputError
from pellucid.initializers import He
from pellucid.layers import Affine, Layer, Named
from pellucid.losses import Huber
from pellucid.optimizers import Adam
from pellucid.training import Checkpoint
from small import ENGINE, bits, network, samples

X, T = samples()


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A checkpoint of a run, with everything that one can hold."""
    path = tmp_path_factory.mktemp("saved") / "run.safetensors"
    network().fit(X, T, epochs=1, batch_size=20, optimizer=Adam(), callbacks=[Checkpoint(path)])
    return path.read_bytes()


def load_bytes(folder: Path, content: bytes) -> Network:
    path = folder / "damaged.safetensors"
    path.write_bytes(content)
    return Network.load(path, engine=ENGINE)


def assert_one_sentence(error: Exception) -> None:
    assert "\n" not in str(error)
    assert len(str(error)) < 700


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_network_comes_back_bit_for_bit(tmp_path: Path, dtype: str) -> None:
    net = network(dtype=dtype, seed=2**64 - 1)
    net.fit(X, T, epochs=1)
    net.save(tmp_path / "net.safetensors")
    again = Network.load(tmp_path / "net.safetensors", engine=ENGINE)
    assert bits(again) == bits(net)
    assert (again.layers, again.loss, again.seed, again.dtype) == (net.layers, net.loss, net.seed, net.dtype)
    assert (again.input_shape, again.output_shape) == (net.input_shape, net.output_shape)


@pytest.mark.parametrize("case", TABLE, ids=named)
def test_every_layer_and_loss_comes_back(tmp_path: Path, case: Any) -> None:
    net = Network(case.layers, loss=case.loss, input_shape=case.input_shape, engine="reference")
    net.save(tmp_path / "net.safetensors")
    again = Network.load(tmp_path / "net.safetensors", engine="reference")
    assert (again.layers, again.loss) == (net.layers, net.loss)
    assert bits(again) == bits(net)


def test_initializers_and_loss_settings_come_back(tmp_path: Path) -> None:
    net = Network([Affine(3, weights=He("uniform"))], loss=Huber(0.5), input_shape=(2,), engine=ENGINE)
    net.save(tmp_path / "net.safetensors")
    again = Network.load(tmp_path / "net.safetensors", engine=ENGINE)
    assert (again.layers, again.loss) == (net.layers, net.loss)


def test_a_network_without_a_loss_comes_back(tmp_path: Path) -> None:
    Network([Affine(3)], input_shape=2, engine="reference").save(tmp_path / "net.safetensors")
    assert Network.load(tmp_path / "net.safetensors", engine="reference").loss is None


def test_any_safetensors_reader_finds_the_parameters_as_they_are(tmp_path: Path) -> None:
    net = network()
    net.save(tmp_path / "net.safetensors")
    found = load_file(tmp_path / "net.safetensors")
    assert list(found) == sorted(net.parameters)
    for name, values in net.parameters.items():
        assert not values.flags.c_contiguous or values.ndim == 1, "this test wants a view with strides"
        np.testing.assert_array_equal(found[name], values)


@dataclass(frozen=True)
class Twice(Layer):
    factor: float = 2.0

    def forward(self, p: Named, x: Any, mode: Any) -> tuple[Any, Named]:
        return x * self.factor, Named()

    def backward(self, p: Named, saved: Named, dy: Any) -> tuple[Any, Named]:
        return dy * self.factor, Named()


def test_a_layer_of_your_own_must_be_named(tmp_path: Path) -> None:
    net = Network([Affine(3), Twice(3.0)], input_shape=2, engine="reference")
    net.save(tmp_path / "net.safetensors")
    with pytest.raises(CheckpointError, match=r"no 'Twice'.*custom=") as caught:
        Network.load(tmp_path / "net.safetensors")
    assert_one_sentence(caught.value)
    assert Network.load(tmp_path / "net.safetensors", engine="reference", custom=[Twice]).layers == net.layers


def test_a_field_that_json_cannot_hold_is_named_when_saving(tmp_path: Path) -> None:
    net = Network([Twice(np.ones(2))], input_shape=2, engine="reference")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="cannot be kept in a checkpoint"):
        net.save(tmp_path / "net.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_parameters_of_another_network_are_refused_before_any_is_changed(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    network().save(path)
    read = checkpoint.read(path).parameters
    others = [
        Network([Affine(8)], input_shape=6, engine="reference"),
        Network([Affine(9), *network().layers[1:]], input_shape=6, engine="reference"),
        network(dtype="float64"),
    ]
    for other in others:
        before = bits(other)
        with pytest.raises(CheckpointError) as caught:
            checkpoint.restore_parameters(other.parameters, read, path)
        assert_one_sentence(caught.value)
        assert bits(other) == before


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_parameters_that_are_not_finite_are_refused(tmp_path: Path, value: float) -> None:
    net = network()
    net.parameters["3.W"][2, 1] = value
    net.save(tmp_path / "net.safetensors")
    with pytest.raises(CheckpointError, match=r"NaN or infinity in '3\.W'"):
        Network.load(tmp_path / "net.safetensors")


def changed(saved: bytes, path: Path, **tables: str | None) -> Path:
    """The same file with other tables, and a checksum that fits them."""
    source = path.with_name("source")
    source.write_bytes(saved)
    with safe_open(source, framework="numpy") as file:
        content = dict(file.metadata())
    tensors = load_file(source)
    content |= {name: value for name, value in tables.items() if value is not None}
    for name, value in tables.items():
        if value is None:
            content.pop(name, None)
    if "checksum" not in tables:
        content.pop("checksum", None)
        content["checksum"] = checkpoint._checksum(content, tensors)
    save_file(tensors, path, content)
    return path


def test_a_newer_version_says_so(saved: bytes, tmp_path: Path) -> None:
    path = changed(saved, tmp_path / "new.safetensors", version="2", checksum="whatever it will be")
    with pytest.raises(CheckpointError, match="format version 2, this Pellucid reads up to 1; update Pellucid"):
        Network.load(path)


def test_another_programs_safetensors_are_named_as_such(tmp_path: Path) -> None:
    save_file({"a": np.ones(3)}, tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match="not one of Pellucid's"):
        Network.load(tmp_path / "other.safetensors")


@pytest.mark.parametrize(
    "tables",
    [
        {"version": ""},
        {"version": "²"},
        {"version": "-1"},
        {"version": "9" * 5000},
        {"checksum": None},
        {"checksum": "00000000"},
        {"network": None},
        {"network": "{"},
        {"network": "[]"},
        {"network": "null"},
        {"network": '{"layers": 3}'},
        {"network": "[" * 100000},
        {"network": '{"layers": [{"type": "Network"}]}'},
        {"network": '{"layers": [{"type": "Affine", "unit": 3}]}'},
        {"network": '{"layers": [{"type": "Affine", "units": {"a": 1}}], "loss": null, "input_shape": [2]}'},
        {"network": '{"layers": [], "loss": {"type": "Affine"}, "input_shape": 3, "seed": 0, "dtype": "float32"}'},
        {"network": '{"layers": [], "loss": null, "input_shape": [3], "seed": 0, "dtype": "object"}'},
        {"parameters": "3"},
        {"parameters": '["0.W"]'},
        {"parameters": '["9.W"]'},
        {"parameters": '[["0.W"]]'},
        {"training": "{"},
    ],
    ids=lambda tables: str(tables)[:50],
)
def test_tables_that_make_no_sense_are_refused(saved: bytes, tmp_path: Path, tables: dict[str, Any]) -> None:
    path = changed(saved, tmp_path / "odd.safetensors", **tables)
    with pytest.raises((CheckpointError, InputError)) as caught:
        Network.load(path, engine=ENGINE)
    assert_one_sentence(caught.value)


@given(share=st.floats(0, 1))
def test_a_truncated_file_is_refused(saved: bytes, tmp_path_factory: pytest.TempPathFactory, share: float) -> None:
    with pytest.raises(CheckpointError) as caught:
        load_bytes(tmp_path_factory.getbasetemp(), saved[: int(share * (len(saved) - 1))])
    assert_one_sentence(caught.value)


@given(more=st.binary(min_size=1, max_size=20))
def test_a_file_with_something_behind_it_is_refused(
    saved: bytes, tmp_path_factory: pytest.TempPathFactory, more: bytes
) -> None:
    with pytest.raises(CheckpointError):
        load_bytes(tmp_path_factory.getbasetemp(), saved + more)


@given(st.data())
def test_a_flipped_byte_is_noticed_in_every_region(
    saved: bytes, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    header = struct.unpack("<Q", saved[:8])[0]
    region = data.draw(st.sampled_from([(0, 8), (8, 8 + header), (8 + header, len(saved))]))
    place = data.draw(st.integers(region[0], region[1] - 1))
    flipped = bytearray(saved)
    flipped[place] ^= data.draw(st.integers(1, 255))
    original = load_bytes(tmp_path_factory.getbasetemp(), saved)
    try:
        found = load_bytes(tmp_path_factory.getbasetemp(), bytes(flipped))
    except CheckpointError as error:
        assert_one_sentence(error)
    else:  # White space between JSON's words is all that may differ.
        assert json.loads(saved[8 : 8 + header]) == json.loads(flipped[8 : 8 + header])
        assert bits(found) == bits(original)


@given(content=st.binary(max_size=200))
def test_any_bytes_are_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    with pytest.raises(CheckpointError):
        load_bytes(tmp_path_factory.getbasetemp(), content)


def with_header(header: Any, data: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


@pytest.mark.parametrize(
    "content",
    [
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 2**64 - 1),
        with_header({"0.W": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}),
        with_header({"0.W": {"dtype": "F32", "shape": [2**62, 2**62], "data_offsets": [0, 0]}}),
        with_header({"0.W": {"dtype": "F32", "shape": [0, 2**63], "data_offsets": [0, 0]}}),
        with_header({"0.W": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}, bytes(4)),
        with_header({"0.W": {"dtype": "F16", "shape": [2], "data_offsets": [0, 4]}}, bytes(4)),
        with_header({"__metadata__": {"format": "pellucid", "version": 1}}),
    ],
)
def test_a_header_that_claims_more_than_the_file_holds_allocates_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "claim.safetensors").write_bytes(content)
    code = (
        "import resource, sys\n"
        "from pellucid import checkpoint\n"
        "import safetensors.numpy\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 2**26, used + 2**26))\n"
        "try: checkpoint.read(sys.argv[1])\n"
        "except ValueError as error: print(type(error).__name__)\n"
    )
    if not Path("/proc/self/statm").exists():
        pytest.skip("measures memory by /proc")
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "claim.safetensors")], capture_output=True, text=True, check=False
    )
    assert done.stdout == "CheckpointError\n", done.stderr


def test_what_is_no_plain_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        Network.load(tmp_path / "nothing")
    with pytest.raises(CheckpointError, match="not a plain file"):
        Network.load(tmp_path)
    with pytest.raises(CheckpointError, match="cannot read"):
        Network.load(str(tmp_path) + "\0")
    (tmp_path / "plain").write_bytes(b"")
    with pytest.raises(CheckpointError, match="cannot read"):
        Network.load(tmp_path / "plain" / "below")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(CheckpointError, match="not a plain file"):
            Network.load(tmp_path / "pipe")


def test_a_network_that_cannot_be_written_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    network().save(path)
    before = path.read_bytes()
    code = (
        "import resource, sys\n"
        "from pellucid import Network\n"
        "net = Network.load(sys.argv[1], engine='reference')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "try: net.save(sys.argv[1])\n"
        "except ValueError as error: print(type(error).__name__)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    assert done.stdout == "InputError\n", done.stderr
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["net.safetensors"]
