"""Training on images that change from epoch to epoch: on just those images, resumed or cut into parts or not."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid import Network
from pellucid.datasets import Augment
from pellucid.errors import CheckpointError, InputError, NotFiniteError
from pellucid.layers import Affine, Flatten, Sigmoid
from pellucid.losses import SoftmaxCrossEntropy
from pellucid.optimizers import SGD, Adam
from pellucid.training import Callback, Checkpoint, Run, run
from small import ENGINE, bits, untimed

AUGMENT = Augment(shift=1, rotate=10, elastic=1, flip=True)
X = np.random.default_rng(0).random((50, 1, 6, 6)).astype(np.float32)
T = np.arange(50) % 3


class Stop(Callback):
    def __init__(self, at_step: int) -> None:
        self.at_step = at_step

    def on_batch_end(self, run: Run, batch: int, logs: Any) -> None:
        if run.step == self.at_step:
            run.stop("the test")


def network(**options: Any) -> Network:
    arguments: dict[str, Any] = {"loss": SoftmaxCrossEntropy(), "input_shape": (1, 6, 6), "seed": 4, "engine": ENGINE}
    return Network([Flatten(), Affine(8), Sigmoid(), Affine(3)], **arguments | options)


def fit(net: Network, **options: Any) -> Any:
    arguments = {"epochs": 3, "batch_size": 12, "optimizer": Adam(), "augment": AUGMENT, "verbose": 0}
    return net.fit(X, T, **arguments | options)


@pytest.mark.parametrize("engine", ["auto", "reference"])
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
@pytest.mark.parametrize("shuffle", [True, False])
def test_every_epoch_trains_on_its_own_images(engine: str, dtype: str, shuffle: bool) -> None:
    x = (255 * X).astype(dtype)
    trained, by_hand = network(engine=engine), network(engine=engine)
    weight = 1.0 + T
    options: dict[str, Any] = {"batch_size": 12, "optimizer": SGD(1e-4), "sample_weight": weight, "shuffle": shuffle}
    trained.fit(x, T, epochs=3, augment=AUGMENT, verbose=0, **options)
    for epoch in range(3):
        changed = AUGMENT(x, seed=4, epoch=epoch, samples=np.arange(50))
        assert (changed != x).any()
        by_hand.fit(changed, T, epochs=epoch + 1, initial_epoch=epoch, verbose=0, **options)
    assert bits(trained) == bits(by_hand)


@pytest.mark.parametrize("step", [1, 5, 7, 14])
def test_a_resumed_run_sees_the_same_images(tmp_path: Path, step: int) -> None:
    path = tmp_path / "run.safetensors"
    whole, first, second = network(), network(), network()
    together = fit(whole)
    fit(first, callbacks=[Stop(step), Checkpoint(path, every_epochs=100)])
    assert bits(first) != bits(whole)
    resumed = fit(second, resume=path)
    assert bits(second) == bits(whole)
    assert untimed(resumed) == untimed(together)


def test_the_bits_do_not_depend_on_how_many_images_are_changed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, parts = network(), network()
    fit(whole)
    monkeypatch.setattr(run, "BYTES_AT_ONCE", 1)
    fit(parts)
    assert bits(parts) == bits(whole)


def test_rows_are_images_where_their_shape_is_given() -> None:
    rows, images = network(input_shape=36), network()
    images.parameters.flat[:] = rows.parameters.flat
    fit(images)
    augment = Augment(shift=1, rotate=10, elastic=1, flip=True, image_shape=(1, 6, 6))
    rows.fit(X.reshape(50, 36), T, epochs=3, batch_size=12, optimizer=Adam(), augment=augment, verbose=0)
    assert bits(rows) == bits(images)


def test_a_run_with_other_changes_is_not_resumed(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    fit(network(), callbacks=[Stop(7), Checkpoint(path, every_epochs=100)])
    for other in (None, Augment(shift=2)):
        with pytest.raises(CheckpointError, match="of a run with another augment"):
            fit(network(), augment=other, resume=path)


def test_nan_is_found_in_the_images_that_were_trained_on() -> None:
    net = network()
    with pytest.raises(NotFiniteError, match="epoch 0, batch"):
        fit(net, optimizer=SGD(1e38))
    assert np.isfinite(net.parameters.flat).all()


def test_the_validation_part_stays_as_it_is() -> None:
    net = network()
    history = fit(net, validation_data=(X, T))
    assert history["validation_loss"][-1] == net.evaluate(X, T)["loss"]


@pytest.mark.parametrize(
    ("x", "augment", "message"),
    [
        (X, "shift", "augment is 'shift', not an Augment; make one"),
        (X.reshape(50, 36), Augment(shift=1), r"augment cannot change x: images has the shape \(1, 36\)"),
        (
            X.reshape(50, 36).astype("int32"),
            Augment(image_shape=(1, 6, 6)),
            "cannot change x: images has the type int32",
        ),
    ],
)
def test_what_cannot_be_changed_is_named(x: Any, augment: Any, message: str) -> None:
    net = network(input_shape=x.shape[1:])
    before = bits(net)
    with pytest.raises(InputError, match=message):
        net.fit(x, T, epochs=1, augment=augment, verbose=0)
    assert bits(net) == before
