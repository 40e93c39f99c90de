"""What a person sees: a bar on a terminal, a line per epoch, or nothing."""

import io
import sys

import pytest

from small import network, samples

X, T = samples()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(monkeypatch: pytest.MonkeyPatch, verbose: int | str, stream: io.StringIO) -> str:
    monkeypatch.setattr(sys, "stderr", stream)
    network().fit(X, T, epochs=3, batch_size=10, verbose=verbose, validation_data=(X, T))
    return stream.getvalue()


def test_auto_is_quiet_where_nobody_watches(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shown(monkeypatch, "auto", io.StringIO()) == ""
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("verbose", ["auto", 1])
def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch, verbose: int | str) -> None:
    text = shown(monkeypatch, verbose, Terminal())
    assert "epoch 3/3: 100%" in text
    for words in ("loss", "accuracy", "validation_accuracy", "samples/s"):
        assert words in text


def test_zero_is_silent_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, 0, Terminal()) == ""


def test_two_prints_a_line_per_epoch(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(monkeypatch, 2, Terminal()) == ""
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["epoch 1/3", "epoch 2/3", "epoch 3/3"]
    assert all("loss" in line and "validation_accuracy" in line for line in lines)
