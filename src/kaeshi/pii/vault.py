"""The vault: replaced values in a sealed file, for later restoring.

Nothing is kept unless a vault is named. One record per conversation, in order, sealed (AES-GCM)
under KAESHI_VAULT_KEY; a record opens only in its own place, so that rows cannot be swapped.
"""

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kaeshi.errors import InvalidInput, Misconfigured
from kaeshi.files import write_whole
from kaeshi.nouns import Original, Scrubbed
from kaeshi.pii import restored

NONCE = 12
KEY = 32
Originals = Sequence[Sequence[Original]]  # one for each text of a conversation


class Kept(NamedTuple):
    """The replaced values of a conversation, and the sha256 of each scrubbed text."""

    sha256: Sequence[str]
    originals: Originals


def sha256_of(pieces: Iterable[str]) -> str:
    """The sha256 of a text in pieces."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


class Vault:
    """A sealed file of replaced values. Raises Misconfigured for a key of the wrong length."""

    def __init__(self, path: Path, key: str) -> None:
        self._path = path
        self._sealing = AESGCM(_decoded(key))

    def write(self, conversations: Sequence[Kept]) -> None:
        """Seal the replaced values of every conversation.

        The file is whole or absent, and only its owner may read it.
        """
        write_whole(
            self._path, (self._sealed(i, kept) for i, kept in enumerate(conversations)), mode=0o600
        )

    def read(self) -> Iterator[Kept]:
        """The replaced values, conversation by conversation.

        Raises InvalidInput for a record that was changed, moved, or sealed under another key.
        """
        lines = self._lines()
        for i, line in enumerate(lines):
            try:
                sealed = base64.b64decode(line, validate=True)
                yield Kept(
                    *json.loads(self._sealing.decrypt(sealed[:NONCE], sealed[NONCE:], _place(i)))
                )
            except (InvalidTag, ValueError, binascii.Error) as error:
                msg = (
                    f"vault {str(self._path)!r}, record {i + 1} cannot be decrypted: it was "
                    "changed or moved, or KAESHI_VAULT_KEY is wrong"
                )
                raise InvalidInput(msg) from error

    def _lines(self) -> list[bytes]:
        try:
            lines = self._path.read_bytes().splitlines()
        except OSError as error:
            msg = f"vault {str(self._path)!r} cannot be read: {error.strerror}"
            raise InvalidInput(msg) from error
        return lines

    def _sealed(self, number: int, kept: Kept) -> bytes:
        nonce = os.urandom(NONCE)
        plain = json.dumps(kept).encode()
        return base64.b64encode(nonce + self._sealing.encrypt(nonce, plain, _place(number))) + b"\n"


def put_back(texts: Sequence[str], kept: Kept) -> tuple[str, ...]:
    """The original texts.

    Raises InvalidInput if these are not the texts that were scrubbed.
    """
    if [sha256_of([text]) for text in texts] != list(kept.sha256):
        msg = "the scrubbed text was changed since, or belongs to another vault"
        raise InvalidInput(msg)
    return restored(
        Scrubbed(
            texts=tuple(texts),
            found={},
            counts={},
            originals=tuple(tuple(map(tuple, there)) for there in kept.originals),
        )
    )


def _place(number: int) -> bytes:
    return f"vault record {number}".encode()


def _decoded(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY:
        msg = (
            "KAESHI_VAULT_KEY must be 32 bytes in base64; make one with `head -c 32 /dev/urandom "
            "| base64`"
        )
        raise Misconfigured(msg)
    return key
