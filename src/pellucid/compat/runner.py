"""Runs an unmodified script of the books, with Pellucid's modules under the names that it imports.

Each kind of script is a package of compat, which says under which names its modules go:
`MODULES` maps the script's names to ours ({"network": "pellucid.compat.nielsen.network"}; what lies below a package
follows it), and `NOT_PROVIDED` maps the names that we do not have to a sentence's end: what to use instead. `NAMES`,
where a package has it, are names that a script finds without importing them.
`beside(script)`, where a package has it, gives further MODULES for what it knows in the script's folder.
"""

import builtins
import os
import sys
import traceback
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from pellucid.compat.switch import NotProvided, faithful
from pellucid.errors import InputError, PellucidError, suggest

KINDS = ("nielsen", "book", "notebooks")
_FIGURES = "module://pellucid.compat.figures"
_MAX_SCRIPT = 2**24

_PACKAGES = {
    "matplotlib": "pip install 'pellucid[plot]'",
    "sklearn": "pip install 'pellucid[sklearn]'",
    "theano": "it is no longer made, and pellucid.compat.nielsen.network3 does without it",
    "PIL": "pip install pillow",
    "cPickle": "that is Python 2's; convert the script with 2to3, or take its Python 3 version",
}


def run_script(kind: str, script: str | Path, arguments: Sequence[str] = (), faithful_wanted: bool = False) -> int:
    """Runs a script as `python SCRIPT ARGUMENTS` would, with the modules of `kind` in front; returns the exit code.

    An error of the script's own prints its traceback and gives 1, as Python does.

    Raises:
        InputError: no such kind or script, or one that is not Python 3. NotProvided: a module that we do not have.
        PellucidError: whatever a call into Pellucid raised, in one sentence.
    """
    if kind not in KINDS:
        raise InputError(f"there is no kind of script called {kind!r}; {suggest(kind, KINDS)}")
    path = Path(script)
    code = _compiled(path)
    package = _package(kind)
    modules = dict(package.MODULES)
    if hasattr(package, "beside"):
        modules |= package.beside(path)
    with faithful(faithful_wanted), _in_front(modules, package.NOT_PROVIDED), _as_main(path, arguments) as main:
        try:
            main.__dict__.update(getattr(package, "NAMES", {}))
            exec(code, main.__dict__)
        except SystemExit as stop:
            return _exit_code(stop)
        except PellucidError:
            raise
        except ModuleNotFoundError as error:
            raise _missing_package(error) from error
        except FileNotFoundError as error:
            _explain_missing_data(error)
            return _tell(error)
        except Exception as error:
            return _tell(error)
    return 0


def _package(kind: str) -> Any:
    try:
        return import_module(f"pellucid.compat.{kind}")
    except ModuleNotFoundError as error:
        raise InputError(f"scripts of the kind {kind!r} come with a later version of Pellucid.") from error


def _compiled(path: Path) -> CodeType:
    try:
        if path.is_dir():
            raise InputError(f"{str(path)!r} is a folder; name the script in it.")
        if path.stat().st_size > _MAX_SCRIPT:
            raise InputError(f"{str(path)!r} has more than {_MAX_SCRIPT:,} bytes; that is no script.")
        source = path.read_bytes()
    except (OSError, ValueError) as error:
        if isinstance(error, PellucidError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot read the script {str(path)!r}: {reason}; check the path.") from None
    if path.suffix == ".ipynb":
        raise InputError(f"{str(path)!r} is a notebook; make it a script: jupyter nbconvert --to script {path.name}.")
    try:
        # Warnings about escapes, which Nielsen's own docstrings have, are not ours to raise.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            return compile(source, str(path), "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise InputError(_not_python(path, error)) from None


def _not_python(path: Path, error: SyntaxError | ValueError) -> str:
    if not isinstance(error, SyntaxError) or error.lineno is None:
        return f"{str(path)!r} is not a Python script: {error}."
    if "Missing parentheses in call to 'print'" in error.msg:
        said, mend = "a print statement", "it is Python 2: convert it with 2to3, or take its Python 3 version"
    else:
        said, mend = error.msg.rstrip("."), "mend that line"
    return f"{str(path)!r} is not Python 3: line {error.lineno}: {said}; {mend}."


@contextmanager
def _in_front(modules: Mapping[str, str], not_provided: Mapping[str, str]) -> Iterator[None]:
    """Puts a finder in front of all others, and hides what is loaded already under its names."""
    finder = _Finder(modules, not_provided)
    hidden = {name: module for name, module in sys.modules.items() if finder.knows(name)}
    for name in hidden:
        del sys.modules[name]
    backend = os.environ.get("MPLBACKEND")
    if backend is None and not _has_screen() and "matplotlib.pyplot" not in sys.modules:
        os.environ["MPLBACKEND"] = _FIGURES
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        if backend is None:
            os.environ.pop("MPLBACKEND", None)
        for name in [name for name in sys.modules if finder.knows(name)]:
            del sys.modules[name]
        sys.modules.update(hidden)


@contextmanager
def _as_main(path: Path, arguments: Sequence[str]) -> Iterator[ModuleType]:
    """Makes a module __main__ for the script; its folder comes first on the path, as Python has it."""
    main = ModuleType("__main__")
    main.__dict__.update(__file__=str(path), __builtins__=builtins)
    kept_main, kept_argv, kept_path = sys.modules.get("__main__"), sys.argv, list(sys.path)
    kept_modules = set(sys.modules)
    sys.modules["__main__"] = main
    sys.argv = [str(path), *arguments]
    sys.path.insert(0, str(path.resolve().parent))
    try:
        yield main
    finally:
        added = {path.resolve().parent, *(Path(place).resolve() for place in sys.path if place not in kept_path)}
        _forget(set(sys.modules) - kept_modules, added)
        sys.argv = kept_argv
        sys.path[:] = kept_path
        if kept_main is not None:
            sys.modules["__main__"] = kept_main


def _forget(names: Collection[str], folders: Collection[Path]) -> None:
    """Takes modules that were loaded from these folders out of sys.modules: the next script may have its own."""
    lying_there = {name for name in names if "." not in name and _folder_of(sys.modules[name]) in folders}
    for name in names:
        if name.partition(".")[0] in lying_there:
            del sys.modules[name]


def _folder_of(module: ModuleType) -> Path | None:
    """The folder on the path that a module or package was found in."""
    places = [*getattr(module, "__path__", ()), getattr(module, "__file__", None)]
    return Path(places[0]).resolve().parent if places[0] else None


class _Finder(MetaPathFinder):
    """Finds the modules of compat under the scripts' names, before any file of the same name beside the script."""

    def __init__(self, modules: Mapping[str, str], not_provided: Mapping[str, str]) -> None:
        self._modules, self._not_provided = modules, not_provided

    def knows(self, name: str) -> bool:
        return self._target(name) is not None

    def _target(self, name: str) -> str | None:
        if name in self._modules:
            return self._modules[name]
        parent, _, child = name.rpartition(".")
        above = self._target(parent) if parent else None
        return f"{above}.{child}" if above else None

    def find_spec(self, fullname: str, path: Any, target: ModuleType | None = None) -> ModuleSpec | None:
        theirs = self._theirs(fullname) or fullname
        if theirs in self._not_provided:
            raise _not_there(theirs, self._not_provided[theirs])
        ours = self._target(fullname)
        if ours is not None:
            return ModuleSpec(fullname, _Loader(ours, fullname))
        if theirs != fullname and PathFinder.find_spec(fullname, path) is None:
            raise _not_there(theirs)
        return None

    def _theirs(self, name: str) -> str | None:
        """The script's name for a module below one of ours: `from common import x` asks under our package's name."""
        for theirs, ours in self._modules.items():
            if name.startswith(f"{ours}."):
                return theirs + name.removeprefix(ours)
        return None


class _Loader(Loader):
    """Loads one of our modules, and gives that very module under the script's name."""

    def __init__(self, ours: str, theirs: str) -> None:
        self._ours, self._theirs = ours, theirs

    def exec_module(self, module: ModuleType) -> None:
        try:
            loaded = import_module(self._ours)
        except ModuleNotFoundError as error:
            if error.name != self._ours:
                raise
            raise _not_there(self._theirs) from None
        sys.modules[self._theirs] = loaded


def _not_there(name: str, instead: str = "docs/compat.md lists what there is") -> NotProvided:
    return NotProvided(f"the script imports {name!r}, which Pellucid does not provide; {instead}.", name=name)


def _has_screen() -> bool:
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _missing_package(error: ModuleNotFoundError) -> PellucidError:
    name = (error.name or "").partition(".")[0]
    mend = _PACKAGES.get(name, "put it beside the script, or install it")
    return NotProvided(f"the script imports {error.name!r}, which is not installed; {mend}.", name=error.name)


def _explain_missing_data(error: FileNotFoundError) -> None:
    """Raises a sentence where the missing file is a data set that we know how to get."""
    name = Path(str(error.filename)).name if error.filename else ""
    if name.startswith("mnist") and ".pkl" in name:
        raise InputError(
            f"the script opens {str(error.filename)!r}, which is not there; fetch it from "
            "https://github.com/mnielsen/neural-networks-and-deep-learning (folder data), or use "
            "mnist_loader.load_data(), which gets MNIST by itself."
        ) from error


def _exit_code(stop: SystemExit) -> int:
    if stop.code is None:
        return 0
    if isinstance(stop.code, int):
        return stop.code
    print(stop.code, file=sys.stderr)
    return 1


def _tell(error: Exception) -> int:
    """Prints the script's traceback without the runner's own frames; returns the exit code."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
        frames = frames.tb_next
    traceback.print_exception(type(error), error, frames)
    return 1
