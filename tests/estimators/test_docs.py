"""The page "Coming from scikit-learn" does what it says."""

import re
from pathlib import Path
from typing import Any

import pytest
import sklearn.neural_network

from pellucid.estimators import MLPClassifier, MLPRegressor

PAGE = Path(__file__).parents[2] / "docs" / "coming-from-scikit-learn.md"


def block(name: str) -> str:
    found = re.search(rf"^```python {name}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert found is not None, name
    return found.group(1)


def run(name: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(block(name), f"{PAGE.name}, {name}", "exec"), names)
    return names


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_before_and_after_give_the_same() -> None:
    before, after = run("before"), run("after")
    assert type(before["model"][-1]).__module__.startswith("sklearn.")
    assert type(after["model"][-1]) is MLPClassifier
    assert after["accuracy"] == before["accuracy"] > 0.9


def test_only_the_import_differs() -> None:
    pairs = zip(block("before").splitlines(), block("after").splitlines(), strict=True)
    assert [pair for pair in pairs if pair[0] != pair[1]] == [
        ("from sklearn.neural_network import MLPClassifier", "from pellucid.estimators import MLPClassifier")
    ]


def test_what_is_more_runs(capsys: pytest.CaptureFixture[str]) -> None:
    model = run("more")["model"]
    assert model.best_validation_score_ > 0.9
    assert "Dropout(rate=0.1)" in capsys.readouterr().out


def test_every_argument_that_is_more_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for kind in (MLPClassifier, MLPRegressor):
        own = set(kind().get_params()) - {"loss"}
        theirs = set(getattr(sklearn.neural_network, kind.__name__)().get_params())
        for name in own - theirs:
            assert f"{name}=" in text, name
