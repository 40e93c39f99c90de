"""History: what it holds, its best, and how it prints."""

import pytest

from pellucid.training import History


def history_of(epochs: int) -> History:
    history = History()
    for epoch in range(epochs):
        history.append(epoch, {"loss": 1.0 / (epoch + 1), "accuracy": 0.5 if epoch == 0 else 0.9, "seconds": 0.1})
    return history


def test_the_best_is_the_lowest_loss_and_the_first_highest_accuracy() -> None:
    history = history_of(4)
    assert history.best("loss") == (3, 0.25)
    assert history.best("accuracy") == (1, 0.9)


def test_it_is_a_mapping_of_lists() -> None:
    history = history_of(2)
    assert dict(history) == {"loss": [1.0, 0.5], "accuracy": [0.5, 0.9], "seconds": [0.1, 0.1]}
    assert (len(history), history.epochs, history.row(0)["loss"]) == (3, [0, 1], 1.0)
    with pytest.raises(KeyError, match="did you mean 'accuracy'"):
        history["acuracy"]


def test_it_prints_every_epoch_of_a_short_run_and_the_ends_of_a_long_one() -> None:
    assert len(repr(history_of(3)).splitlines()) == 5
    long = repr(history_of(100)).splitlines()
    assert len(long) == 15
    assert long[8].strip() == "..."
    assert long[-1].split()[0] == "99"
    assert repr(History()) == "History of 0 epochs"


def test_it_survives_json() -> None:
    history = history_of(3)
    again = History.from_dict(history.as_dict())
    assert (dict(again), again.epochs) == (dict(history), history.epochs)
