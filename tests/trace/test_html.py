"""The page holds all numbers, needs nothing from elsewhere, and lets no text in as markup."""

import base64
import re
import struct
import zlib
from html.parser import HTMLParser

import numpy as np
import pytest

from pellucid import Network
from pellucid.layers import Affine, Conv2D, Flatten, MaxPool2D, ReLU, Sigmoid
from pellucid.losses import MeanSquaredError, SoftmaxCrossEntropy
from pellucid.optimizers import SGD
from pellucid.trace.html import Subject, as_html
from pellucid.trace.pixels import heat, ink, png
from pellucid.trace.tables import MOST_CELLS, MOST_UNITS, array_as_html, number

VOID = {"meta", "img", "link", "br"}


class Tags(HTMLParser):
    """Collects what a page refers to, and whether every tag is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: set[str] = set()
        self.sources: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href", "action", "srcset")]
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def page_of(inputs: int = 64, hidden: int = 16, subject: Subject | None = None) -> str:
    net = Network([Affine(hidden), Sigmoid(), Affine(10)], SoftmaxCrossEntropy(), input_shape=inputs)
    return as_html(net.trace(np.linspace(0, 1, inputs)[None], [3], SGD(0.1)), subject)


def test_the_page_is_whole_and_refers_to_nothing_outside() -> None:
    page = page_of(subject=Subject(image_shape=(1, 8, 8)))
    tags = Tags(page)
    assert tags.open == []
    assert not tags.names & {"script", "link", "iframe", "object", "form"}
    assert len(tags.sources) > 16 and all(source.startswith("data:image/png;base64,") for source in tags.sources)
    assert "default-src 'none'" in page
    assert not re.search(r"url\(|@import|https?:", page)


def test_text_from_files_is_escaped() -> None:
    bad = "<script>alert('&')</script>"
    subject = Subject(bad, bad, (bad, *"123456789"), (1, 8, 8), bad)
    page = page_of(subject=subject)
    assert bad not in page and "<script" not in page
    assert page.count("&lt;script&gt;alert(&#x27;&amp;&#x27;)&lt;/script&gt;") == 5
    assert Tags(page).open == []


def test_every_number_of_a_small_network_can_be_read() -> None:
    net = Network([Affine(3), Sigmoid()], MeanSquaredError(), input_shape=2)
    traced = net.trace([[0.25, -1.5]], [[0.0, 1.0, 0.5]], SGD(0.5))
    page = as_html(traced)
    for layer in traced.layers:
        for values in (layer.y, *layer.parameters.values(), *layer.gradients.values(), layer.dx):
            for value in values.flat:
                assert f'] {float(value):.9g}"' in page
    for equation in ("BP1", "BP3", "BP4"):
        assert f'<b class="bp">{equation}</b>' in page
    assert "x·W + b" in page and "SGD(learning_rate=0.5" in page


def test_a_large_network_makes_no_large_page() -> None:
    assert len(page_of(784, 512)) < 3_000_000
    assert len(page_of(784, 512, Subject(image_shape=(1, 28, 28)))) < 3_000_000


def test_a_table_is_coloured_by_sign_and_size() -> None:
    colours = heat(np.array([-2.0, -0.5, 0.0, 0.5, 2.0, np.nan])).astype(int)
    red, blue = colours[:, 0], colours[:, 2]
    assert (blue - red)[0] > (blue - red)[1] > 50 and (red - blue)[4] > (red - blue)[3] > 50
    assert abs(red - blue)[2] < 10
    assert colours[5].tolist() == [214, 0, 170]
    assert ink(np.array([[0.0, 1.0]]))[0, 0, 0] > 240 > 40 > ink(np.array([[0.0, 1.0]]))[0, 1, 0]


def test_a_png_holds_the_pixels() -> None:
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    data = png(pixels)
    assert data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR"
    assert struct.unpack(">II", data[16:24]) == (3, 2)
    length = struct.unpack(">I", data[33:37])[0]
    rows = np.frombuffer(zlib.decompress(data[41 : 41 + length]), np.uint8).reshape(2, 10)
    np.testing.assert_array_equal(rows[:, 1:].reshape(2, 3, 3), pixels)


@pytest.mark.parametrize("shape", [(), (1,), (1, 1), (3,), (1, 5), (4, 6), (2, 3, 4, 4), (1, 2, 3, 3), (0, 3)])
def test_any_shape_can_be_shown(shape: tuple[int, ...]) -> None:
    values = np.arange(float(np.prod(shape))).reshape(shape)
    page = array_as_html(values)
    assert Tags(page).open == []
    assert page.count("title=") == (values.size if values.size <= MOST_CELLS else 0)


def test_large_arrays_become_a_picture_and_say_what_was_left_out() -> None:
    page = array_as_html(np.random.default_rng(0).normal(size=(1000, 30)))
    assert "title=" not in page and "1,000 rows, 30 columns, every 3th row" in page
    assert base64.b64decode(page.split("base64,")[1].split('"')[0]).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (1.0, "1"), (-0.0072412, "-7.2e-3"), (1234567.0, "1.2e6"), (np.nan, "nan"), (-np.inf, "-inf")],
)
def test_numbers_fit_their_cells(value: float, text: str) -> None:
    assert number(value) == text and len(text) <= 7


def test_numbers_that_are_not_finite_can_be_shown() -> None:
    net = Network([Affine(2)], MeanSquaredError(), input_shape=2)
    net.parameters["0.W"][...] = 1e30
    traced = net.trace([[1e30, 1e30]], [[0.0, 1.0]])
    assert Tags(as_html(traced)).open == []
    assert "inf" in str(traced)


def test_images_and_filters_are_shown_channel_by_channel() -> None:
    small = np.arange(36.0).reshape(2, 2, 3, 3)
    page = array_as_html(small)
    assert page.count("<table") == 4 and "<figcaption>1, 0</figcaption>" in page
    assert 'title="[1, 0, 2, 1] 25"' in page and "3 by 3" in page
    assert array_as_html(small[:1, :1]).count("<table") == 1 and "figure" not in array_as_html(small[:1, :1])
    large = array_as_html(np.ones((1, 3, 28, 28)))
    assert large.count("<img") == 3 and "<figcaption>2</figcaption>" in large
    many = array_as_html(np.ones((1, MOST_UNITS + 5, 9, 9)))
    assert many.count("<img") == MOST_UNITS and f"the first {MOST_UNITS} of {MOST_UNITS + 5}" in many
    alone = array_as_html(np.ones((1, 1, 28, 28)))
    assert "<table" not in alone and "28 rows, 28 columns" in alone
    assert "figure" not in array_as_html(np.ones((1, 3, 1, 1)))


def test_a_page_of_a_network_of_images_is_whole() -> None:
    net = Network(
        [Conv2D(3, 3), ReLU(), MaxPool2D(), Flatten(), Affine(4)], SoftmaxCrossEntropy(), input_shape=(2, 16, 16)
    )
    tags = Tags(as_html(net.trace(np.linspace(0, 1, 512).reshape(1, 2, 16, 16), [3], SGD(0.1))))
    assert tags.open == [] and len(tags.sources) >= 3
