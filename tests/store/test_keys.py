"""Claims about store/keys.py."""

from pathlib import Path

import pytest

from kaeshi import log_conversations
from kaeshi.app import open_loop
from kaeshi.errors import KaeshiError, Misconfigured
from kaeshi.steps import conversation
from kaeshi.store import Keyring
from samples import record


async def test_the_wrong_master_key_opens_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/kaeshi.db"
    await log_conversations(url, [record("c")])
    (tmp_path / "master.key").unlink()
    async with open_loop(url) as other:
        with pytest.raises(KaeshiError, match="master"):
            await conversation.show(other, "c")


def test_a_seal_opens_in_its_place_only() -> None:
    ring = Keyring(b"m" * 32)
    key = ring.new_data_key()
    sealed = ring.seal(key, b"hello", "here")
    assert ring.open(key, sealed, "here") == b"hello"
    with pytest.raises(Misconfigured):
        ring.open(key, sealed, "there")


def test_a_pseudonym_needs_the_master_key() -> None:
    a, b = Keyring(b"a" * 32), Keyring(b"b" * 32)
    assert (
        a.pseudonym("main", "ann", "c")
        == a.pseudonym("main", "ann", "c")
        != b.pseudonym("main", "ann", "c")
    )
