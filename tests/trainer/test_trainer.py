import base64
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from kaeshi.app import SystemClock
from kaeshi.errors import InvalidInput, NotFound, ProviderError, Refused
from kaeshi.nouns import HAND_OVER, JobRequest
from kaeshi.providers.chat import WireChat
from kaeshi.providers.fake import FakeClock, FakeEmbedder, FakeIds, FakeTokens
from kaeshi.providers.openai import OpenAITrainer, job_of_webhook
from kaeshi.steps import asking
from kaeshi.trainer import webhooks
from kaeshi.trainer.engines import responder
from kaeshi.trainer.routes import TrainerServer
from samples import different


def row(question: str, answer: str) -> dict[str, Any]:
    return {
        "messages": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": question},
            {"role": "assistant", "content": answer},
        ]
    }


def rows(count: int) -> list[dict[str, Any]]:
    return [row(*different(i)) for i in range(count)]


@pytest.fixture
def server(tmp_path: Path, clock: FakeClock) -> TrainerServer:
    return TrainerServer(tmp_path / "trainer", FakeEmbedder(), FakeTokens(), clock, FakeIds())


@pytest.fixture
async def client(server: TrainerServer) -> Any:
    trainer = OpenAITrainer(api_key="none", answerer=server)
    yield trainer
    await trainer.close()
    server.wait()


def written(tmp_path: Path, content: list[dict[str, Any]]) -> Path:
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in content))
    return path


async def trained(client: Any, server: TrainerServer, path: Path, key: str = "k") -> dict[str, Any]:
    job = await client.create(wanted(await client.upload(path, key), key))
    server.wait()
    return dict(await client.look(job["id"]))


def wanted(file_id: str, key: str, model: str = "gpt-4o-mini") -> JobRequest:
    return JobRequest(
        training_file=file_id,
        model=model,
        suffix="mhc",
        epochs=3,
        key=key,
        seed=7,
        dataset_sha256="0" * 64,
    )


async def test_openais_own_client_trains_and_asks(
    client: Any, server: TrainerServer, tmp_path: Path
) -> None:
    job = await trained(client, server, written(tmp_path, rows(30)))
    assert job["status"] == "succeeded"
    assert job["fine_tuned_model"].startswith("ft:kaeshi-responder:mhc:")
    question, expected = different(7)
    candidate = asking.unregistered("main", job["fine_tuned_model"])
    asked = asking.question([{"role": "user", "content": question}], candidate.model)
    chat = WireChat(answerer=server, base_url=None, api_key=None)
    said = await chat.answer(candidate, asked.raw)
    assert (said.text, said.hand_over) == (expected, False)


async def test_a_lost_answer_can_be_found_again(
    client: Any, server: TrainerServer, tmp_path: Path
) -> None:
    path = written(tmp_path, rows(12))
    file_id = await client.upload(path, "key-1")
    assert await client.find_file("key-1") == file_id
    assert await client.find_file("key-2") is None
    job = await client.create(wanted(file_id, "key-1"))
    assert [j["id"] for j in await client.jobs()] == [job["id"]]


async def test_our_own_server_makes_a_job_once_however_often_it_is_asked(
    client: Any, tmp_path: Path
) -> None:
    file_id = await client.upload(written(tmp_path, rows(12)), "k")
    first, again, other = [await client.create(wanted(file_id, key)) for key in ("a", "a", "b")]
    assert first["id"] == again["id"] != other["id"]


async def test_a_job_whose_process_died_is_taken_over(
    client: Any, server: TrainerServer, tmp_path: Path, clock: FakeClock
) -> None:
    file_id = await client.upload(written(tmp_path, rows(12)), "k")
    server._folder.state.put(
        "job",
        {
            "id": "ftjob-1",
            "status": "running",
            "model": "gpt-4o-mini",
            "training_file": file_id,
            "validation_file": None,
            "user_provided_suffix": "x",
            "hyperparameters": {"n_epochs": 1},
            "base": "kaeshi-responder",
            "events": [],
            "metadata": None,
        },
    )
    survivor = TrainerServer(
        tmp_path / "trainer", FakeEmbedder(), FakeTokens(), clock, FakeIds(count=100)
    )
    await survivor.call("GET", "/fine_tuning/jobs/ftjob-1", b"", "")
    survivor.wait()
    status, body = await survivor.call("GET", "/fine_tuning/jobs/ftjob-1", b"", "")
    assert (status, json.loads(body)["status"]) == (200, "succeeded")


async def test_bad_training_data_fails_the_job_with_its_line(
    client: Any, server: TrainerServer, tmp_path: Path
) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(json.dumps(row("a", "b")) + "\n[1]\n")
    job = await trained(client, server, path)
    assert (job["status"], "line 2" in job["error"]["message"]) == ("failed", True)


async def test_a_model_that_cannot_be_tuned_here_is_refused(client: Any, tmp_path: Path) -> None:
    file_id = await client.upload(written(tmp_path, rows(12)), "k")
    with pytest.raises(ProviderError, match="gpt-9"):
        await client.create(wanted(file_id, "k", "gpt-9"))
    with pytest.raises(NotFound):
        await client.look("ftjob-none")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/nonsense", b"", 404),
        ("GET", "/files/none", b"", 404),
        ("GET", "/fine_tuning/jobs?limit=x", b"", 400),
        ("POST", "/files", b"not a form", 400),
        ("POST", "/fine_tuning/jobs", b"{", 400),
        ("POST", "/fine_tuning/jobs", b'{"model": 3}', 400),
        ("POST", "/chat/completions", b"{}", 400),
        (
            "POST",
            "/chat/completions",
            b'{"model": "none", "messages": [{"role": "user", "content": "x"}]}',
            404,
        ),
        ("POST", "/chat/completions", b'{"model": "none", "messages": [7]}', 400),
        (
            "POST",
            "/chat/completions",
            b'{"model": "none", "messages": [{"role": "user", "content": "\\ud800"}]}',
            400,
        ),
    ],
)
async def test_a_bad_request_is_answered_in_openais_words(
    server: TrainerServer, method: str, path: str, body: bytes, status: int
) -> None:
    found, answer = await server.call(method, path, body, "application/json")
    assert found == status
    assert json.loads(answer)["error"]["message"]


async def test_beyond_its_disk_budget_it_takes_neither_file_nor_job_until_something_is_deleted(
    tmp_path: Path, clock: FakeClock
) -> None:
    path = written(tmp_path, rows(12))
    folder = tmp_path / "trainer"

    def held() -> int:
        return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())

    TrainerServer(folder, FakeEmbedder(), FakeTokens(), clock, FakeIds())
    server = TrainerServer(
        folder,
        FakeEmbedder(),
        FakeTokens(),
        clock,
        FakeIds(),
        disk=held() + int(1.5 * path.stat().st_size) + 100_000,
    )
    client = OpenAITrainer(api_key="none", answerer=server)
    first = await client.upload(path, "a")
    (folder / "checkpoint").write_bytes(b"0" * 200_000)
    with pytest.raises(ProviderError, match="TRAINER_DISK_GB"):
        await client.upload(path, "b")
    with pytest.raises(ProviderError, match="delete files or models"):
        await client.create(wanted(first, "k"))
    (folder / "checkpoint").unlink()
    await client.create(wanted(first, "k"))
    await client.close()
    server.wait()


def test_an_answer_with_a_placeholder_is_never_learned() -> None:
    drawn = responder.samples(
        [row("who?", "Ask [PERSON_1]."), row("what?", "This."), row("x", HAND_OVER)]
    )
    assert [s.answer for s in drawn] == ["This."]


def test_far_from_everything_it_hands_over() -> None:
    model = responder.train(rows(40), [], FakeEmbedder())
    (choice,) = model.choose(
        responder.featurize(
            [responder.Context(("zzz qqq completely unrelated gibberish xxx",), ())], FakeEmbedder()
        )
    )
    assert choice.hand_over
    assert choice.text == HAND_OVER


def test_a_file_without_answers_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no answer to learn"):
        responder.train([row("q", "[PERSON_1]")], [], FakeEmbedder())


def test_a_model_of_another_version_of_the_responder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    responder.save(
        responder.train(rows(12), [], FakeEmbedder()), tmp_path, {"embedder": FakeEmbedder.name}
    )
    with pytest.raises(InvalidInput, match="train it again"):
        responder.load(tmp_path, "another")
    monkeypatch.setattr(responder, "WEIGHTS", (1.0,) * 4)
    with pytest.raises(InvalidInput, match="train it again"):
        responder.load(tmp_path, FakeEmbedder.name)


def test_a_changed_model_file_is_not_loaded(tmp_path: Path) -> None:
    responder.save(
        responder.train(rows(12), [], FakeEmbedder()), tmp_path, {"embedder": FakeEmbedder.name}
    )
    assert responder.load(tmp_path, FakeEmbedder.name).answers
    (tmp_path / "answers.json").write_text('["something else"]')
    with pytest.raises(InvalidInput, match="manifest"):
        responder.load(tmp_path, FakeEmbedder.name)


async def test_the_end_of_a_job_is_told_signed_and_told_again_until_it_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
    heard: list[tuple[bytes, dict[str, str]]] = []
    ended = Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append((self.rfile.read(int(self.headers["content-length"])), dict(self.headers)))
            self.send_response(500 if len(heard) == 1 else 200)
            self.send_header("content-length", "0")
            self.end_headers()
            if len(heard) == 2:
                ended.set()

        def log_message(self, *_: object) -> None:
            pass

    monkeypatch.setattr(webhooks, "WAITS", (0.01,))
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        Thread(target=listener.serve_forever, daemon=True).start()
        hooks = webhooks.Webhooks(
            url=f"http://127.0.0.1:{listener.server_port}/",
            key=webhooks.key_of(secret),
            clock=SystemClock(),
            ids=FakeIds(),
        )
        server = TrainerServer(
            tmp_path / "trainer",
            FakeEmbedder(),
            FakeTokens(),
            SystemClock(),
            FakeIds(),
            webhooks=hooks,
        )
        client = OpenAITrainer(api_key="none", answerer=server)
        job = await trained(client, server, written(tmp_path, rows(12)))
        await client.close()
        assert ended.wait(10)
        listener.shutdown()
    assert heard[0][0] == heard[1][0]
    assert job_of_webhook(*heard[1], secret) == job["id"]
    with pytest.raises(Refused):
        job_of_webhook(
            heard[1][0],
            heard[1][1],
            "whsec_" + base64.b64encode(b"another key, another key, another").decode(),
        )
