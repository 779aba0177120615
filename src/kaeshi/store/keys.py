"""Encryption keys.

Each customer has a data key, wrapped by the master key; deleting the wrapped key erases the
customer's texts in every copy. The key table is small: keep it out of long-lived backups of the
database, and erasure reaches those too.
"""

import base64
import binascii
import hashlib
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kaeshi.errors import Damaged, Misconfigured
from kaeshi.files import sync_folder

MASTER_KEY = "master.key"
NONCE = 12
KEY = 32


def load_master_key(configured: str | None, folder: Path) -> bytes:
    """The configured key, else the one in `folder`, created at first use.

    Raises Misconfigured for a key of the wrong length.
    """
    if configured:
        return _decoded(configured, "KAESHI_MASTER_KEY")
    path = folder / MASTER_KEY
    if not path.exists():
        _make_key(folder, path)
    return _decoded(path.read_text(encoding="ascii").strip(), str(path))


def _make_key(folder: Path, path: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".master.key.{os.getpid()}.part"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
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


class Keyring:
    """Encrypts and decrypts with data keys, and hashes the caller's ids."""

    def __init__(self, master: bytes) -> None:
        self._wrapping = AESGCM(hashlib.blake2b(b"wrap", key=master, digest_size=KEY).digest())
        self._naming = hashlib.blake2b(b"name", key=master, digest_size=KEY).digest()
        self._spooling = AESGCM(hashlib.blake2b(b"spool", key=master, digest_size=KEY).digest())
        self._signing = hashlib.blake2b(b"sign", key=master, digest_size=KEY).digest()
        self._opened: dict[bytes, AESGCM] = {}

    def pseudonym(self, assistant: str, identifier: str, prefix: str) -> str:
        """The pseudonym of an id, always the same here.

        Without the master key it can neither be reversed nor tested.
        """
        content = f"{assistant}\0{identifier}".encode("utf-8", "surrogatepass")
        return f"{prefix}_{hashlib.blake2b(content, key=self._naming, digest_size=15).hexdigest()}"

    def digest(self, assistant: str, scope: str, thread: str) -> str:
        """The digest by which a conversation is recognised at some state.

        The gateway and the store must agree on it.
        """
        return self.pseudonym(assistant, f"{scope}\0{thread}", "p")

    def mac(self, content: bytes) -> bytes:
        """A keyed digest, to detect changes."""
        return hashlib.blake2b(content, key=self._naming, digest_size=8).digest()

    def signature(self, content: str) -> str:
        """A signature by which we recognise what we issued."""
        return hashlib.blake2b(
            content.encode("utf-8", "surrogatepass"), key=self._signing, digest_size=16
        ).hexdigest()

    def seal_spooled(self, plain: bytes, file: str) -> bytes:
        """Encrypt a record for one spool."""
        nonce = os.urandom(NONCE)
        return nonce + self._spooling.encrypt(nonce, plain, file.encode())

    def open_spooled(self, sealed: bytes, file: str) -> bytes:
        """Decrypt it, or raise Misconfigured."""
        try:
            return self._spooling.decrypt(sealed[:NONCE], sealed[NONCE:], file.encode())
        except InvalidTag as error:
            msg = (
                f"a record of spool {file!r} cannot be decrypted: it was changed, or "
                "KAESHI_MASTER_KEY differs from its gateway's"
            )
            raise Misconfigured(msg) from error

    def new_data_key(self) -> bytes:
        """A fresh data key, wrapped."""
        nonce = os.urandom(NONCE)
        return nonce + self._wrapping.encrypt(
            nonce, AESGCM.generate_key(bit_length=256), b"data key"
        )

    def seal(self, wrapped: bytes, plain: bytes, place: str) -> bytes:
        """Encrypt for one place in the table; it opens nowhere else."""
        nonce = os.urandom(NONCE)
        return nonce + self._data_key(wrapped).encrypt(nonce, plain, place.encode())

    def open(self, wrapped: bytes, sealed: bytes, place: str) -> bytes:
        """Decrypt.

        Raises Misconfigured for the wrong master key, Damaged for changed bytes.
        """
        try:
            return self._data_key(wrapped).decrypt(sealed[:NONCE], sealed[NONCE:], place.encode())
        except InvalidTag as error:
            msg = (
                f"text at {place!r} cannot be decrypted: it was changed, or moved from another "
                "place"
            )
            raise Damaged(msg) from error

    def _data_key(self, wrapped: bytes) -> AESGCM:
        if wrapped not in self._opened:
            try:
                plain = self._wrapping.decrypt(wrapped[:NONCE], wrapped[NONCE:], b"data key")
            except InvalidTag as error:
                msg = (
                    "a data key cannot be decrypted; is KAESHI_MASTER_KEY (or master.key) the one "
                    "this "
                    "database was made with?"
                )
                raise Misconfigured(msg) from error
            if len(self._opened) > 10_000:  # bounds the memory
                self._opened.clear()
            self._opened[wrapped] = AESGCM(plain)
        return self._opened[wrapped]


def _decoded(text: str, where: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        msg = f"{where}: not base64; make one with `head -c 32 /dev/urandom | base64`"
        raise Misconfigured(msg) from error
    if len(key) != KEY:
        msg = (
            f"{where}: {len(key)} bytes, {KEY} needed; make one with `head -c 32 /dev/urandom | "
            "base64`"
        )
        raise Misconfigured(msg)
    return key
