"""Short scripts of our own that use the book's names in the book's ways, run as `pellucid compat book` runs them."""

import gzip
import importlib
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from pellucid.compat.book import recognise
from pellucid.compat.runner import run_script
from pellucid.errors import InputError


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small MNIST: 600 and 100 images, black but for rows whose place tells the digit."""
    folder = tmp_path / "data" / "mnist"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for part, count in (("train", 600), ("t10k", 100)):
        digits = rng.integers(0, 10, count).astype(np.uint8)
        pixels = rng.integers(0, 60, (count, 28, 28)).astype(np.uint8)
        for image, digit in zip(pixels, digits, strict=True):
            image[2 * digit + 4, 4:24] = 255
        for name, array in (("images-idx3", pixels), ("labels-idx1", digits)):
            header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
            (folder / f"{part}-{name}-ubyte.gz").write_bytes(gzip.compress(header + array.tobytes()))
    monkeypatch.setenv("PELLUCID_DATA", str(tmp_path / "data"))


def run(folder: Path, source: str, faithful: bool = False) -> int:
    sys.modules.pop("two_layer_net", None)
    importlib.invalidate_caches()
    script = folder / "script.py"
    script.write_text(source, encoding="utf-8")
    return run_script("book", script, [], faithful)


@pytest.mark.usefixtures("images")
def test_load_mnist_in_every_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = """
import sys, os
sys.path.append(os.pardir)
from dataset.mnist import load_mnist, img_size
(a, t), (b, u) = load_mnist()
print(a.shape, a.dtype, float(a.max()), t.shape, t.dtype, b.shape, img_size)
(a, t), (b, u) = load_mnist(normalize=False, flatten=False, one_hot_label=True)
print(a.shape, a.dtype, a.max(), t.shape, t.dtype, u.sum(axis=1).min())
"""
    assert run(tmp_path, source) == 0
    assert capsys.readouterr().out.splitlines() == [
        "(600, 784) float32 1.0 (600,) uint8 (100, 784) 784",
        "(600, 1, 28, 28) uint8 255 (600, 10) float64 1.0",
    ]


LOOP = """
import numpy as np
from dataset.mnist import load_mnist
from common.multi_layer_net import MultiLayerNet
from common.optimizer import *

np.random.seed(0)
(x, t), (x_test, t_test) = load_mnist(one_hot_label=True)
network = MultiLayerNet(784, [30], 10)
for i in range(40):
    rows = np.random.choice(len(x), 50)
    grad = network.gradient(x[rows], t[rows])
    for key in ("W1", "b1", "W2", "b2"):
        network.params[key] -= 0.1 * grad[key]
print(network.accuracy(x_test, t_test), network.loss(x, t))
"""


@pytest.mark.usefixtures("images")
def test_a_loop_by_hand_gives_the_same_numbers_faithful_or_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, LOOP) == 0
    assert run(tmp_path, LOOP, faithful=True) == 0
    ours, theirs = ([float(number) for number in line.split()] for line in capsys.readouterr().out.splitlines())
    assert ours[0] == theirs[0] > 0.9
    assert ours[1] == pytest.approx(theirs[1], rel=1e-5) and ours[1] != theirs[1]


@pytest.mark.usefixtures("images")
def test_a_trainer_with_dropout_and_batch_normalisation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = """
from dataset.mnist import load_mnist
from common.multi_layer_net_extend import MultiLayerNetExtend
from common.trainer import Trainer
from common.util import smooth_curve, shuffle_dataset
(x, t), (x_test, t_test) = load_mnist()
x, t = shuffle_dataset(x, t)
net = MultiLayerNetExtend(784, [30, 30], 10, use_dropout=True, dropout_ration=0.1, use_batchnorm=True)
trainer = Trainer(net, x, t, x_test, t_test, epochs=12, mini_batch_size=50, optimizer="adam",
                  optimizer_param={"lr": 0.01}, evaluate_sample_num_per_epoch=100)
trainer.train()
print(len(smooth_curve(trainer.train_loss_list)), len(trainer.test_acc_list))
"""
    assert run(tmp_path, source) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("train loss:") and lines[1].startswith("=== epoch:1, train acc:")
    assert lines[-1] == "144 12" and float(lines[-2].removeprefix("test acc:")) > 0.8


CHAPTER_7 = """
import sys, os
sys.path.append(os.pardir)
import numpy as np
from dataset.mnist import load_mnist
from simple_convnet import SimpleConvNet
from common.layers import Convolution
from common.trainer import Trainer

np.random.seed(0)
(x, t), (x_test, t_test) = load_mnist(flatten=False)
network = SimpleConvNet(input_dim=(1,28,28),
                        conv_param={'filter_num': 4, 'filter_size': 5, 'pad': 0, 'stride': 1},
                        hidden_size=20, output_size=10, weight_init_std=0.01)
trainer = Trainer(network, x, t, x_test, t_test, epochs=4, mini_batch_size=50,
                  optimizer='Adam', optimizer_param={'lr': 0.01}, evaluate_sample_num_per_epoch=50, verbose=False)
trainer.train()
network.save_params("params.pkl")
again = SimpleConvNet(conv_param={'filter_num': 4, 'filter_size': 5, 'pad': 0, 'stride': 1}, hidden_size=20)
again.load_params("params.pkl")
print(again.accuracy(x_test, t_test), len(trainer.train_acc_list))
w = network.params['W1'][0]
print(Convolution(w.reshape(1, *w.shape), 0).forward(x[:1]).shape)
"""

CHAPTER_8 = """
import numpy as np
from deep_convnet import DeepConvNet
from dataset.mnist import load_mnist
(_, _), (x_test, t_test) = load_mnist(flatten=False)
network = DeepConvNet()
network.save_params("deep_convnet_params.pkl")
network = DeepConvNet()
network.load_params("deep_convnet_params.pkl")
exact = network.accuracy(x_test, t_test)
y = network.predict(x_test[:10], train_flg=False)
x_test = x_test.astype(np.float16)
for param in network.params.values():
    param[...] = param.astype(np.float16)
print(abs(network.accuracy(x_test, t_test) - exact) < 0.03, y.shape)
network.gradient(x_test[:3], t_test[:3])
"""


@pytest.mark.usefixtures("images")
def test_chapters_7_and_8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(tmp_path, CHAPTER_7) == 0 and run(tmp_path, CHAPTER_8) == 0
    accuracy, epochs, *shape, right, _, _ = capsys.readouterr().out.split()
    assert float(accuracy) > 0.8 and epochs == "4" and shape[-1] == "24)" and right == "True"


def test_a_convnet_of_the_scripts_own_runs_as_it_stands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    uses = "from simple_convnet import SimpleConvNet\nprint(SimpleConvNet.__module__)\n"
    assert run(tmp_path, uses) == 0
    (tmp_path / "simple_convnet.py").write_text("class SimpleConvNet: pass", encoding="utf-8")
    assert run(tmp_path, uses) == 0
    assert capsys.readouterr().out.split() == ["pellucid.compat.book.ch07.simple_convnet", "simple_convnet"]


def test_stars_bring_numpy_and_the_functions_as_in_the_book(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = """
from common.layers import *
layer = Affine(np.eye(2), np.zeros(2))
print(softmax(layer.forward(np.array([[0.0, 0.0]]))), Relu, im2col.__name__)
from common.optimizer import *
from common.functions import *
from common.gradient import numerical_gradient
print(numerical_gradient(lambda x: sum_squared_error(x, np.zeros(2)), np.array([3.0, 4.0])).round(6))
"""
    assert run(tmp_path, source) == 0
    out = capsys.readouterr().out
    assert out.startswith("[[0.5 0.5]]") and out.endswith("[3. 4.]\n")


OWN = """
class TwoLayerNet:
    # {comment}
    def __init__(self, input_size, hidden_size, output_size):
        self.name = 'their own'
"""
USES_OWN = "from two_layer_net import TwoLayerNet\nprint(TwoLayerNet(4, 3, 2).__dict__.get('name', 'ours'))\n"


def test_a_network_of_the_scripts_own_runs_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "two_layer_net.py").write_text(OWN.format(comment="one"), encoding="utf-8")
    assert run(tmp_path, USES_OWN) == 0
    # The same file known as the book's, whatever its comments say.
    monkeypatch.setitem(recognise._KNOWN, recognise.digest(OWN.format(comment="two").encode()), "ch05")
    assert run(tmp_path, USES_OWN) == 0
    changed = OWN.format(comment="one").replace("their own", "another of their own")
    (tmp_path / "two_layer_net.py").write_text(changed, encoding="utf-8")
    assert run(tmp_path, USES_OWN) == 0
    assert capsys.readouterr().out.split("\n") == ["their own", "ours", "another of their own", ""]


@pytest.mark.parametrize("source", [b"def (", b"\xff\xfe", b"'''open"])
def test_what_is_not_python_is_not_the_books(tmp_path: Path, source: bytes) -> None:
    (tmp_path / "two_layer_net.py").write_bytes(source)
    assert "two_layer_net" not in recognise.beside(tmp_path / "script.py")


def test_a_module_of_the_books_that_there_is_not(tmp_path: Path) -> None:
    with pytest.raises(ImportError, match=r"'common\.colour'"):
        run(tmp_path, "import common.colour\n")


def test_mnist_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PELLUCID_DATA", str(tmp_path))
    with pytest.raises(InputError, match="put mnist's four files there"):
        run(tmp_path, "from dataset.mnist import load_mnist\nload_mnist()\n")
