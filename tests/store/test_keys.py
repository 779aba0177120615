"""Claims about store/keys.py."""

import base64
from pathlib import Path

import pytest

from kaeshi import log_conversations
from kaeshi.app import open_loop
from kaeshi.errors import KaeshiError, Misconfigured
from kaeshi.settings import Settings
from kaeshi.steps import conversation
from kaeshi.store import Keyring
from samples import record


async def test_the_wrong_master_key_opens_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/kaeshi.db"
    await log_conversations(url, [record("c")])
    monkeypatch.setenv("KAESHI_MASTER_KEY", base64.b64encode(b"x" * 32).decode())
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


async def test_a_missing_master_key_is_never_replaced_beside_texts_that_need_it(
    tmp_path: Path,
) -> None:
    chosen = Settings(kaeshi_data_dir=tmp_path)
    async with open_loop(settings=chosen) as loop:
        await conversation.log(loop, [record("c1")])
    key = tmp_path / "master.key"
    kept = key.read_bytes()
    key.unlink()
    for _ in range(2):
        with pytest.raises(Misconfigured, match=r"master.key.*1 customers.*KAESHI_MASTER_KEY"):
            async with open_loop(settings=chosen):
                pass
        assert not key.exists()
    key.write_bytes(kept)
    async with open_loop(settings=chosen) as loop:
        assert (await conversation.show(loop, "c1"))["messages"]


async def test_an_empty_database_gets_a_new_master_key(tmp_path: Path) -> None:
    for _ in range(2):
        async with open_loop(settings=Settings(kaeshi_data_dir=tmp_path)):
            pass
        (tmp_path / "master.key").unlink()
