"""The commands with their arguments and help. What they do is imported when one is called, so that help comes at once.

Every failure that a user can mend ends in one sentence on stderr and exit code 2; `run` is the one place for that.
"""

import errno
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar

import click

from pellucid import __version__
from pellucid.cli.names import ACTIVATIONS, DTYPES, ENGINES, INITIALIZERS, LOSSES, OPTIMIZERS, PARTS, listed, printable
from pellucid.errors import PellucidError

FAILED, INTERRUPTED = 2, 130
Command = TypeVar("Command", bound=Callable[..., Any])

_NETWORK = (
    click.option("--layers", metavar="A-B-C", help="Units: inputs, hidden ..., outputs, such as 784-30-10."),
    click.option("--activation", metavar="NAME", help=f"Of the hidden layers: {listed(ACTIVATIONS)}."),
    click.option("--loss", metavar="NAME", help=f"{listed(LOSSES)}."),
    click.option("--init", metavar="NAME", help=f"Initial weights: {listed(INITIALIZERS)}."),
    click.option("--dropout", type=float, metavar="RATE", help="Share of hidden numbers silenced in training."),
    click.option("--seed", type=int, metavar="N", help="Decides every random number; 0 unless given."),
    click.option("--config", metavar="FILE", help="A TOML file with settings; what is typed wins over it."),
)

_TRAINING = (
    click.option("--optimizer", metavar="NAME", help=f"{listed(OPTIMIZERS)}."),
    click.option("--learning-rate", type=float, metavar="RATE", help="Step size, above 0."),
    click.option("--epochs", type=int, metavar="N", help="Passes over the training rows."),
    click.option("--batch-size", type=int, metavar="N", help="Rows per update."),
    click.option("--weight-decay", type=float, metavar="RATE", help="L2 decay of the weights, not the biases."),
    click.option(
        "--validation-fraction",
        type=float,
        metavar="SHARE",
        help="Hold out this share of the training rows, in place of the data set's own validation part.",
    ),
    click.option("--standardize", is_flag=True, default=None, help="Bring each column to mean 0 and deviation 1."),
    click.option("--patience", type=int, metavar="N", help="Stop after N epochs without a better validation loss."),
    click.option("--dtype", metavar="NAME", help=f"{listed(DTYPES)}."),
)

_ENGINE = (
    click.option("--engine", metavar="NAME", help=f"{listed(ENGINES)}."),
    click.option("--threads", type=int, metavar="N", help="Threads of the native engine; chosen unless given."),
)

_TARGET = click.option("--target", metavar="COLUMN", help="Of a CSV file: the column to learn; the last unless given.")


def _with(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Returns one decorator that stands for several options, listed in the help in their order."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80})
@click.version_option(__version__, prog_name="pellucid")
def cli() -> None:
    """Neural networks you can see through.

    Begin with: pellucid train digits
    """


@cli.command()
@click.argument("data", required=False)
@_with(*_NETWORK, *_TRAINING, *_ENGINE, _TARGET)
@click.option("--out", metavar="FOLDER", help="The run folder; runs/DATA-001 and so on unless given.")
@click.option("--resume", is_flag=True, help="Continue a run that was stopped: that of --out, or the newest.")
@click.option("--epoch-lines", is_flag=True, default=None, help="A line per epoch: right answers on the test part.")
@click.option("--quiet", is_flag=True, default=None, help="Print errors only.")
def train(**typed: Any) -> None:
    """Train a network on DATA and keep it in a run folder.

    DATA is digits, mnist, fashion-mnist, xor, moons, spiral, circles, plane, or a file: CSV, NPZ, IDX or
    mnist.pkl.gz. Whatever is not given has a default for the data set.
    """
    from pellucid.cli.train import train as train_on

    train_on(**typed)


@cli.command()
@click.argument("model")
@click.argument("data")
@click.option("--part", default="test", show_default=True, metavar="NAME", help=f"{listed(PARTS)}.")
@_with(_TARGET, *_ENGINE)
def evaluate(**typed: Any) -> None:
    """Measure the loss and accuracy of MODEL on DATA.

    MODEL is a .safetensors file or a run folder.
    """
    from pellucid.cli.evaluate import evaluate as evaluate_on

    evaluate_on(**typed)


@cli.command()
@click.argument("model")
@click.argument("data")
@click.option("--out", metavar="FILE", help="Write all rows to a CSV file; on the screen unless given.")
@_with(_TARGET, *_ENGINE)
def predict(**typed: Any) -> None:
    """Print what MODEL says about each row of DATA.

    MODEL is a .safetensors file or a run folder. DATA is a file, with or without a column of targets, or a data set's
    name: its test part.
    """
    from pellucid.cli.predict import predict as predict_on

    predict_on(**typed)


@cli.command()
@click.argument("model", required=False)
@click.option("--data", metavar="DATA", help="Check on rows of this; on random numbers unless given.")
@click.option("--rows", type=int, default=8, show_default=True, metavar="N", help="How many rows to check on.")
@click.option("--cost", is_flag=True, help="Measure what numeric differentiation costs beside backpropagation.")
@_with(*_NETWORK, _TARGET)
def check(**typed: Any) -> None:
    """Compare backpropagation with numeric differentiation.

    For MODEL, a .safetensors file or a run folder; or for the network that the options describe. In float64; exit
    code 1 if they differ.
    """
    from pellucid.cli.check import check as check_network

    if not check_network(**typed):
        raise click.exceptions.Exit(1)


@cli.command(context_settings={"allow_interspersed_args": False})
@click.option("--faithful", is_flag=True, help="With the originals' faults, to get their published numbers.")
@click.argument("kind")
@click.argument("script")
@click.argument("arguments", nargs=-1)
def compat(**typed: Any) -> int:
    """Run an unmodified SCRIPT of the books on Pellucid.

    KIND says whose modules it imports: nielsen (Neural Networks and Deep Learning), book (Deep Learning from Scratch)
    or notebooks (the second text's common.functions). What follows SCRIPT goes to the script.
    """
    from pellucid.cli.compat import compat as run_unmodified

    return run_unmodified(**typed)


@cli.command()
@click.argument("model")
@click.option("--data", required=True, metavar="DATA", help="A data set or a file, as for train.")
@click.option("--sample", type=int, default=0, show_default=True, metavar="N", help="Which row, counted from 0.")
@click.option("--part", default="test", show_default=True, metavar="NAME", help=f"{listed(PARTS)}.")
@click.option("--html", metavar="FILE", help="Write a page too: one file, with everything in it.")
@click.option(
    "--learning-rate", type=float, default=0.1, show_default=True, metavar="RATE", help="Of the update shown."
)
@_with(_TARGET, *_ENGINE)
def explain(**typed: Any) -> None:
    """Show every number of one sample's pass through MODEL.

    Forward pass, loss, backward pass and the update, each array with its formula. MODEL is a .safetensors file or a
    run folder.
    """
    from pellucid.cli.explain import explain as explain_one

    explain_one(**typed)


@cli.command()
@click.argument("name", required=False)
@click.option("--all", "everything", is_flag=True, help="Run every experiment.")
@click.option("--list", "listing", is_flag=True, help="List the experiments' names.")
@click.option("--fast", is_flag=True, help="Scaled down, about a minute for all; figures are then not comparable.")
@click.option("--out", metavar="FOLDER", help="For tables and pictures; runs/reproduce-001 and so on unless given.")
@click.option("--resume", is_flag=True, help="Go on with the run in --out, or the newest: what is done stays.")
def reproduce(**typed: Any) -> None:
    """Run the books' experiments, published figures beside measured.

    NAME is an experiment or the beginning of several names, such as nielsen1. Exit code 1 where a figure differs.
    """
    from pellucid.cli.reproduce import reproduce as reproduce_results

    if not reproduce_results(**typed):
        raise click.exceptions.Exit(1)


@cli.command()
def info() -> None:
    """Print versions, engine, instruction set and threads."""
    from pellucid.info import info as gather

    click.echo(str(gather()))


def run(arguments: Sequence[str]) -> int:
    """Runs one command line and returns its exit code; a failure is one sentence on stderr."""
    try:
        result = cli.main(list(arguments) or ["--help"], prog_name="pellucid", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as stop:
        return int(stop.exit_code)
    except (click.Abort, KeyboardInterrupt):
        return _say("Stopped.", INTERRUPTED)
    except click.ClickException as error:
        return _say(error.format_message(), FAILED)
    except PellucidError as error:
        return _say(str(error), FAILED)
    except OSError as error:
        return _failed_outside(error)
    except MemoryError:
        return _say("There is not enough memory for this; take fewer units, rows or a smaller batch_size.", FAILED)
    return result if isinstance(result, int) else 0


def _failed_outside(error: OSError) -> int:
    if error.errno == errno.EPIPE:
        # Whoever read our output has gone, as `head` does; what is still in the buffer must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    what = f"use {str(error.filename)!r}" if error.filename else "write"
    mend = {
        errno.ENOSPC: "make room on the disk, or give another --out",
        errno.EDQUOT: "make room on the disk, or give another --out",
        errno.EROFS: "give another --out",
        errno.EACCES: "check the permissions, or give another --out",
        errno.EPERM: "check the permissions, or give another --out",
    }.get(error.errno or 0, "check the path")
    return _say(f"cannot {what}: {error.strerror or error}; {mend}.", FAILED)


def _say(sentence: str, code: int) -> int:
    # A sentence stays on one line, whatever a file's name or a column's brought in.
    text = printable(" ".join(sentence.split()))
    click.echo(text if code == INTERRUPTED else f"Error: {text}", err=True)
    return code


def main() -> NoReturn:
    """The entry point of the `pellucid` command."""
    sys.exit(run(sys.argv[1:]))
