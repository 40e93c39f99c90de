"""mnist_loader and the baselines on a small mnist.pkl.gz, and what is refused."""

import gzip
import pickle
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid.compat import faithful
from pellucid.compat.nielsen import cPickle, expand_mnist, mnist_average_darkness, mnist_loader, mnist_svm
from pellucid.compat.switch import NotProvided
from pellucid.datasets.nielsen_pickle import read_nielsen_pickle
from pellucid.errors import FormatError, InputError


def part(count: int) -> tuple[Any, Any]:
    draw = np.random.RandomState(count)
    return (draw.randint(0, 256, (count, 784)) / 256).astype(np.float32), draw.randint(0, 10, count)


def write(path: Path, content: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress(pickle.dumps(content, protocol=2)))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to run in, with a small mnist.pkl.gz, and no other way to MNIST."""
    monkeypatch.setenv("PELLUCID_DATA", str(tmp_path / "nothing"))
    run = tmp_path / "src"
    run.mkdir()
    monkeypatch.chdir(run)
    write(run / "mnist.pkl.gz", (part(60), part(10), part(11)))
    return run


def test_load_data(folder: Path) -> None:
    training, validation, test = mnist_loader.load_data()
    assert [x.shape for x, _ in (training, validation, test)] == [(60, 784), (10, 784), (11, 784)]
    np.testing.assert_array_equal(training[0], part(60)[0])


def test_load_data_wrapper(folder: Path) -> None:
    training, validation, test = mnist_loader.load_data_wrapper()
    x, y = training[0]
    assert (x.shape, x.dtype, y.shape) == ((784, 1), np.float32, (10, 1))
    assert int(np.argmax(y)) == part(60)[1][0]
    assert [y for _, y in validation] == part(10)[1].tolist() and len(test) == 11
    assert len(training[:5]) == 5 and len(list(training)) == len(list(training)) == 60


def test_the_lists_answer_to_next_as_zips_do(folder: Path) -> None:
    training, *_ = mnist_loader.load_data_wrapper()
    assert next(training)[0] is training[0][0] and next(training)[0] is training[1][0]


@pytest.mark.parametrize("place", ["../data/mnist.pkl.gz", "data/mnist.pkl.gz"])
def test_the_places_that_the_originals_have(folder: Path, place: str) -> None:
    (folder / "mnist.pkl.gz").unlink()
    write(folder / place, (part(6), part(1), part(2)))
    assert len(mnist_loader.load_data()[0][0]) == 6


def test_without_a_file_pixels_are_as_in_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "mnist.pkl.gz").unlink()

    class Small:
        train = validation = test = (np.array([[0, 128, 255]], np.uint8), np.array([4]))

    monkeypatch.setattr("pellucid.datasets.mnist", lambda dtype: Small)
    (x, y), *_ = mnist_loader.load_data()
    assert x.dtype == np.float32 and x.tolist() == [[0.0, 0.5, 255 / 256]] and y.tolist() == [4]


def test_without_any_data_the_sentence_says_how_to_get_them(folder: Path) -> None:
    (folder / "mnist.pkl.gz").unlink()
    with pytest.raises(InputError, match="put mnist's four files there, or unset PELLUCID_DATA"):
        mnist_loader.load_data()


class Evil:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("touched"),))


@pytest.mark.parametrize("content", [Evil(), (part(2), part(2), Evil()), {"a": 1}, (part(2), part(2))])
def test_a_pickle_of_anything_but_arrays_is_refused(folder: Path, content: Any) -> None:
    write(folder / "mnist.pkl.gz", content)
    with pytest.raises(FormatError):
        mnist_loader.load_data()
    with pytest.raises((FormatError, ValueError)), gzip.open("mnist.pkl.gz") as stream:
        _, _, _ = cPickle.load(stream)  # type: ignore[misc]
    assert not Path("touched").exists()


def test_arrays_that_are_no_images(folder: Path) -> None:
    x, y = part(3)
    write(folder / "mnist.pkl.gz", ((x, y[:2]), (x, y), (x, y)))
    with pytest.raises(FormatError, match="not images and digits"):
        mnist_loader.load_data()


def test_cpickle_as_the_scripts_use_it(folder: Path) -> None:
    with gzip.open("mnist.pkl.gz", "rb") as stream:
        training, _, _ = cPickle.load(stream)
    np.testing.assert_array_equal(training[0], part(60)[0])
    with open("out.pkl", "wb") as out:
        cPickle.dump((part(2), part(3), part(4)), out)
    assert len(read_nielsen_pickle(Path("out.pkl"))) == 3


def test_average_darkness(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = np.repeat(np.array([[0.1], [0.5], [0.9]], np.float32), 784, axis=1)
    averages = mnist_average_darkness.avg_darknesses((images[[0, 0, 1, 2]], np.array([1, 1, 8, 0])))
    assert list(averages) == [1, 8, 0]
    assert [mnist_average_darkness.guess_digit(image, averages) for image in images] == [1, 8, 0]
    mnist_average_darkness.main()
    assert capsys.readouterr().out.startswith("Baseline classifier using average darkness of image.\n")


def test_expand_mnist_moves_by_one_pixel(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    x, y = part(2)
    more, digits = expand_mnist.expanded(x, y)
    image = x[1].reshape(28, 28)
    for place, (axis, shift, edge) in enumerate([(0, 1, 0), (0, -1, 27), (1, 1, 0), (1, -1, 27)], start=1):
        wanted = np.roll(image, shift, axis)
        wanted[(edge, slice(None)) if axis == 0 else (slice(None), edge)] = 0
        np.testing.assert_array_equal(more[5 + place].reshape(28, 28), wanted)
    assert digits.tolist() == np.repeat(y, 5).tolist()

    random.seed(1)
    expand_mnist.main("expanded.pkl.gz")
    (kept, _), *_ = read_nielsen_pickle(Path("expanded.pkl.gz"))
    assert kept.shape == (300, 784)
    expand_mnist.main("expanded.pkl.gz")
    assert "already exists" in capsys.readouterr().out
    with pytest.raises(InputError, match="square images"):
        expand_mnist.expanded(x[:, :5], y)


def test_svm_baseline_by_scikit_learn(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    svm = pytest.importorskip("sklearn.svm")
    (x, y), _, (test_x, test_y) = mnist_loader.load_data()
    for classifier, mode in ((svm.SVC(), False), (svm.SVC(gamma="auto"), True)):
        with faithful(mode):
            mnist_svm.svm_baseline()
        right = (classifier.fit(x, y).predict(test_x) == test_y).sum()
        assert capsys.readouterr().out.splitlines() == [
            "Baseline classifier using an SVM.",
            f"{right} of {len(test_y)} values correct.",
        ]


def test_svm_baseline_without_scikit_learn(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(NotProvided, match=r"pip install 'pellucid\[sklearn\]'"):
        mnist_svm.svm_baseline()
