"""Running unmodified scripts: what they find under which name, how they end, and every sentence for what cannot run."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pellucid.cli.app import run
from pellucid.compat.runner import run_script
from pellucid.compat.switch import NotProvided, is_faithful
from pellucid.errors import InputError, PellucidError

Script = Callable[[str], Path]


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """Writes a script in a folder of its own, which is not the one it runs in."""
    monkeypatch.setenv("PELLUCID_DATA", str(tmp_path / "nothing"))
    (tmp_path / "run").mkdir()
    monkeypatch.chdir(tmp_path / "run")

    def write(text: str, name: str = "script.py") -> Path:
        path = tmp_path / "scripts" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


TRAINING = """
import random
import numpy as np
import network
from network2 import CrossEntropyCost
import network2 as second

def main():
    random.seed(1); np.random.seed(1)
    data = [(np.random.rand(3, 1), np.array([[1.0], [0.0]])) for _ in range(20)]
    net = network.Network([3, 4, 2])
    net.SGD(zip([x for x, _ in data], [y for _, y in data]), 2, 5, 3.0, test_data=[(x, 0) for x, _ in data])
    second.Network([3, 2], cost=CrossEntropyCost).SGD(data, 1, 5, 0.5, monitor_training_accuracy=True)

if __name__ == "__main__":
    main()
"""


def test_a_script_finds_our_modules_before_the_files_beside_it(
    script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    path = script(TRAINING)
    script("raise SystemExit('theirs')", "network.py")
    assert run_script("nielsen", path) == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        "Epoch 0 : 20 / 20",
        "Epoch 1 : 20 / 20",
        "Epoch 0 training complete",
        "Accuracy on training data: 20 / 20",
    ]
    assert said.err == "network.py beside the script is not the original; Pellucid takes its own.\n"


IMAGES = """
import numpy as np
import network3
from network3 import Network, ConvPoolLayer, FullyConnectedLayer, SoftmaxLayer, ReLU

np.random.seed(0)
digits = np.arange(40) % 2
images = np.zeros((40, 36), dtype=np.float32)
images[np.arange(40), 7 + 14 * digits] = 1
data = (images, digits)
net = Network([
    ConvPoolLayer(image_shape=(10, 1, 6, 6), filter_shape=(3, 1, 3, 3), poolsize=(2, 2), activation_fn=ReLU),
    FullyConnectedLayer(n_in=3*2*2, n_out=8, activation_fn=ReLU),
    SoftmaxLayer(n_in=8, n_out=2)], 10)
net.SGD(data, 30, 10, 0.3, data, data, lmbda=0.01)
print(net.test_mb_predictions(0), net.layers[0].w.get_value().shape)
"""
VOTES = """
import theano
import theano.tensor as T
from theano import function, shared
i = T.lscalar()
x = shared(images)
predictions = theano.function([i], net.layers[-1].y_out,
    givens={net.x: x[i*net.mini_batch_size: (i+1)*net.mini_batch_size]})
print(np.concatenate([predictions(i) for i in range(4)]).tolist() == digits.tolist(), theano.config.floatX)
"""


def test_a_script_with_network3(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_script("nielsen", script(IMAGES)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Training mini-batch number 0" and lines[-4] == "Finished training network."
    assert lines[-3].startswith("Best validation accuracy of 100.00% obtained at iteration")
    assert lines[-1] == "[0 1 0 1 0 1 0 1 0 1] (3, 1, 3, 3)"
    assert run_script("nielsen", script(IMAGES + VOTES)) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "True float32"


def test_names_of_python_2(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_script("nielsen", script("print(reduce(lambda a, b: a + b, xrange(4)), raw_input.__name__)")) == 0
    assert capsys.readouterr().out == "6 input\n"


def test_everything_is_as_before_afterwards(script: Script) -> None:
    before = list(sys.path), list(sys.argv), list(sys.meta_path), sys.modules["__main__"], os.environ.get("MPLBACKEND")
    run_script("nielsen", script("import network, sys; sys.path.append('x')"), ["a"])
    assert before == (
        list(sys.path),
        list(sys.argv),
        list(sys.meta_path),
        sys.modules["__main__"],
        os.environ.get("MPLBACKEND"),
    )
    assert "network" not in sys.modules


def test_arguments_files_and_the_name_main(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    script("value = 42", "beside.py")
    path = script("import sys, beside\nprint(sys.argv[1:], beside.value, __name__, __file__ == sys.argv[0])")
    assert run_script("nielsen", path, ["-x", "--faithful"]) == 0
    assert capsys.readouterr().out == "['-x', '--faithful'] 42 __main__ True\n"


def test_what_lay_beside_one_script_is_not_the_next_ones(
    script: Script, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("one", "two"):
        for name in ("scripts/beside.py", "above/__init__.py", "above/below.py"):
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"value = {folder!r}", encoding="utf-8")
        main = tmp_path / folder / "scripts" / "main.py"
        main.write_text(
            f"import sys, wave, network, beside; sys.path.append({str(tmp_path / folder)!r})\n"
            "import above.below\nprint(beside.value, above.value, above.below.value)"
        )
        assert run_script("nielsen", main) == 0
        # What lies elsewhere, Python's own modules and Pellucid's, stays.
        assert {"wave", "pellucid.compat.nielsen.network"} <= set(sys.modules)
        assert not {"beside", "above", "above.below", "network"} & set(sys.modules)
    assert capsys.readouterr().out == "one one one\ntwo two two\n"


def test_faithful_holds_while_the_script_runs(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    path = script("from common import functions as f; from google.colab import drive; drive.mount(f.__name__)")
    both = script("import numpy as np\nprint(functions.d_sigmoid_with_loss(np.zeros((2, 1)), np.ones((2, 1))).ravel())")
    for faithful, wanted in ((True, "[1. 1.]"), (False, "[0.5 0.5]")):
        run_script("notebooks", both, (), faithful)
        assert capsys.readouterr().out.strip() == wanted
    assert run_script("notebooks", path) == 0
    assert not is_faithful()


@pytest.mark.parametrize(
    ("text", "code", "err"),
    [
        ("import sys; sys.exit()", 0, ""),
        ("import sys; sys.exit(3)", 3, ""),
        ("import sys; sys.exit('so')", 1, "so\n"),
        ("def f():\n    1 / 0\nf()", 1, "ZeroDivisionError"),
        ("open('nowhere')", 1, "FileNotFoundError"),
    ],
)
def test_how_scripts_end(script: Script, capsys: pytest.CaptureFixture[str], text: str, code: int, err: str) -> None:
    assert run_script("nielsen", script(text)) == code
    said = capsys.readouterr().err
    assert err in said and "runner.py" not in said


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("nielsen", "print 'Epoch'", "is not Python 3: line 1: a print statement; .* convert it with 2to3"),
        ("nielsen", "def (", "is not Python 3: line 1: .*; mend that line"),
        ("nielsen", "\0", "is not a Python script|is not Python 3"),
        ("nielsen", "import theano.tensor as T; T.exp(1)", "uses theano.tensor.exp, which Pellucid does not provide"),
        ("nielsen", "from theano import sandbox", "uses theano.sandbox, .* no longer made: use numpy"),
        (
            "nielsen",
            "from theano.tensor.nnet import sigmoid",
            r"'theano\.tensor\.nnet', which is not installed",
        ),
        ("nielsen", "import no_such_module_at_all", "'no_such_module_at_all', which is not installed; put it beside"),
        ("nielsen", "import gzip; gzip.open('../data/mnist.pkl.gz')", "fetch it from https://github.com/mnielsen"),
        ("nielsen", "import mnist_loader; mnist_loader.load_data()", "put mnist's four files there"),
        ("nielsen", "import network; network.Network([3, 2]).SGD([], 1, 1, 1.0)", "training_data is empty"),
        ("notebooks", "from common import optimizer", "'common.optimizer', which .* the kind 'book'"),
        ("notebooks", "import common.trainer", "'common.trainer', which .* the kind 'book'"),
        ("notebooks", "from common import nothing", "'common.nothing', which .* docs/compat.md"),
        ("notebooks", "from common import layers; layers.Affine(1, 2)", "common.layers.Affine of the second text"),
        ("nought", "", "no kind of script called 'nought'"),
    ],
)
def test_what_cannot_run_is_one_sentence_and_code_2(
    script: Script, capsys: pytest.CaptureFixture[str], kind: str, text: str, said: str
) -> None:
    path = script(text)
    with pytest.raises(PellucidError, match=said):
        run_script(kind, path)
    assert run(["compat", kind, str(path)]) == 2
    err = capsys.readouterr().err
    assert err.startswith("Error: ") and err.count("\n") == 1


def test_a_missing_module_can_be_caught_as_an_import_error(script: Script) -> None:
    assert run_script("nielsen", script("try:\n    import theano.sandbox\nexcept ImportError:\n    pass")) == 0
    assert issubclass(NotProvided, ImportError)


@pytest.mark.parametrize(("name", "said"), [("none.py", "cannot read the script"), (".", "is a folder")])
def test_no_such_script(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        run_script("nielsen", tmp_path / name)


def test_a_notebook_file_says_how_to_make_it_a_script(script: Script) -> None:
    with pytest.raises(InputError, match=r"jupyter nbconvert --to script notes\.ipynb"):
        run_script("notebooks", script('{"cells": []}', "notes.ipynb"))


def test_the_command_line(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    path = script("import sys; print(sys.argv[1:]); sys.exit(5)")
    assert run(["compat", "--faithful", "nielsen", str(path), "--faithful", "-h"]) == 5
    assert capsys.readouterr().out == "['--faithful', '-h']\n"


def test_figures_become_files_where_there_is_no_screen(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    import subprocess

    path = script("import matplotlib.pyplot as plt\nfor k in 1, 2:\n    plt.plot([k, 2])\n    plt.show()")
    Path("figure-1.png").write_text("taken")
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    code = f"import sys; from pellucid.compat.runner import run_script; sys.exit(run_script('nielsen', {str(path)!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "".join(f"There is no screen; the figure is in figure-{n}.png.\n" for n in (2, 3))
    assert Path("figure-3.png").read_bytes()[:4] == b"\x89PNG"
