"""A backup holds the requests that wait in a spool, and those that a worker has taken."""

from pathlib import Path
from typing import Any

from kaeshi.app import open_loop
from kaeshi.gateway.worker import take
from kaeshi.loop import Loop
from kaeshi.settings import Settings
from kaeshi.steps import backup, conversation
from kaeshi.store.master_key import MASTER_KEY


async def test_a_request_that_was_answered_is_in_a_backup_wherever_it_is(
    loop: Loop, opened: Any, tmp_path: Path
) -> None:
    out = tmp_path / "kaeshi.tar"
    async with opened() as client:
        for number in range(6):
            answer = await client.post(
                "/chat/completions",
                json={"model": "concierge", "messages": [{"role": "user", "content": "Hi"}]},
                headers={"x-kaeshi-conversation": f"g{number}"},
            )
            assert answer.status_code == 200
            if number == 2:
                await take(loop)
        backup.backup(loop.settings, out, loop.clock.now())
    folder = tmp_path / "elsewhere"
    backup.restore(out, folder)
    (folder / MASTER_KEY).write_bytes((loop.settings.data_dir / MASTER_KEY).read_bytes())
    async with open_loop(settings=Settings(kaeshi_data_dir=folder)) as restored:
        await take(restored)
        found = await conversation.latest(restored, 1000)
    assert {one["conversation_id"] for one in found} == {f"g{i}" for i in range(6)}
