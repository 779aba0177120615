"""Documentation is executed.

Python blocks run, console lines are typed, and what they print is what the page says.
"""

import contextlib
import doctest
import importlib
import io
import json
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from samples import different
from wire.serving import free_port, running, trainer

SERVED = "http://127.0.0.1:8100/v1"
GATEWAY = "http://localhost:8000/v1"
ROOT = Path(__file__).parents[1]
WORDS = (
    "conversation",
    "feedback",
    "review",
    "collection",
    "dataset",
    "training",
    "evaluation",
    "rollout",
    "knowledge",
    "report",
    "pii",
)
PAGES = [
    *(f"docs/{word}.md" for word in WORDS),
    "docs/jobs.md",
    "docs/autopilot.md",
    "docs/gateway.md",
    "README.md",
]
DOCTESTED = [
    ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)
    for path in sorted((ROOT / "src").rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str) -> list[tuple[str, str]]:
    return [(m[1], m[2]) for m in BLOCK.finditer((ROOT / page).read_text(encoding="utf-8"))]


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Our trainer for the page that asks it, and rows.jsonl where the page stands."""
    monkeypatch.chdir(tmp_path)
    rows = [
        {"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}]}
        for q, a in map(different, range(12))
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with trainer(tmp_path / "trainer") as url:
        yield url


class Concierge(BaseHTTPRequestHandler):
    """A provider with one answer."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        message = {"role": "assistant", "content": "We are open until nine."}
        about = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
        body = json.dumps(
            {**about, "choices": [{"index": 0, "finish_reason": "stop", "message": message}]}
        ).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[str]:
    """The gateway in front of a provider with one answer."""
    provider = ThreadingHTTPServer(("127.0.0.1", 0), Concierge)
    Thread(target=provider.serve_forever, daemon=True).start()
    environment = {
        "KAESHI_DATA_DIR": str(tmp_path / "served"),
        "OPENAI_BASE_URL": f"http://127.0.0.1:{provider.server_port}/v1",
    }
    kaeshi, port = [sys.executable, "-m", "kaeshi"], free_port()
    subprocess.run(
        [*kaeshi, "rollout", "start", "m", "--first"],
        env=os.environ | environment,
        check=True,
        capture_output=True,
    )
    with running(
        [*kaeshi, "serve", "--port", str(port)], f"http://127.0.0.1:{port}/health", **environment
    ):
        yield f"http://127.0.0.1:{port}/v1"
    provider.shutdown()
    provider.server_close()


@pytest.mark.parametrize("page", PAGES)
def test_examples_print_what_the_page_says(page: str, request: pytest.FixtureRequest) -> None:
    found, names = blocks(page), {"__name__": "docs"}
    assert found
    for address, fixture in ((SERVED, "served"), (GATEWAY, "gateway")):
        if any(address in body for kind, body in found if kind == "python"):
            url = request.getfixturevalue(fixture)
            found = [(kind, body.replace(address, url)) for kind, body in found]
    for (kind, body), (following, expected) in zip(found, [*found[1:], ("", "")], strict=True):
        if kind == "python":
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(body, page, "exec"), names)
            if following == "text":
                assert printed.getvalue() == expected
        elif kind == "console":
            assert typed(body) == body


def typed(session: str) -> str:
    """Type each `$ ` line and put down what came back."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    lines = []
    for command in (line[2:] for line in session.splitlines() if line.startswith("$ ")):
        done = subprocess.run(
            ["bash", "-c", command],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"PATH": path},
        )
        lines += [f"$ {command}", *(done.stdout + done.stderr).splitlines()]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("module", DOCTESTED)
def test_examples_in_docstrings_say_what_is(module: str) -> None:
    found = doctest.testmod(importlib.import_module(module))
    assert found.attempted
    assert not found.failed


def test_the_plot_is_what_its_script_draws() -> None:
    names: dict[str, Any] = runpy.run_path(str(ROOT / "docs" / "plot.py"))
    assert names["svg"]() == (ROOT / "docs" / "rollout.svg").read_text(encoding="utf-8")


def test_every_word_has_its_page_and_the_readme_leads_there() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for word in WORDS:
        assert f"docs/{word}.md" in readme


def test_every_reason_and_setting_is_documented() -> None:
    from kaeshi.settings import Settings

    page = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    assert [name for name in Settings.model_fields if f"`{name.upper()}`" not in page] == []


def test_the_front_door_is_pinned() -> None:
    import kaeshi
    import kaeshi.ml

    assert set(kaeshi.__all__) == set(kaeshi._HOMES)
    assert (
        kaeshi.__all__
        == sorted(kaeshi.__all__)
        == [
            "Policy",
            "ScrubStream",
            "detect",
            "log_conversations",
            "open_loop",
            "restored",
            "restorer",
            "scrub",
            "scrub_batch",
            "scrub_stream",
            "serve_scrubbed",
            "using",
        ]
    )
    assert all(callable(getattr(kaeshi, name)) for name in kaeshi.__all__)
    with pytest.raises(AttributeError):
        kaeshi.nonsense  # noqa: B018


def test_nothing_pretends() -> None:
    forbidden = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError|pickle)\b")
    guilty = [
        str(p)
        for p in (ROOT / "src").rglob("*.py")
        if forbidden.search(p.read_text(encoding="utf-8"))
    ]
    assert guilty == []
