"""Claims about store/keys.py."""

import asyncio
import base64
from pathlib import Path

import pytest
from sqlalchemy import select, update

from kaeshi import log_conversations
from kaeshi.app import open_loop
from kaeshi.errors import Conflict, Damaged, InvalidInput, Misconfigured, Refused
from kaeshi.loop import Loop
from kaeshi.settings import Settings
from kaeshi.steps import conversation, keys
from kaeshi.store import Keyring
from kaeshi.store.master_key import next_key, open_key, put_back, seal_key, successor
from kaeshi.store.tables import customers
from samples import record


async def test_the_wrong_master_key_opens_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/kaeshi.db"
    await log_conversations(url, [record("c")])
    monkeypatch.setenv("KAESHI_MASTER_KEY", base64.b64encode(b"x" * 32).decode())
    with pytest.raises(Misconfigured, match="this database is under"):
        async with open_loop(url):
            pass


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


async def test_a_rotated_key_opens_everything_and_the_former_one_nothing(tmp_path: Path) -> None:
    chosen = Settings(kaeshi_data_dir=tmp_path)
    async with open_loop(settings=chosen) as loop:
        await conversation.log(loop, [record("c1", customer_id="ann")])
        former = (tmp_path / "master.key").read_text()
        assert (await keys.rotate(loop, None))[0] == 1
    async with open_loop(settings=chosen) as loop:
        found = await keys.check(loop)
        assert (found.customers, found.customers_closed, found.texts_closed) == (1, 0, 0)
        assert (await conversation.show(loop, "c1"))["messages"]
        # the same customer has the same pseudonym as before
        await conversation.log(loop, [record("c2", customer_id="ann")])
        shown = [await conversation.show(loop, name) for name in ("c1", "c2")]
        assert shown[0]["customer"] == shown[1]["customer"]
    (kept,) = tmp_path.glob("master.key.before-*")
    assert kept.read_text() == former
    with pytest.raises(Misconfigured, match="this database is under"):
        async with open_loop(settings=Settings(kaeshi_data_dir=tmp_path, kaeshi_master_key=former)):
            pass


async def begun(loop: Loop, folder: Path) -> tuple[str, Keyring]:
    """The next key as a rotation writes it before the database changes."""
    await conversation.log(loop, [record("c1")])
    text, after = successor(loop.store.keyring)
    next_key(folder, after.fingerprint).write_text(text)
    return text, after


@pytest.mark.parametrize("between", [False, True])
async def test_a_rotation_that_was_cut_off_before_its_key_was_in_place_is_settled_by_the_next_start(
    tmp_path: Path, between: bool
) -> None:
    chosen = Settings(kaeshi_data_dir=tmp_path)
    async with open_loop(settings=chosen) as loop:
        text, after = await begun(loop, tmp_path)
        async with loop.store.write() as tx:
            await tx.keys.rewrap(after, loop.clock.now())
    if between:  # the former key was kept, and its successor not yet in its place
        (tmp_path / f"master.key.before-{after.fingerprint}").hardlink_to(tmp_path / "master.key")
    for _ in range(2):
        async with open_loop(settings=chosen) as loop:
            assert (await conversation.show(loop, "c1"))["messages"]
    assert (tmp_path / "master.key").read_text() == text


async def test_a_rotation_that_was_cut_off_before_the_database_changed_changes_nothing(
    tmp_path: Path,
) -> None:
    chosen = Settings(kaeshi_data_dir=tmp_path)
    async with open_loop(settings=chosen) as loop:
        await begun(loop, tmp_path)
    async with open_loop(settings=chosen) as loop:
        assert (await conversation.show(loop, "c1"))["messages"]
        assert (await keys.rotate(loop, None))[0] == 1


async def test_a_process_that_ran_through_a_rotation_makes_no_keys_that_the_new_one_cannot_open(
    tmp_path: Path,
) -> None:
    chosen = Settings(kaeshi_data_dir=tmp_path)
    async with open_loop(settings=chosen) as running:
        await conversation.log(running, [record("c1")])
        async with open_loop(settings=chosen) as loop:
            await keys.rotate(loop, None)
        with pytest.raises(Misconfigured, match="start it again"):
            await conversation.log(running, [record("c2", customer_id="bob")])
    async with open_loop(settings=chosen) as loop:
        await conversation.log(loop, [record("c2", customer_id="bob")])
        assert (await keys.check(loop)).customers_closed == 0


async def test_a_key_of_the_environment_is_rotated_into_a_named_file(tmp_path: Path) -> None:
    first = base64.b64encode(b"k" * 32).decode()
    chosen = Settings(kaeshi_data_dir=tmp_path, kaeshi_master_key=first)
    new = tmp_path / "new.key"
    async with open_loop(settings=chosen) as loop:
        await conversation.log(loop, [record("c1")])
        with pytest.raises(Conflict, match="--to FILE"):
            await keys.rotate(loop, None)
        await keys.rotate(loop, new)
        with pytest.raises(Conflict, match="exists"):
            await keys.rotate(loop, new)
    after = Settings(kaeshi_data_dir=tmp_path, kaeshi_master_key=new.read_text())
    async with open_loop(settings=after) as loop:
        assert (await conversation.show(loop, "c1"))["messages"]


async def test_what_a_gateway_spooled_before_a_rotation_is_readable_after_it() -> None:
    before = Keyring(b"m" * 32)
    after = successor(before)[1]
    assert after.open_spooled(before.seal_spooled(b"a turn", "s"), "s") == b"a turn"


def test_a_sealed_copy_opens_with_its_passphrase_only(tmp_path: Path) -> None:
    text = base64.b64encode(b"k" * 32).decode()
    sealed = seal_key(text, "five words are enough", Keyring(b"k" * 32).fingerprint)
    assert open_key(sealed, "five words are enough", "copy") == text
    with pytest.raises(Refused, match="another passphrase"):
        open_key(sealed, "six words are not enough", "copy")
    with pytest.raises(InvalidInput, match="12"):
        seal_key(text, "short", "f")
    with pytest.raises(InvalidInput, match="holds no sealed key"):
        open_key(b"{}", "five words are enough", "copy")
    assert put_back(tmp_path, text).fingerprint == Keyring(b"k" * 32).fingerprint
    with pytest.raises(Conflict, match="move it away"):
        put_back(tmp_path, base64.b64encode(b"o" * 32).decode())


async def test_a_key_that_opens_nothing_is_counted(tmp_path: Path) -> None:
    async with open_loop(settings=Settings(kaeshi_data_dir=tmp_path)) as loop:
        await conversation.log(loop, [record("c1"), record("c2", customer_id="bob")])
        async with loop.store.write() as tx:
            mine = customers.c.id.in_(select(customers.c.id).limit(1))
            await tx.connection.execute(update(customers).where(mine).values(wrapped_key=b"x" * 60))
        found = await keys.check(loop)
    assert (found.customers, found.customers_closed) == (2, 1)
    assert found.texts_closed == 1


async def test_of_two_rotations_at_once_one_is_refused_and_no_key_is_lost(tmp_path: Path) -> None:
    chosen = Settings(kaeshi_data_dir=tmp_path)
    async with open_loop(settings=chosen) as loop:
        await conversation.log(loop, [record(f"c{i}", customer_id=f"{i}") for i in range(900)])
        done = await asyncio.gather(
            *(keys.rotate(loop, None) for _ in range(3)), return_exceptions=True
        )
    assert [type(each) for each in done].count(tuple) == 1
    assert all(isinstance(each, tuple | Conflict) for each in done)
    async with open_loop(settings=chosen) as loop:
        found = await keys.check(loop)
    assert (found.customers, found.customers_closed) == (900, 0)


async def test_a_rotation_by_a_process_that_missed_another_changes_nothing(tmp_path: Path) -> None:
    chosen = Settings(kaeshi_data_dir=tmp_path)
    async with open_loop(settings=chosen) as late:
        await conversation.log(late, [record("c1")])
        async with open_loop(settings=chosen) as loop:
            await keys.rotate(loop, None)
        with pytest.raises(Misconfigured, match="start it again"):
            await keys.rotate(late, None)
    assert not list(tmp_path.glob("master.key.next-*"))
    async with open_loop(settings=chosen) as loop:
        assert (await conversation.show(loop, "c1"))["messages"]


async def test_a_text_that_was_cut_short_is_damaged_and_no_surprise(tmp_path: Path) -> None:
    ring = Keyring(b"m" * 32)
    key = ring.new_data_key()
    for length in (0, 5, 13):
        with pytest.raises(Damaged):
            ring.open(key, ring.seal(key, b"hello", "here")[:length], "here")


async def test_a_master_key_that_is_no_text_says_so(tmp_path: Path) -> None:
    (tmp_path / "master.key").write_bytes(bytes(range(128, 160)))
    with pytest.raises(Misconfigured, match="cannot be read"):
        async with open_loop(settings=Settings(kaeshi_data_dir=tmp_path)):
            pass
