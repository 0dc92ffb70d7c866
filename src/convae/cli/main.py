"""Run the command line and return an exit code; every error is printed as one sentence on stderr.

Exit codes: 0 success; 2 wrong input; 1 a fault of convae, or training that cannot continue; 130, 143 and 129
after Ctrl-C, SIGTERM and SIGHUP; 141 when the reader of the output has closed the pipe.
"""

import contextlib
import difflib
import errno
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any

import click

from convae.cli.gc_tuning import loading
from convae.cli.io.made_folders import remove_made_folders
from convae.cli.option_words import in_options
from convae.cli.terminal.output import silence, warn
from convae.errors import ConvaeError, ImageWarning, InputError
from convae.filesystem.run_files import run_files

DONE, FAULT, INPUT, PIPE = 0, 1, 2, 141


class Terminated(BaseException):
    """Raised on SIGTERM or SIGHUP: the command unwinds, so that no temporary file is left behind.

    Attributes:
        signal: the number of the signal, 15 or 1.
    """

    def __init__(self, number: int = signal.SIGTERM) -> None:
        super().__init__()
        self.signal = number


class Interrupted(KeyboardInterrupt):
    """Raised when training was stopped; the text says how to resume.

    Attributes:
        signal: the number of the signal: 2 for Ctrl-C, 15 for SIGTERM, ...
    """

    def __init__(self, text: str, signal: int) -> None:
        super().__init__(text)
        self.signal = signal


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program ``convae``: :func:`run` on a terminal or a pipe of any encoding.

    Args:
        arguments: without the program's name; None for those of the process.

    Returns:
        The exit code.
    """
    # On a shared machine, threads that spin while they wait make torch ten times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:  # file names of any bytes can be printed
            reconfigure(errors="backslashreplace")
    leave_removed_directory()
    with warnings.catch_warnings(), loading():
        if (
            not sys.warnoptions
        ):  # Python warnings are for developers, who can enable them with python -W
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", ImageWarning)
            warnings.showwarning = _told
        code = run(sys.argv[1:] if arguments is None else arguments)
    return _flushed(code)


def _told(message: Warning | str, *_: Any, **__: Any) -> None:
    """Print a warning about images on stderr, unless --quiet is given."""
    if not {"-q", "--quiet"} & set(sys.argv):
        warn(str(message))


def open_closed_streams() -> None:
    """Redirect closed standard streams (a daemon, ``2>&-``) to the null device.

    Otherwise a file opened later would get the descriptor of a closed stream and receive what is printed
    there; Python itself sets such a stream to None.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115


def leave_removed_directory() -> None:
    """Change to /proc if the working directory was removed, because torch would end the process there.

    No user keeps files in /proc, so a relative path cannot find a wrong file.
    """
    try:
        os.getcwd()
    except FileNotFoundError:
        with contextlib.suppress(OSError):
            os.chdir("/proc")
            warn("the working directory does not exist any more: relative paths lead nowhere")
    except OSError:
        pass


def run(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code; errors that a user can cause are never raised."""
    with run_files(arguments) as files:
        code = _code(arguments)
        files.close(failed=code not in (DONE, PIPE))
    remove_made_folders(failed=code != DONE)
    return code


def _code(arguments: Sequence[str]) -> int:
    given = list(arguments)
    debug = "--debug" in given
    try:
        with _terminable():
            return _invoke(given)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        warn(error.format_message())
        return INPUT
    except BrokenPipeError:
        silence(sys.stdout)
        return PIPE
    except BaseException as error:
        code, text = explain(error)
        if debug and not isinstance(error, click.ClickException):
            traceback.print_exc()
        warn(f"convae: {text}")
        return code


def explain(error: BaseException) -> tuple[int, str]:
    """Return the exit code of an error and the sentence for it."""
    if isinstance(error, click.ClickException):
        return INPUT, _usage(error)
    if isinstance(error, KeyboardInterrupt | click.Abort | Terminated):
        number = getattr(error, "signal", 0) or signal.SIGINT
        return 128 + int(number), str(error) or "interrupted; nothing half-written is left"
    if isinstance(error, InputError):
        return INPUT, in_options(one_line(error))
    if isinstance(error, ConvaeError):
        return FAULT, in_options(one_line(error))
    if isinstance(error, MemoryError) or _out_of_memory(error):
        return FAULT, (
            "out of memory: try a smaller --batch-size, a smaller --size, or --storage streamed"
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return FAULT, "the disk is full; free some space, or set TMPDIR to a folder on another disk"
    return FAULT, (
        f"a fault of convae, not of yours: {type(error).__name__}: {one_line(error)}; run again with "
        "--debug for the details to report"
    )


def one_line(error: object) -> str:
    """Return the message of an error in one line."""
    return " ".join(str(error).split())


def _invoke(given: list[str]) -> int:
    from convae.cli.verb_table import convae

    if not given:
        given = ["--help"]
    if given[0] == "help":  # convae help VERB
        given = [*given[1:], "--help"]
    if "_CONVAE_COMPLETE" in os.environ:  # the shell asks for completions
        # An incomplete command line may be wrong in any way; no error may be printed during completion.
        with contextlib.suppress(SystemExit, Exception):
            convae.main(args=given, prog_name="convae")
        return DONE
    if "" in given:
        before = given[given.index("") - 1] if given.index("") else "convae"
        raise InputError(
            f"the argument after {before} is empty: a variable of the shell that is not set, perhaps"
        )
    # Not convae.main(): it replaces Ctrl-C and closed pipes by errors of click.
    with convae.make_context("convae", given) as context:
        convae.invoke(context)
    return DONE


def _usage(error: click.ClickException) -> str:
    """Return the sentence for a usage error, with the command that prints the help."""
    if isinstance(error, click.NoSuchOption):
        text = f"no such option {error.option_name!r}"
        if near := difflib.get_close_matches(error.option_name, error.possibilities or [], n=1):
            text += f": did you mean {near[0]!r}?"
    else:
        text = one_line(error.format_message()).rstrip(".")
        text = text[:1].lower() + text[1:]
    context = getattr(error, "ctx", None)
    if context is None or (isinstance(error, click.BadParameter) and "did you mean" in text):
        return text
    return f"{text} (see '{context.command_path} --help')"


def _out_of_memory(error: BaseException) -> bool:
    """Return whether torch ran out of memory, on an accelerator or (a plain RuntimeError) on the CPU."""
    return type(error).__name__ == "OutOfMemoryError" or (
        isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    )


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Make SIGTERM, and SIGHUP where it is not ignored (nohup), unwind the command as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _: FrameType | None) -> None:
        raise Terminated(number)

    numbers = [signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = [(number, signal.signal(number, stop)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def _flushed(code: int) -> int:
    """Flush stdout and return ``code``, or the code of the error if the output cannot be written."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        silence(sys.stdout)
        return PIPE
    except OSError as error:
        silence(sys.stdout)
        warn(f"convae: the output cannot be written: {error.strerror}")
        return FAULT
    return code
