"""The command line: `python -m keras_siamese COMMAND ...`."""

import argparse
import re
import sys
from collections.abc import Sequence

import tensorflow as tf

from keras_siamese.commands import evaluate, project

_COMMANDS = (evaluate, project)
# What wrong arguments, files and data lead to. Anything else is a mistake of this package, and its
# traceback is worth seeing.
_EXPECTED = (ValueError, TypeError, OSError, ImportError, tf.errors.OpError)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command.

    Args:
        argv: Arguments of the command line; None: those of the process.

    Returns: The exit code: 0, or 1 after an error, which is one line on stderr. Arguments that do
        not fit end the process with code 2.
    """
    parser = argparse.ArgumentParser(prog="python -m keras_siamese")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add_parser(subparsers).set_defaults(run=command.run)
    args = parser.parse_args(argv)
    try:
        args.run(args)
    except _EXPECTED as error:
        message = re.sub("\x1b\\[[0-9;]*m", "", str(error))  # Keras prints in bold
        print(f"error: {' '.join(message.split())}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
