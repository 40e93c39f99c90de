"""CSV tables: what is read from good ones, and one clear sentence for each kind of bad one."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from pellucid.datasets import Dataset, csv_file, load
from pellucid.errors import FormatError, InputError

_FLOWERS = "length,width,colour,kind\n" + "".join(
    f"{1 + i % 3}.5,{i},{('red', 'blue')[i % 2]},{('rose', 'daisy')[i // 5]}\n" for i in range(10)
)


def _all_rows(data: Dataset) -> tuple[np.ndarray, np.ndarray]:
    parts = (data.train, data.validation, data.test)
    return np.concatenate([x for x, _ in parts]), np.concatenate([t for _, t in parts])


def _load(tmp_path: Path, text: str | bytes, **options: object) -> Dataset:
    path = tmp_path / "table.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(path, **options)  # type: ignore[arg-type]


def test_numeric_and_categorical_columns(tmp_path: Path) -> None:
    data = _load(tmp_path, _FLOWERS, validation_fraction=0, test_fraction=0)
    assert data.feature_names == ("length", "width", "colour=blue", "colour=red")
    assert data.class_names == ("daisy", "rose")
    assert data.name == "table.csv" and data.task == "classification" and data.image_shape is None
    x, t = data.train
    order = np.argsort(x[:, 1])
    assert x.dtype == np.float32
    assert np.array_equal(x[order][3], [1.5, 3, 1, 0])
    assert np.array_equal(t[order], [1] * 5 + [0] * 5)
    assert len(data.validation[0]) == len(data.test[0]) == 0


@pytest.mark.parametrize("target", ["width", 1, -3, "1"])
def test_target_by_name_or_number(tmp_path: Path, target: str | int) -> None:
    data = _load(tmp_path, _FLOWERS, target=target)
    assert data.class_names is None and data.n_outputs == 1
    assert data.feature_names is not None and "width" not in data.feature_names and "kind=rose" in data.feature_names
    assert sorted(_all_rows(data)[1].ravel()) == list(range(10))


@pytest.mark.parametrize("join", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n"])
def test_delimiters_line_ends_quotes_and_byte_order_mark(tmp_path: Path, join: str, end: str) -> None:
    rows = [["a", '"b, ""the"" second"', "c"], *[[str(i), " 2e1 ", str(i % 2)] for i in range(6)]]
    text = "\ufeff" + end.join(join.join(row) for row in rows)
    data = _load(tmp_path, text)
    assert data.feature_names == ("a", 'b, "the" second')
    assert np.array_equal(np.sort(_all_rows(data)[0], axis=0)[-1], [5, 20])


@pytest.mark.parametrize(
    ("text", "header", "rows"),
    [
        ("1,2\n3,4\n5,6\n", None, 3),
        ("a,b\n3,4\n5,6\n", None, 2),
        ("0,label\n3,4\n5,6\n", None, 2),
        ("a,b\nred,yes\nblue,no\n", None, 2),
        ("a,b\nred,yes\nblue,no\n", False, 3),
        ("1,2\n3,4\n5,6\n", True, 2),
        ("5.1,setosa\n4.9,virginica\n", None, 2),
    ],
)
def test_header_or_not(tmp_path: Path, text: str, header: bool | None, rows: int) -> None:
    assert len(_all_rows(_load(tmp_path, text, header=header))[0]) == rows


def test_whole_numbers_of_few_kinds_are_classes(tmp_path: Path) -> None:
    text = "a,t\n" + "".join(f"{i}.5,{(3, 7, 9)[i % 3]}\n" for i in range(9))
    data = _load(tmp_path, text)
    assert data.class_names == ("3", "7", "9")
    x, t = _all_rows(data)
    assert np.array_equal(t, (x[:, 0] - 0.5) % 3)
    values = _load(tmp_path, text, task="regression")
    assert values.class_names is None and set(_all_rows(values)[1].ravel()) == {3, 7, 9}
    many = _load(tmp_path, "a,t\n" + "".join(f"{i}.5,{i}\n" for i in range(9)))
    assert many.task == "regression"
    assert _load(tmp_path, "a,t\n1,0\n2,1\n3,2\n", task="classification").n_classes == 3


def test_ignored_columns(tmp_path: Path) -> None:
    data = _load(tmp_path, _FLOWERS, ignore=["colour", 0])
    assert data.feature_names == ("width",)


def test_gzip(tmp_path: Path) -> None:
    path = tmp_path / "table.csv.gz"
    path.write_bytes(gzip.compress(_FLOWERS.encode()))
    assert load(path).n_features == 4


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "is empty"),
        (" \n\n", "is empty"),
        ('""\n', "is empty"),
        ("a,b\n", "a header but no rows"),
        ("a\n1\n2\n", "one column only"),
        ("a,b\n1,2\n3\n", "row 3 of .* has 1 cells, but the first row has 2"),
        ("a,b\n1,2\n3,4,5\n", "row 3 of .* has 3 cells"),
        ("a,b\n1,2\n,4\n", "row 3, column 'a' .* is missing"),
        ("a,b\n1,2\n3,NaN\n", "row 3, column 'b' .* is missing .'NaN'"),
        ("a,b\n?,2\n3,4\n", "row 2, column 'a' .* is missing"),
        ("a,b\n1,2\ninf,4\n", "row 3, column 'a' .* is 'inf'; a finite number"),
        ("a,b\n1,2\n3,1e999\n", "row 3, column 'b' .* is '1e999'"),
        ("a,b\n1,2\n1e300,3\n", "too large for float32"),
        ("a,b\n1,yes\n2,yes\n", "only one class, 'yes'"),
        ("a,b\n1,7\n2,7\n", "only one class, '7'"),
        (b"a,b\n1,2\n\xff,4\n", "not UTF-8 text: byte 0xff in line 3"),
        ('a,b\n1,2\n"3,4\n', "not CSV near line 3"),
        ("a,b\n" + "1" * 200_000 + ",2\n", "not CSV near line 2: field larger"),
        ("a,b\n" + "".join(f"text{i},{i % 2}\n" for i in range(300)), "column 'a' .* more than 256 different texts"),
        ("," * 100_001, "100,002 columns"),
    ],
)
def test_wrong_content_is_one_sentence(tmp_path: Path, text: str | bytes, match: str) -> None:
    with pytest.raises(FormatError, match=match) as caught:
        _load(tmp_path, text)
    assert "\n" not in str(caught.value) and "table.csv" in str(caught.value)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"target": "widht"}, "target 'widht' is not a column .* did you mean 'width'"),
        ({"target": 4}, "target 4 is not a column .* has 4, from 0"),
        ({"target": -5}, "target -5 is not a column"),
        ({"ignore": ["height"]}, "ignore 'height' is not a column"),
        ({"task": "clasification"}, "did you mean 'classification'"),
        ({"dtype": "float16"}, "dtype is 'float16'"),
        ({"dtype": "uint8"}, "keeps raw pixels"),
        ({"dtype": "nonsense"}, "dtype is 'nonsense'"),
        ({"validation_fraction": 1.0}, "validation_fraction is 1.0"),
        ({"test_fraction": float("nan")}, "test_fraction is nan"),
        ({"validation_fraction": 0.5, "test_fraction": 0.5}, "nothing to train on"),
    ],
)
def test_wrong_arguments(tmp_path: Path, options: dict[str, object], match: str) -> None:
    with pytest.raises(InputError, match=match):
        _load(tmp_path, _FLOWERS, **options)


def test_wrong_task_for_the_target(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="texts for targets, which regression cannot use"):
        _load(tmp_path, _FLOWERS, task="regression")
    with pytest.raises(FormatError, match="not whole numbers"):
        _load(tmp_path, "a,b\n1,2.5\n2,3\n", task="classification")
    with pytest.raises(FormatError, match="no column besides the target"):
        _load(tmp_path, "a,b\n1,2\n3,4\n", ignore=["a"])


def test_a_name_that_stands_twice(tmp_path: Path) -> None:
    text = "a,a,b\n1,2,3\n4,5,6\n"
    assert _load(tmp_path, text).feature_names == ("a", "a")
    with pytest.raises(InputError, match="names more than one column"):
        _load(tmp_path, text, target="a")


def test_underscores_are_text_and_not_digits(tmp_path: Path) -> None:
    data = _load(tmp_path, "a,b\n1_0,0\n10,1\n1_0,0\n10,1\n")
    assert data.feature_names == ("a=10", "a=1_0")


def test_too_many_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a,b\n" + "".join(f"{i},{i}\n" for i in range(1001))
    with pytest.raises(FormatError, match="1,001 different targets, more than 1,000 classes"):
        _load(tmp_path, text, task="classification")
    assert csv_file.MAX_CATEGORIES < 1000
