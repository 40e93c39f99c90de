"""Any data file to a Dataset: the reader by the file's name, then targets, scaling and the parts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from pellucid.datasets.dataset import Array, Dataset, Part
from pellucid.datasets.pixels import check_dtype, scale_pixels
from pellucid.datasets.split import split_rows
from pellucid.datasets.targets import check_task, encode_targets
from pellucid.errors import FormatError, InputError

_CSV = (".csv", ".tsv", ".txt", ".data")
_NPZ = (".npz",)
_PICKLE = (".pkl", ".pickle")
_IDX = ("idx3-ubyte", "idx2-ubyte", "idx4-ubyte", ".idx")
_SPELLINGS = {
    "train": ("", "_train"),
    "validation": ("_validation", "_valid", "_val"),
    "test": ("_test",),
}


@dataclass(frozen=True)
class _Content:
    """What a reader found: the parts the file itself has, as they are in it."""

    parts: dict[str, Part]
    class_names: tuple[str, ...] | None = None
    feature_names: tuple[str, ...] | None = None


def load(
    path: str | PathLike[str],
    *,
    target: str | int | None = None,
    task: str | None = None,
    header: bool | None = None,
    ignore: Sequence[str | int] = (),
    dtype: DTypeLike = "float32",
    validation_fraction: float = 0.2,
    test_fraction: float = 0.2,
    seed: int = 0,
) -> Dataset:
    """A data set from a file: CSV, NPZ, IDX or Nielsen's mnist.pkl.gz, told apart by the name; all but NPZ also .gz.

    CSV (.csv .tsv .txt .data): target is a column's name or number (the last one unless given); texts become one-hot
    columns; header and ignore as for the columns (see `csv_file.read_csv`).
    NPZ: x and t, or x_train and t_train with x_validation/_val and x_test; X for x and y for t will do. No pickle.
    IDX: the images file; the labels file is found beside it by name (images-idx3 -> labels-idx1).
    Pickle (.pkl .pickle): one to three pairs (x, t) of arrays and nothing else.

    x (N, features) of `dtype`; uint8 arrays are taken for pixels and divided by 255 (dtype "uint8" keeps them).
    Images keep their shape in image_shape. task: "classification", "regression" or None, judged from the targets
    (`targets.encode_targets`). Parts that the file does not have are cut from its rows: shuffled by `seed`,
    stratified for classes.
    Raises InputError for a wrong argument or a file that cannot be opened, FormatError for wrong content.
    """
    check_task(task)
    check_dtype(dtype)
    file = Path(path)
    csv_options: dict[str, object] = {"target": target, "header": header, "ignore": ignore}
    content = _reader(file)(file, csv_options)
    x, image_shape = _inputs(content.parts, dtype, str(file))
    t, class_names = _targets(content, task, dtype, str(file))
    for part in x:
        if len(x[part]) != len(t[part]):
            raise FormatError(f"{str(file)!r} has {len(x[part])} inputs but {len(t[part])} targets ({part}).")
    parts = {part: (x[part], t[part]) for part in x}
    parts = _cut(parts, class_names is not None, validation_fraction, test_fraction, seed)
    return Dataset(
        parts["train"], parts["validation"], parts["test"], file.name, class_names, content.feature_names, image_shape
    )


def _reader(file: Path) -> Callable[[Path, dict[str, object]], _Content]:
    name = file.name.lower().removesuffix(".gz")
    for endings, reader in ((_CSV, _read_csv), (_NPZ, _read_npz), (_PICKLE, _read_pickle), (_IDX, _read_idx)):
        if name.endswith(endings):
            return reader
    known = ", ".join(_CSV + _NPZ + _PICKLE + _IDX)
    if "labels-idx1" in name:
        raise InputError(f"{str(file)!r} is the file of the labels; give the file of the images beside it.")
    raise InputError(f"{str(file)!r} is of an unknown kind; names that end in {known} are read (also with .gz).")


# The readers' modules are imported where they are used: `import pellucid` must not pay for them.


def _read_csv(file: Path, options: dict[str, object]) -> _Content:
    from pellucid.datasets.csv_file import read_csv

    table = read_csv(file, **options)  # type: ignore[arg-type]
    return _Content({"train": (table.x, table.target)}, table.class_names, table.feature_names)


def _read_npz(file: Path, _: dict[str, object]) -> _Content:
    from pellucid.datasets.npz import read_npz

    arrays = read_npz(file)
    parts = {}
    for part, spellings in _SPELLINGS.items():
        x = _named(arrays, [f"{letter}{ending}" for letter in "xX" for ending in spellings])
        t = _named(arrays, [f"{letter}{ending}" for letter in "ty" for ending in spellings])
        if (x is None) != (t is None):
            raise FormatError(f"{str(file)!r} has inputs or targets for {part}, but not both; it has {_list(arrays)}.")
        if x is not None and t is not None:
            parts[part] = (x, t)
    if "train" not in parts:
        raise FormatError(f"{str(file)!r} has neither x and t nor x_train and t_train; it has {_list(arrays)}.")
    return _Content(parts)


def _read_pickle(file: Path, _: dict[str, object]) -> _Content:
    from pellucid.datasets.nielsen_pickle import read_nielsen_pickle

    pairs = read_nielsen_pickle(file)
    names = ("train", "validation", "test") if len(pairs) == 3 else ("train", "test")
    return _Content(dict(zip(names, pairs, strict=False)))


def _read_idx(file: Path, _: dict[str, object]) -> _Content:
    from pellucid.datasets.idx import read_idx

    images = read_idx(file)
    name = file.name.replace("images", "labels").replace("idx3", "idx1").replace("idx4", "idx1").replace("idx2", "idx1")
    plain = name.removesuffix(".gz")
    for labels in (file.with_name(plain), file.with_name(f"{plain}.gz")):
        if labels != file and labels.exists():
            return _Content({"train": (images, read_idx(labels))})
    raise InputError(f"{str(file)!r} has no file of labels beside it; {plain} or {plain}.gz was expected.")


def _named(arrays: dict[str, Array], names: list[str]) -> Array | None:
    return next((arrays[name] for name in names if name in arrays), None)


def _list(arrays: dict[str, Array]) -> str:
    return ", ".join(list(arrays)[:10]) or "no arrays"


def _inputs(
    parts: dict[str, Part], dtype: DTypeLike, where: str
) -> tuple[dict[str, Array], tuple[int, int, int] | None]:
    """The parts' x as (N, features) of one dtype, and the shape of one image where a row is one."""
    made = {}
    shapes = {x.shape[1:] for x, _ in parts.values()}
    if len(shapes) > 1:
        raise FormatError(f"{where!r} has parts whose inputs differ in shape: {', '.join(map(str, sorted(shapes)))}.")
    shape = shapes.pop()
    for part, (x, _) in parts.items():
        if x.ndim not in (1, 2, 3, 4) or x.size == 0:
            raise FormatError(f"{where!r} has {part} inputs of shape {x.shape}; (N, features) or images were expected.")
        if not np.isfinite(x).all():
            raise FormatError(f"{where!r} has {part} inputs that are NaN or infinite; remove those rows or fill them.")
        made[part] = _converted(x.reshape(len(x), -1), dtype, where)
        if not np.isfinite(made[part]).all():
            raise FormatError(f"{where!r} has {part} inputs too large for {np.dtype(dtype)}; load it as float64.")
    channels = (1,) if len(shape) == 2 else ()
    return made, ((*channels, *shape) if len(shape) in (2, 3) else None)


def _converted(x: Array, dtype: DTypeLike, where: str) -> Array:
    if x.dtype == np.uint8:
        return scale_pixels(x, 255, dtype)
    if np.dtype(dtype) == np.uint8:
        raise InputError(f"dtype is 'uint8', which keeps raw pixels, but {where!r} holds {x.dtype}; ask for float32.")
    with np.errstate(over="ignore"):  # Overflow is found by the caller, as infinity.
        return x.astype(dtype, copy=False)


def _targets(
    content: _Content, task: str | None, dtype: DTypeLike, where: str
) -> tuple[dict[str, Array], tuple[str, ...] | None]:
    """The parts' t, encoded together so that a class has the same number in each."""
    parts = {part: t for part, (_, t) in content.parts.items()}
    if content.class_names is not None:
        if task == "regression":
            raise FormatError(f"{where!r} has texts for targets, which regression cannot use; name another target.")
        return parts, content.class_names
    shapes = {t.shape[1:] for t in parts.values()}
    if len(shapes) > 1 or any(t.ndim == 0 for t in parts.values()):
        raise FormatError(f"{where!r} has parts whose targets differ in shape or are single numbers.")
    encoded, names = encode_targets(np.concatenate(list(parts.values())), task, dtype, repr(where))
    bounds = np.cumsum([len(t) for t in parts.values()])[:-1]
    return dict(zip(parts, np.split(encoded, bounds), strict=True)), names


def _cut(
    parts: dict[str, Part], classes: bool, validation_fraction: float, test_fraction: float, seed: int
) -> dict[str, Part]:
    """Adds the parts that are missing, cut from the training rows."""
    x, t = parts["train"]
    train, validation, test = split_rows(
        len(x),
        classes=t if classes else None,
        validation_fraction=0.0 if "validation" in parts else validation_fraction,
        test_fraction=0.0 if "test" in parts else test_fraction,
        seed=seed,
    )
    if "validation" in parts and "test" in parts:
        return parts
    return (
        {"validation": (x[validation], t[validation]), "test": (x[test], t[test])}
        | parts
        | {"train": (x[train], t[train])}
    )
