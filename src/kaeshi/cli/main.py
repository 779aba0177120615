"""The command `kaeshi`: its groups, loaded when used, and one line for an error."""

import gc
import importlib
import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

import kaeshi
from kaeshi.errors import KaeshiError

UNEXPECTED = 70
# the help text of each word; the module of that name is imported when it is called
COMMANDS = {
    "demo": "Run the whole loop on a simulated hibachi concierge.",
    "run": "Run the loop over recorded logs.",
    "serve": "Serve the gateway, the HTTP API, the pages and the scheduler.",
    "judge": "Judge two result files: better, worse or not shown.",
    "backup": "Back up the database and its files while they are in use.",
    "restore": "Make a data folder of a backup.",
    "shim": "Write the package api/ai/ml into your own tree.",
}
GROUPS = {
    "gateway": "The gateway's worker.",
    "data": "Dated tables: prices and retirements.",
    "trainer": "The embedded fine-tuning server.",
    "models": "Model files.",
    "conversation": "Log conversations and their outcomes.",
    "feedback": "Record and import feedback.",
    "review": "Decide about proposed examples and entries.",
    "collection": "Judge and scrub the conversations that may be learned from.",
    "pii": "Find and replace personal data.",
    "dataset": "Build and check training data.",
    "training": "Make candidates: fine-tunes at any provider of OpenAI's wire, examples, builds.",
    "evaluation": "Evaluate models on test cases.",
    "rollout": "Take a model into production by evidence, or back out.",
    "autopilot": "What the loop does by itself, and your yes or no.",
    "knowledge": "Approved questions and answers.",
    "examples": "What was learned, shown beside questions.",
    "report": "The weekly report.",
    "jobs": "Scheduled jobs.",
    "keys": "The master key: check, rotate, seal a copy.",
}


class Words(TyperGroup):
    """Command groups, one module each, imported when used: `kaeshi --help` imports none."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # typer's signature
        return [*COMMANDS, *GROUPS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002  # typer's signature
        if cmd_name not in self.commands and cmd_name in COMMANDS | GROUPS:
            self.commands[cmd_name] = _loaded(cmd_name)
        return self.commands.get(cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002  # typer's signature
        with formatter.section("Commands"):
            formatter.write_dl(list((COMMANDS | GROUPS).items()))


def _imported(word: str) -> Any:
    """The module of a word.

    Nothing that an import makes is garbage: without the collector's rounds it takes a tenth less.
    """
    gc.disable()
    try:
        return importlib.import_module(f"kaeshi.cli.{word}")
    finally:
        gc.freeze()
        gc.enable()


def _loaded(word: str) -> TyperCommand | TyperGroup:
    module = _imported(word)
    made: TyperCommand | TyperGroup
    if word in GROUPS:
        made = typer.main.get_group(module.app)
        made.help = GROUPS[word]
    else:
        made = typer.main.get_command(module.app)  # type: ignore[assignment]  # one command: no group
    made.name = word
    return made


app = typer.Typer(
    name="kaeshi",
    cls=Words,
    help="The self-learning loop for LLM assistants.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"kaeshi {kaeshi.__version__}")
        raise typer.Exit


@app.callback()
def _kaeshi(
    *,
    version: Annotated[  # typer calls _version
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """The self-learning loop for LLM assistants."""


def main() -> None:
    """Run a command.

    A KaeshiError becomes one line on stderr and exit code 1; an unexpected error says how to see
    the traceback.
    """
    try:
        app()
    except KaeshiError as error:
        sys.exit(_refused(str(error)))
    except UnicodeEncodeError as error:
        place = error.start
        sys.exit(
            _refused(
                f"an argument holds a character that is not Unicode text (at {place}); correct it"
            )
        )
    except BrokenPipeError:  # the reader of the output has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:  # the outermost handler: a user sees one line, not a traceback
        if sys.flags.dev_mode:
            raise
        if isinstance(error, OSError) and error.filename is not None:
            sys.exit(_refused(f"{str(error.filename)!r}: {error.strerror}"))
        why = " ".join(str(error).split())[:300]
        _refused(
            f"unexpected {type(error).__name__}: {why}; "
            "run with `python -X dev -m kaeshi` to see where"
        )
        sys.exit(UNEXPECTED)


def _refused(why: str) -> int:
    sys.stderr.write(f"kaeshi: {' '.join(why.split())}\n")
    return 1
