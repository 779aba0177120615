"""Encryption keys.

Each customer has a data key, wrapped by the master key; deleting the wrapped key erases the
customer's texts in every copy. The key table is small: keep it out of long-lived backups of the
database, and erasure reaches those too.
"""

import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kaeshi.errors import Damaged, Misconfigured

NONCE = 12
KEY = 32


NETWORK = "n"  # prefixes of networks' pseudonyms
OWN_NETWORK = "l"


class Keyring:
    """Encrypts and decrypts with data keys, and hashes the caller's ids.

    `lasting`: the keys of an earlier master key that pseudonyms and spools are made with; a new
    master key keeps them.
    """

    def __init__(self, master: bytes, lasting: bytes | None = None) -> None:
        self.lasting = lasting or _derived(master, b"name") + _derived(master, b"spool")
        self.fingerprint = _derived(master, b"fingerprint")[:8].hex()
        self._wrapping = AESGCM(_derived(master, b"wrap"))
        self._naming = self.lasting[:KEY]
        self._spooling = AESGCM(self.lasting[KEY:])
        self._signing = _derived(master, b"sign")
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
        return self._wrap(AESGCM.generate_key(bit_length=256))

    def rewrap(self, wrapped: bytes, after: "Keyring") -> bytes:
        """The same data key, wrapped by another master key. Raises Misconfigured."""
        return after._wrap(self._unwrapped(wrapped))

    def _wrap(self, key: bytes) -> bytes:
        nonce = os.urandom(NONCE)
        return nonce + self._wrapping.encrypt(nonce, key, b"data key")

    def _unwrapped(self, wrapped: bytes) -> bytes:
        try:
            return self._wrapping.decrypt(wrapped[:NONCE], wrapped[NONCE:], b"data key")
        except (InvalidTag, ValueError) as error:
            # the master key is compared with the database's when it is opened
            msg = (
                "a data key cannot be decrypted: it was changed in the database, or belongs to "
                "another master key"
            )
            raise Damaged(msg) from error

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
        except (InvalidTag, ValueError) as error:  # ValueError: it was cut short
            msg = (
                f"text at {place!r} cannot be decrypted: it was changed, or moved from another "
                "place"
            )
            raise Damaged(msg) from error

    def _data_key(self, wrapped: bytes) -> AESGCM:
        if wrapped not in self._opened:
            plain = self._unwrapped(wrapped)
            if len(self._opened) > 10_000:  # bounds the memory
                self._opened.clear()
            self._opened[wrapped] = AESGCM(plain)
        return self._opened[wrapped]


def _derived(master: bytes, purpose: bytes) -> bytes:
    return hashlib.blake2b(purpose, key=master, digest_size=KEY).digest()
