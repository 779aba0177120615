"""The first hour of a newcomer: from a key and an app to one's own conversations."""

import gzip
import json
import os
import re
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import Request, urlopen

import zstandard

from wire.serving import free_port, running

ROOT = Path(__file__).parent.parent.parent


def kaeshi(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kaeshi", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
    )


def test_the_readmes_three_commands_lead_from_a_key_and_an_app_to_ones_conversations(
    provider: str, tmp_path: Path
) -> None:
    readme = (ROOT / "README.md").read_text()
    block = re.search(r"## In front of your own app\n\n```sh\n(.*?)```", readme, re.DOTALL)
    assert block is not None
    commands = [line.partition("  #")[0].strip() for line in block[1].splitlines()]
    assert len(commands) == 3
    serve, look = (line.removeprefix(".venv/bin/kaeshi ").split() for line in commands[1:])
    port = free_port()
    environment = {
        "KAESHI_DATA_DIR": str(tmp_path),
        "OPENAI_API_KEY": "none",
        "OPENAI_BASE_URL": provider,
    }
    base = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "kaeshi", *serve, "--port", str(port)]
    with running(command, f"{base}/livez", **environment):
        asked = {"model": "concierge", "messages": [{"role": "user", "content": "A table?"}]}
        request = Request(f"{base}/v1/chat/completions", json.dumps(asked).encode())
        with urlopen(request) as answer:
            said = json.loads(answer.read())["choices"][0]["message"]["content"]
        assert said == "gpt-4o-mini: at seven."
        with urlopen(f"{base}/readyz") as answer:
            assert json.loads(answer.read()) == {"status": "ok", "faults": []}
        until = time.monotonic() + 30
        while "A table?" not in (shown := kaeshi(*look, **environment).stdout):
            assert time.monotonic() < until, shown
        again = kaeshi("serve", "--port", str(port), **environment)
        assert (again.returncode, "is in use" in again.stderr) == (1, True)


def test_a_server_that_cannot_start_says_why_in_one_line(tmp_path: Path) -> None:
    environment = {"KAESHI_DATA_DIR": str(tmp_path)}
    wrong = kaeshi("serve", "--host", "203.0.113.9", **environment)
    assert "cannot listen at 203.0.113.9:8000" in wrong.stderr
    unread = kaeshi("serve", "--port", str(free_port()), **environment, ROLLOUT_ALPHA="2")
    assert "ROLLOUT_ALPHA" in unread.stderr.upper()
    nowhere = kaeshi("serve", KAESHI_DATA_DIR="/dev/null/folder")
    assert "/dev/null/folder" in nowhere.stderr
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        demo = kaeshi("demo", "--serve", "--port", port, **environment)
    assert f"port {port} of 127.0.0.1 is in use" in demo.stderr
    for done in (wrong, unread, nowhere, demo):
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)


def test_commands_that_do_nothing_say_why_and_what_to_type(tmp_path: Path) -> None:
    environment = {"KAESHI_DATA_DIR": str(tmp_path)}
    for words in (("conversation", "list"), ("collection", "run"), ("report", "show")):
        done = kaeshi(*words, **environment)
        assert "kaeshi conversation import FILE" in done.stdout + done.stderr, words
    log = tmp_path / "log.jsonl"
    now = datetime.now(UTC).isoformat()
    said = {"role": "user", "content": "Hi", "at": now}
    log.write_text(json.dumps({"messages": [{"role": "system", "content": "Be kind."}, said]}))
    kaeshi("conversation", "import", str(log), **environment)
    assert "still open" in kaeshi("collection", "run", **environment).stdout
    assert "Hi" in kaeshi("conversation", "list", "--search", "hi", **environment).stdout
    none = kaeshi("conversation", "list", "--search", "hello", **environment).stdout
    assert none == "'hello' was said in none of the conversations\n"


def test_what_a_command_cannot_do_it_says_in_one_line_with_the_remedy(
    tmp_path: Path, provider: str
) -> None:
    environment = {"KAESHI_DATA_DIR": str(tmp_path / "data")}
    said = [{"role": "user", "content": "When?"}, {"role": "assistant", "content": "At seven."}]
    one = {"conversation_id": "c1", "started_at": "2025-10-31T12:00:00Z", "messages": said}
    (tmp_path / "one.jsonl").write_text(json.dumps(one))
    (tmp_path / "notes.md").write_text("Just words.\n")
    run = kaeshi("run", str(tmp_path / "one.jsonl"), **environment)
    assert "import      1 new conversations" in run.stdout
    assert "1 were dropped (no_consent)" in run.stderr
    elsewhere = {"OPENAI_BASE_URL": provider, "OPENAI_API_KEY": "none"}
    for words, why in (
        (("conversation", "import", str(tmp_path / "notes.md")), "holds no record of a known"),
        (("conversation", "import", str(tmp_path / "none")), "does not exist"),
        (("conversation", "outcome", "c1", "escalated=perhaps"), "neither true nor false"),
        (("conversation", "export", str(tmp_path / "a.xlsx")), "none of jsonl, parquet"),
        (("rollout", "start", "m", "--served-as", "x"), "nothing in production to compare"),
        (("keys", "rotate", "--to", str(tmp_path / "k")), "--to is for a key in KAESHI_MASTER_KEY"),
        (("keys", "escrow", str(tmp_path / "k")), "set KAESHI_ESCROW_PASSPHRASE"),
    ):
        done = kaeshi(*words, **environment, **elsewhere)
        assert done.returncode == 1, words
        assert why in done.stdout + done.stderr, (words, done.stderr)
    assert "MIN_EXAMPLES '1'" in kaeshi("jobs", "list", **environment, MIN_EXAMPLES="1").stderr
    database = f"sqlite:///{tmp_path}/data/kaeshi.db"
    lost = kaeshi("conversation", "list", "--db", database, KAESHI_DATA_DIR=str(tmp_path / "x"))
    assert "lies beside it, and is looked for in" in lost.stderr
    shown = kaeshi("conversation", "show", "c1", **environment).stdout
    assert "c1#1  assistant  At seven." in shown


def test_feedback_and_text_are_read_however_they_are_packed(tmp_path: Path) -> None:
    environment = {"KAESHI_DATA_DIR": str(tmp_path / "data")}
    log = tmp_path / "log.jsonl"
    said = [{"role": "user", "content": "When?"}, {"role": "assistant", "content": "At seven."}]
    log.write_text(json.dumps({"conversation_id": "c", "messages": said}))
    kaeshi("conversation", "import", str(log), **environment)
    rated = json.dumps({"message_id": "c#1", "rating": 5})
    for name, packed in (
        ("a.zst", zstandard.compress(rated.encode())),
        ("b.jsonl", rated.encode("utf-16")),
        ("c.gz", gzip.compress(rated.encode())),
    ):
        (tmp_path / name).write_bytes(packed)
        done = kaeshi("feedback", "import", str(tmp_path / name), **environment)
        assert (done.returncode, done.stderr) == (0, ""), name
    (tmp_path / "t.txt").write_text("mail anna@example.com", encoding="utf-16")
    assert "[EMAIL_1]" in kaeshi("pii", "scrub", str(tmp_path / "t.txt"), **environment).stdout
