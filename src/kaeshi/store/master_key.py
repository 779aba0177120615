"""The master key as a text: in a setting, in a file, and sealed by a passphrase.

The text is 32 bytes in base64. After a rotation the keys that stay follow, after a dot: pseudonyms
and spools are made with them, and nothing that is stored could be found under new ones.
"""

import base64
import binascii
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from kaeshi.errors import Conflict, InvalidInput, Misconfigured, Refused
from kaeshi.files import sync_folder, write_whole
from kaeshi.store.keys import KEY, NONCE, Keyring

MASTER_KEY = "master.key"
PRIVATE = 0o600
LEAST_PASSPHRASE = 12  # characters
SALT = 16
# of scrypt: .1 s and 64 MB a guess (RFC 7914)
COST = 2**16
BLOCK = 8


def load_master_key(configured: str | None, folder: Path) -> Keyring:
    """The configured key, else the one in `folder`, created at first use.

    Raises Misconfigured for a key of the wrong length.
    """
    if configured:
        return read_key(configured, "KAESHI_MASTER_KEY")
    path = folder / MASTER_KEY
    if not path.exists():
        _make_key(folder, path)
    return _read_file(path)


def _make_key(folder: Path, path: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".master.key.{os.getpid()}.part"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE), "wb") as stream:
        stream.write(base64.b64encode(AESGCM.generate_key(bit_length=256)) + b"\n")
        stream.flush()
        os.fsync(stream.fileno())
    try:
        os.link(draft, path)  # fails if another process was first: then its key is used
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    sync_folder(folder)


def read_key(text: str, where: str) -> Keyring:
    """The keyring of a key's text. Raises Misconfigured for one that is none."""
    master, _, lasting = text.strip().partition(".")
    return Keyring(
        _decoded(master, KEY, where), _decoded(lasting, 2 * KEY, where) if lasting else None
    )


def successor(keyring: Keyring) -> tuple[str, Keyring]:
    """A new master key that keeps what must stay, as text and as a keyring."""
    master = AESGCM.generate_key(bit_length=256)
    text = ".".join(base64.b64encode(part).decode() for part in (master, keyring.lasting))
    return text, read_key(text, "the new key")


def next_key(folder: Path, fingerprint: str) -> Path:
    """Where a new key waits until the database is under it: no rotation overwrites another's."""
    return folder / f"{MASTER_KEY}.next-{fingerprint}"


def take_next(folder: Path, fingerprint: str) -> Keyring | None:
    """Put a rotation's key in place, where the database says that it is the one in use.

    There is a master.key at every moment. The key of before stays beside it, for the backups that
    need it. None where no key waits.
    """
    waiting = next_key(folder, fingerprint)
    if not waiting.exists():
        return None
    found = _read_file(waiting)
    path = folder / MASTER_KEY
    if path.exists():
        with suppress(FileExistsError):  # a start that was cut off here
            os.link(path, folder / f"{MASTER_KEY}.before-{fingerprint}")
    waiting.replace(path)
    sync_folder(folder)
    return found


@contextmanager
def rotating(folder: Path) -> Iterator[None]:
    """Hold the right to rotate a folder's key. Raises Conflict while another rotation does."""
    lock = os.open(folder / f".{MASTER_KEY}.lock", os.O_RDWR | os.O_CREAT, PRIVATE)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        msg = f"another rotation is under way in {str(folder)!r}; wait for its end"
        raise Conflict(msg) from error
    try:
        yield
    finally:
        os.close(lock)


def _read_file(path: Path) -> Keyring:
    try:
        return read_key(path.read_text(encoding="ascii"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it holds bytes that are no text"
        msg = f"{str(path)!r} cannot be read: {why}"
        raise Misconfigured(msg) from error


def seal_key(text: str, passphrase: str, fingerprint: str) -> bytes:
    """A key's text, sealed by a passphrase (scrypt, AES-GCM), to be kept elsewhere.

    Raises InvalidInput for a passphrase that is too short.
    """
    if len(passphrase) < LEAST_PASSPHRASE:
        msg = (
            f"the passphrase has {len(passphrase)} characters; at least {LEAST_PASSPHRASE}, such "
            "as five words"
        )
        raise InvalidInput(msg)
    salt = os.urandom(SALT)
    nonce = os.urandom(NONCE)
    key = _stretched(passphrase, salt)
    sealed = AESGCM(key).encrypt(nonce, text.strip().encode(), fingerprint.encode())
    parts = {"salt": salt, "nonce": nonce, "sealed": sealed}
    written = {name: base64.b64encode(part).decode() for name, part in parts.items()}
    return (json.dumps({"kaeshi_master_key": fingerprint, **written}, indent=1) + "\n").encode()


def open_key(raw: bytes, passphrase: str, where: str) -> str:
    """The key's text. Raises InvalidInput for another file, Refused for another passphrase."""
    try:
        held = json.loads(raw)
        fingerprint = str(held["kaeshi_master_key"])
        salt, nonce, sealed = (base64.b64decode(held[name]) for name in ("salt", "nonce", "sealed"))
    except (ValueError, KeyError, TypeError) as error:
        msg = f"{where!r} holds no sealed key; `kaeshi keys escrow FILE` writes one"
        raise InvalidInput(msg) from error
    try:
        key = _stretched(passphrase, salt)
        return AESGCM(key).decrypt(nonce, sealed, fingerprint.encode()).decode()
    except (InvalidTag, ValueError) as error:
        msg = f"{where!r} is sealed by another passphrase, or was changed"
        raise Refused(msg) from error


def put_back(folder: Path, text: str) -> Keyring:
    """Write master.key, where there is none. Raises Conflict beside another key."""
    found = read_key(text, "the sealed key")
    path = folder / MASTER_KEY
    if path.exists():
        there = _read_file(path)
        if there.fingerprint != found.fingerprint:
            msg = (
                f"{str(path)!r} is another key ({there.fingerprint}); move it away first, if the "
                f"database needs {found.fingerprint}"
            )
            raise Conflict(msg)
        return found
    write_whole(path, f"{text}\n".encode(), mode=PRIVATE)
    return found


def _stretched(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=KEY, n=COST, r=BLOCK, p=1).derive(passphrase.encode())


def _decoded(text: str, length: int, where: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        msg = f"{where}: not base64; make one with `head -c 32 /dev/urandom | base64`"
        raise Misconfigured(msg) from error
    if len(key) != length:
        msg = (
            f"{where}: {len(key)} bytes, {length} needed; make one with `head -c 32 /dev/urandom | "
            "base64`"
        )
        raise Misconfigured(msg)
    return key
