"""`kaeshi keys`: the master key that opens what customers said."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from kaeshi.cli.opening import with_loop
from kaeshi.cli.output import AsJson, Database, group, show
from kaeshi.errors import InvalidInput
from kaeshi.files import write_whole
from kaeshi.loop import Loop
from kaeshi.settings import load
from kaeshi.steps import keys as steps
from kaeshi.store.master_key import MASTER_KEY, PRIVATE, open_key, put_back, read_key, seal_key

Sealed = Annotated[Path, typer.Argument(metavar="FILE", help="The sealed copy.")]
app = group()


@app.command()
def check(
    escrow: Annotated[
        Path | None, typer.Option("--escrow", help="A sealed copy that must hold this key.")
    ] = None,
    db: Database = None,
    as_json: AsJson = False,
) -> None:
    """Open every customer's key and the latest texts with the master key.

    Ends with 1 if one does not open, or the sealed copy holds another key.
    """
    found = with_loop(db, None, steps.check)
    held = None if escrow is None else _fingerprint_of(escrow)
    is_right = not found.customers_closed and not found.texts_closed
    is_kept = held in {None, found.fingerprint}
    lines = [
        f"master key {found.fingerprint} in {found.where}",
        f"customers' keys opened: {found.customers - found.customers_closed} of {found.customers}",
        f"texts opened: {found.texts - found.texts_closed} of {found.texts}",
    ]
    if escrow is not None:
        lines.append(f"{escrow} holds {held}{'' if is_kept else ': not this key'}")
    show({**asdict(found), "escrow": held}, as_json=as_json, text="\n".join(lines))
    if not is_right or not is_kept:
        raise typer.Exit(1)


@app.command()
def rotate(
    to: Annotated[
        Path | None,
        typer.Option("--to", help="File for the new key, where the environment has it."),
    ] = None,
    db: Database = None,
    as_json: AsJson = False,
) -> None:
    """Wrap every customer's key by a new master key.

    Start servers again afterwards. Backups made before need the key of before.
    """
    count, place = with_loop(db, None, lambda loop: steps.rotate(loop, to))
    text = (
        f"the keys of {count} customers are wrapped by the new master key in {place}\n"
        "start every server again, and seal a copy: kaeshi keys escrow FILE"
    )
    show({"customers": count, "where": place}, as_json=as_json, text=text)


@app.command()
def escrow(file: Sealed, db: Database = None, as_json: AsJson = False) -> None:
    """Seal a copy of the master key by a passphrase, to be kept away from this machine.

    The passphrase is asked for, or read from KAESHI_ESCROW_PASSPHRASE.
    """
    if file.exists():
        raise InvalidInput(f"{str(file)!r} exists; name a new file")

    async def sealed(loop: Loop) -> bytes:
        keyring = loop.store.keyring
        return seal_key(_text_of(loop), _passphrase(is_new=True), keyring.fingerprint)

    write_whole(file, with_loop(db, None, sealed), mode=PRIVATE)
    show({"file": file}, as_json=as_json, text=f"{file} holds the master key; keep it elsewhere")


@app.command()
def restore(file: Sealed, as_json: AsJson = False) -> None:
    """Put master.key back from a sealed copy, where it is missing."""
    folder = load().data_dir
    found = put_back(folder, open_key(_read(file), _passphrase(is_new=False), str(file)))
    show(
        {"fingerprint": found.fingerprint},
        as_json=as_json,
        text=f"{folder / MASTER_KEY} is {found.fingerprint}; see kaeshi keys check",
    )


def _text_of(loop: Loop) -> str:
    secret = loop.settings.kaeshi_master_key
    if secret is not None:
        return secret.get_secret_value()
    return (loop.settings.data_dir / MASTER_KEY).read_text(encoding="ascii")


def _fingerprint_of(file: Path) -> str:
    text = open_key(_read(file), _passphrase(is_new=False), str(file))
    return read_key(text, str(file)).fingerprint


def _passphrase(*, is_new: bool) -> str:
    known = load().kaeshi_escrow_passphrase
    if known is not None:
        return known.get_secret_value()
    if not sys.stdin.isatty():
        msg = "there is no terminal to ask for the passphrase; set KAESHI_ESCROW_PASSPHRASE"
        raise InvalidInput(msg)
    asked: str = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=is_new, err=True)
    return asked


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{str(file)!r} cannot be read: {error.strerror}") from error
