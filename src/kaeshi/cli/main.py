"""Where commands hang, and where errors become one line and an exit code."""

import os
import sys

import typer

from kaeshi.cli import decide, gather, learn, pii, whole
from kaeshi.errors import KaeshiError

app = typer.Typer(
    name="kaeshi",
    help="The self-learning loop for LLM assistants.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for commands in (whole.commands, gather.commands, pii.commands, learn.commands, decide.commands):
    commands(app)

UNEXPECTED = 70


def main() -> None:
    """Run a command. An error of ours is one line on stderr and exit code 1; an unexpected one says how to see more."""
    try:
        app()
    except KaeshiError as error:
        sys.stderr.write(f"kaeshi: {' '.join(str(error).split())}\n")
        sys.exit(1)
    except UnicodeEncodeError as error:
        sys.stderr.write(
            f"kaeshi: an argument holds a character that is not Unicode text (at {error.start}); correct it\n"
        )
        sys.exit(1)
    except BrokenPipeError:  # whoever read our output has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:  # the command line's door: a stranger sees one line, not our stack
        if sys.flags.dev_mode:
            raise
        sys.stderr.write(
            f"kaeshi: unexpected {type(error).__name__}: {' '.join(str(error).split())[:300]}; run with `python -X dev -m kaeshi` to see where\n"
        )
        sys.exit(UNEXPECTED)
