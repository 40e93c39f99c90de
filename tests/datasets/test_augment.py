"""Images changed at random: what each change does, what it depends on, and that C++ and NumPy agree bit by bit."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pellucid.datasets import Augment, expanded
from pellucid.datasets.augment import reference, rule
from pellucid.errors import InputError

needs_core = pytest.mark.skipif(rule._native is None, reason="the C++ core is not built here")

RULES = st.builds(
    Augment,
    shift=st.integers(0, 5),
    rotate=st.sampled_from([0.0, 0.5, 15.0, 180.0]),
    scale=st.sampled_from([0.0, 0.15, 0.9]),
    elastic=st.sampled_from([0.0, 1.0, 30.0]),
    elastic_smoothness=st.sampled_from([1.0, 2.5, 4.0, 1e9]),
    flip=st.booleans(),
    cutout=st.integers(0, 20),
    fill=st.sampled_from([0, 1, 255]),
)
SHAPES = st.tuples(st.integers(0, 4), st.integers(1, 3), st.integers(1, 13), st.integers(1, 13))
DTYPES = st.sampled_from(["uint8", "float32", "float64"])


def noise(shape: tuple[int, ...], dtype: str = "float32") -> NDArray[Any]:
    values = np.random.default_rng(5).integers(0, 256, shape)
    return values.astype(dtype) if dtype == "uint8" else (values / 7).astype(dtype)


def some(augment: Augment, images: NDArray[Any], **address: Any) -> NDArray[Any]:
    return augment(images, **{"seed": 1, "epoch": 2, "samples": np.arange(len(images))} | address)


@needs_core
@settings(max_examples=150)
@given(
    augment=RULES,
    shape=SHAPES,
    dtype=DTYPES,
    seed=st.integers(0, 2**64 - 1),
    epoch=st.integers(0, 2**32 - 1),
    first=st.integers(0, 2**32 - 9),
)
def test_the_core_computes_the_reference_s_bits(
    augment: Augment, shape: tuple[int, int, int, int], dtype: str, seed: int, epoch: int, first: int
) -> None:
    images, samples = noise(shape, dtype), first + np.arange(shape[0])
    fast = augment(images, seed=seed, epoch=epoch, samples=samples)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rule, "_native", None)
        slow = augment(images, seed=seed, epoch=epoch, samples=samples)
    assert fast.dtype == slow.dtype == images.dtype
    np.testing.assert_array_equal(fast, slow)


@given(augment=RULES, seed=st.integers(0, 2**64 - 1), dtype=DTYPES)
def test_an_image_depends_on_seed_epoch_and_sample_and_not_on_the_batch(
    augment: Augment, seed: int, dtype: str
) -> None:
    images, samples = noise((6, 2, 9, 8), dtype), np.array([3, 0, 2**32 - 1, 7, 3, 12])
    whole = augment(images, seed=seed, epoch=4, samples=samples)
    for rows in ([5, 2, 0], [1], slice(None, None, -1)):
        part = augment(images[rows], seed=seed, epoch=4, samples=samples[rows])
        np.testing.assert_array_equal(part, whole[rows])


@pytest.mark.parametrize("address", [{"seed": 2}, {"epoch": 3}, {"samples": 40 + np.arange(40)}])
def test_another_address_gives_other_images(address: dict[str, Any]) -> None:
    images, augment = noise((40, 1, 8, 8)), Augment(shift=3)
    differ = (some(augment, images) != some(augment, images, **address)).any(axis=(1, 2, 3))
    assert differ.mean() > 0.9  # one in 49 moves the same way by chance


@given(shape=SHAPES, dtype=DTYPES)
def test_without_changes_the_images_are_copied(shape: tuple[int, int, int, int], dtype: str) -> None:
    images = noise(shape, dtype)
    same = some(Augment(), images)
    np.testing.assert_array_equal(same, images)
    assert not np.shares_memory(same, images)


def test_a_shift_moves_whole_pixels_exactly_and_every_move_comes_up() -> None:
    image = noise((1, 2, 7, 9))
    moved = {}
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            framed = np.full((2, 9, 11), 40, np.float32)
            framed[:, 1 + down : 8 + down, 1 + right : 10 + right] = image[0]
            moved[framed[:, 1:-1, 1:-1].tobytes()] = (down, right)
    many = some(Augment(shift=1, fill=40), np.repeat(image, 2000, axis=0))
    found = [moved[new.tobytes()] for new in many]
    counts = np.array([found.count(move) for move in moved.values()])
    assert len(moved) == 9
    assert ((counts - 2000 / 9) ** 2 / (2000 / 9)).sum() < 8 + 5 * math.sqrt(16)


def test_half_of_the_images_are_flipped() -> None:
    images = noise((400, 1, 5, 6))
    new = some(Augment(flip=True), images)
    flipped = (new == images[..., ::-1]).all(axis=(1, 2, 3))
    kept = (new == images).all(axis=(1, 2, 3))
    assert (flipped ^ kept).all()
    assert 150 < flipped.sum() < 250


def spot(count: int) -> NDArray[np.float64]:
    """A soft spot 8 pixels to the right of the centre."""
    y, x = np.mgrid[-15:16, -15:16]
    return np.repeat(np.exp(-(y**2 + (x - 8.0) ** 2) / 4)[None, None], count, axis=0)


def place(images: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Where the spot is: from the centre to the right plus i times upwards."""
    y, x = np.mgrid[-15:16, -15:16]
    found: NDArray[np.complex128] = (images[:, 0] * (x - 1j * y)).sum(axis=(1, 2)) / images[:, 0].sum(axis=(1, 2))
    return found


def test_rotation_turns_about_the_centre_by_up_to_its_degrees() -> None:
    found = place(some(Augment(rotate=30), spot(500)))
    degrees = np.degrees(np.angle(found))
    np.testing.assert_allclose(np.abs(found), 8, atol=0.05)
    assert -30.1 < degrees.min() < -28.5
    assert 28.5 < degrees.max() < 30.1
    assert abs(degrees.mean()) < 3
    assert degrees.std() == pytest.approx(30 / math.sqrt(3), rel=0.1)


def test_scale_enlarges_and_shrinks_about_the_centre() -> None:
    found = place(some(Augment(scale=0.25), spot(500)))
    assert np.abs(found.imag).max() < 1e-9
    assert 5.95 < found.real.min() < 6.1
    assert 9.85 < found.real.max() < 10.05
    assert found.real.mean() == pytest.approx(8, abs=0.3)


def test_elastic_moves_are_smooth_and_as_large_as_it_says() -> None:
    # Of an image that says how far right or down each of its pixels is, the new one says where its pixels come from.
    y, x = np.mgrid[0:60, 0:70].astype(np.float64)
    images = np.repeat(np.stack([y, x])[None], 60, axis=0)
    moves = (some(Augment(elastic=5), images) - images)[:, :, 10:50, 10:60]
    assert np.abs(moves).max() < 5
    assert moves.std() == pytest.approx(0.277 * 5, rel=0.05)
    assert moves.mean() == pytest.approx(0, abs=0.2)
    assert abs((moves[:, 0] * moves[:, 1]).mean()) < 0.1
    assert np.abs(np.diff(moves, n=2)).max() < 4 * 5 / (3 * 4**2)
    rougher = (some(Augment(elastic=5, elastic_smoothness=2), images) - images)[:, :, 10:50, 10:60]
    assert np.abs(np.diff(rougher)).mean() > 1.5 * np.abs(np.diff(moves)).mean()


@pytest.mark.parametrize("smoothness", [1.0, 2.0, 4.0])
def test_the_spline_is_a_bell_of_the_width_asked_for(smoothness: float) -> None:
    shares = reference.spline(200, smoothness)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-12)
    assert shares.min() >= 0
    bell = shares[:, shares.shape[1] // 2]
    pixels = np.arange(200)
    mean = (bell * pixels).sum() / bell.sum()
    spread = math.sqrt((bell * (pixels - mean) ** 2).sum() / bell.sum())
    assert spread == pytest.approx(smoothness, rel=0.02)


def test_cutout_fills_one_square_and_only_that() -> None:
    new = some(Augment(cutout=3, fill=9), np.ones((300, 2, 8, 10), "uint8"))
    filled = new == 9
    assert ((new == 1) | filled).all()
    assert (filled[:, 0] == filled[:, 1]).all()
    heights, widths = filled[:, 0].any(axis=2).sum(axis=1), filled[:, 0].any(axis=1).sum(axis=1)
    np.testing.assert_array_equal(filled[:, 0].sum(axis=(1, 2)), heights * widths)
    assert set(heights) == set(widths) == {2, 3}
    assert filled.any(axis=0).all()


def test_bytes_are_the_rounded_floats() -> None:
    augment, pixels = Augment(shift=2, rotate=20, scale=0.2, elastic=3, fill=12), noise((20, 1, 12, 12), "uint8")
    np.testing.assert_array_equal(
        some(augment, pixels), np.floor(some(augment, pixels.astype(np.float32)) + np.float32(0.5))
    )


def test_rows_and_arrays_in_any_order_give_the_same_images() -> None:
    images = noise((5, 3, 6, 7))
    settings = {"shift": 1, "rotate": 40, "elastic": 2}
    expected = some(Augment(**settings), images)
    by_row = Augment(**settings, image_shape=(3, 6, 7))
    np.testing.assert_array_equal(some(by_row, images.reshape(5, -1)), expected.reshape(5, -1))
    np.testing.assert_array_equal(some(by_row, images), expected)
    np.testing.assert_array_equal(some(Augment(**settings), np.asfortranarray(images)), expected)
    np.testing.assert_array_equal(some(Augment(**settings), images.astype(">f4")), expected)


def test_nan_stays_with_its_neighbours() -> None:
    images = np.ones((30, 1, 9, 9), np.float32)
    images[:, :, 4, 4] = np.nan
    assert 0 < np.isnan(some(Augment(rotate=45, shift=1), images)).sum(axis=(1, 2, 3)).max() <= 9


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"shift": -1}, "shift is -1, but a whole number of pixels"),
        ({"shift": 1.5}, "shift is 1.5"),
        ({"shift": True}, "shift is True"),
        ({"cutout": 2**20}, "cutout is 1048576"),
        ({"rotate": 181}, "rotate is 181, but a number from 0 to 180"),
        ({"rotate": math.nan}, "rotate is nan"),
        ({"scale": 1.0}, "scale is 1.0, but a number from 0 to 0.9"),
        ({"elastic": -2}, "elastic is -2"),
        ({"elastic": "much"}, "elastic is 'much'"),
        ({"elastic_smoothness": 0}, "elastic_smoothness is 0"),
        ({"flip": 1}, "flip is 1, but True or False"),
        ({"fill": math.inf}, "fill is inf"),
        ({"image_shape": (28, 28)}, r"image_shape is \(28, 28\), but \(channels, height, width\)"),
        ({"image_shape": (1, 0, 28)}, "image_shape is"),
    ],
)
def test_a_setting_out_of_range_is_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Augment(**settings)


@pytest.mark.parametrize(
    ("augment", "images", "address", "message"),
    [
        (Augment(), np.ones((2, 784)), {}, r"shape \(2, 784\), but .* with image_shape=\(C, H, W\)"),
        (Augment(), np.ones(4), {}, r"shape \(4,\)"),
        (Augment(image_shape=(1, 5, 5)), np.ones((2, 24)), {}, r"but \(N, 1, 5, 5\) or \(N, 25\), by image_shape"),
        (Augment(image_shape=(1, 5, 5)), np.ones((2, 1, 5, 4)), {}, r"shape \(2, 1, 5, 4\)"),
        (Augment(), np.ones((2, 0, 5, 5)), {}, r"shape \(2, 0, 5, 5\)"),
        (Augment(), np.ones((0, 1, 1, 40_000)), {}, "1 to 4096 pixels a side"),
        (Augment(), np.ones((2, 1, 5, 5), "int64"), {}, r"images has the type int64.*astype\('float32'\)"),
        (Augment(fill=0.5), np.ones((2, 1, 5, 5), "uint8"), {}, "fill is 0.5, but images of uint8"),
        (Augment(fill=300), np.ones((2, 1, 5, 5), "uint8"), {}, "fill is 300, but images of uint8"),
        (Augment(), np.ones((2, 1, 5, 5)), {"samples": [1]}, r"shape \(1,\) for 2 images"),
        (Augment(), np.ones((2, 1, 5, 5)), {"samples": [0.0, 1.0]}, "samples is float64"),
        (Augment(), np.ones((2, 1, 5, 5)), {"samples": [-1, 0]}, "samples holds -1 to 0"),
        (Augment(), np.ones((2, 1, 5, 5)), {"samples": [0, 2**32]}, "samples holds 0 to 4294967296"),
        (Augment(), np.ones((2, 1, 5, 5)), {"seed": -1}, "seed is -1"),
        (Augment(), np.ones((2, 1, 5, 5)), {"epoch": 2**32}, "epoch is 4294967296"),
    ],
)
def test_images_that_do_not_fit_are_named(
    augment: Augment, images: NDArray[Any], address: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        some(augment, images, **address)


@given(shape=SHAPES, dtype=DTYPES)
def test_expanded_adds_the_four_moves_by_one_pixel(shape: tuple[int, int, int, int], dtype: str) -> None:
    images, labels = noise(shape, dtype), np.arange(shape[0])
    many, numbers = expanded(images, labels)
    assert many.dtype == images.dtype
    np.testing.assert_array_equal(numbers, np.repeat(labels, 5))
    framed = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    height, width = shape[2:]
    corners = {0: (1, 1), 1: (0, 1), 2: (2, 1), 3: (1, 0), 4: (1, 2)}  # as is, down, up, right, left
    for number, (top, left) in corners.items():
        np.testing.assert_array_equal(many[number::5], framed[:, :, top : top + height, left : left + width])


def test_expanded_takes_rows_too_and_fills_with_what_it_is_told() -> None:
    images, labels = noise((3, 1, 4, 4)), np.eye(3)
    many, targets = expanded(images, labels, fill=6)
    rows, _ = expanded(images.reshape(3, 16), labels, fill=6)
    shaped, _ = expanded(images.reshape(3, 16), labels, image_shape=(1, 4, 4), fill=6)
    np.testing.assert_array_equal(rows, many.reshape(15, 16))
    np.testing.assert_array_equal(rows, shaped)
    assert targets.shape == (15, 3)
    assert (many[1, 0, 0] == 6).all()


@pytest.mark.parametrize(
    ("images", "labels", "image_shape", "message"),
    [
        (np.ones((3, 15)), np.ones(3), None, r"images has the shape \(3, 15\)"),
        (np.ones((3, 15)), np.ones(3), (1, 4, 4), r"images has the shape \(3, 15\)"),
        (np.ones((3, 4, 4)), np.ones(3), None, r"images has the shape \(3, 4, 4\)"),
        (np.ones((3, 16)), np.ones(2), None, r"labels has the shape \(2,\) for 3 images"),
        (np.ones((3, 16)), 1, None, r"labels has the shape \(\)"),
    ],
)
def test_what_cannot_be_expanded_is_named(images: Any, labels: Any, image_shape: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        expanded(images, labels, image_shape=image_shape)
