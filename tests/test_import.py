"""``import pellucid`` is light: it needs the core dependencies alone, and costs little."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

EXTRAS = {"sklearn", "scipy", "matplotlib", "pandas", "narwhals", "torch", "cupy"}
LAZY = {"click", "tqdm", "pooch", "safetensors", "requests"}

needs_network = pytest.mark.skipif(find_spec("pellucid.network") is None, reason="the network room is not built yet")
needs_cli = pytest.mark.skipif(find_spec("pellucid.cli") is None, reason="the command line is not built yet")


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def modules_after(statement: str) -> set[str]:
    names = run_python(f"import sys\n{statement}\nprint(*sys.modules)").split()
    return {name.partition(".")[0] for name in names}


def seconds_for(statement: str) -> float:
    """Seconds that a statement takes in a fresh interpreter."""
    return float(
        run_python(f"from time import perf_counter\nt = perf_counter()\n{statement}\nprint(perf_counter() - t)")
    )


def cost_ratio(statement: str, repeats: int) -> float:
    """The least time of a statement over the least time of importing NumPy, measured in turn."""
    pairs = [(seconds_for(statement), seconds_for("import numpy")) for _ in range(repeats)]
    return min(ours for ours, _ in pairs) / min(numpy for _, numpy in pairs)


def assert_costs_at_most(limit: float, statement: str) -> None:
    # A busy machine can only make the figure worse, so the best of several tries is the honest one.
    ratios: list[float] = []
    for _ in range(4):
        ratios.append(cost_ratio(statement, repeats=5))
        if ratios[-1] <= limit:
            return
    pytest.fail(f"{statement!r} costs {min(ratios):.2f} times NumPy's own import, more than {limit}")


def test_import_pulls_in_nothing_that_can_wait() -> None:
    assert modules_after("import pellucid") & (EXTRAS | LAZY | {"numpy"}) == set()


@needs_network
def test_network_and_datasets_pull_in_no_extra() -> None:
    assert modules_after("from pellucid import Network, datasets") & EXTRAS == set()


@needs_network
@needs_cli
def test_everything_loads_without_the_extras() -> None:
    block = f"import sys\nfor name in {sorted(EXTRAS)}: sys.modules[name] = None\n"
    run_python(block + "import pellucid\nfor name in pellucid.__all__: getattr(pellucid, name)\nimport pellucid.cli")


def test_import_costs_at_most_one_and_a_half_numpy_imports() -> None:
    assert_costs_at_most(1.5, "import pellucid")


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert "no attribute 'Netwrok'" in run_python(
        "import pellucid\ntry: pellucid.Netwrok\nexcept AttributeError as error: print(error)"
    )


def test_info_is_the_function_even_after_its_module_was_imported() -> None:
    assert "engine" in run_python("import pellucid.info, pellucid\nprint(pellucid.info())")
