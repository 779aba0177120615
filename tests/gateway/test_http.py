"""HTTP as at OpenAI: bodies, headers, every other path, browsers."""

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator
from typing import Any

import brotli
import httpx
import pytest
import zstandard
from pydantic import SecretStr

from gateway.conftest import Script
from kaeshi.gateway.door import Gateway
from kaeshi.gateway.encoding import decoded
from kaeshi.gateway.upstream import Remote, Reply, azure_path
from kaeshi.gateway.worker import take
from kaeshi.loop import Loop

ASKED = {"model": "concierge", "messages": [{"role": "user", "content": "hi"}]}
RAW = json.dumps(ASKED).encode()
SHOP = "https://shop.example"


def deflated_bare(raw: bytes) -> bytes:
    made = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return made.compress(raw) + made.flush()


ENCODED = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "deflate without a header": deflated_bare,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "gzip, zstd": lambda raw: zstandard.ZstdCompressor().compress(gzip.compress(raw)),
    "identity": lambda raw: raw,
}


@pytest.mark.parametrize("name", ENCODED)
async def test_compressed_requests_are_read_and_passed_on_plain(
    client: httpx.AsyncClient, provider: Any, name: str
) -> None:
    answer = await client.post(
        "/chat/completions",
        content=ENCODED[name](RAW),
        headers={"content-encoding": name.partition(" without")[0]},
    )
    assert answer.status_code == 200
    assert provider.asked == [RAW.replace(b"concierge", b"gpt-4o-mini")]
    assert "content-encoding" not in provider.headers[0]


@pytest.mark.parametrize("name", ["gzip", "br", "zstd", "deflate"])
async def test_a_body_that_grows_over_the_limit_is_refused_before_it_is_whole(
    opened: Any, provider: Any, name: str
) -> None:
    huge = ENCODED[name](b'{"a": "' + b" " * 30_000_000 + b'"}')
    assert len(huge) < 100_000
    async with opened(gateway_max_body_mb=1) as client:
        for content, headers in ((huge, {"content-encoding": name}), (b" " * 1_100_000, {})):
            answer = await client.post("/chat/completions", content=content, headers=headers)
            assert answer.status_code == 413
            assert "GATEWAY_MAX_BODY_MB" in answer.json()["error"]["message"]
    assert provider.asked == []


@pytest.mark.parametrize("name", ["gzip", "br", "zstd", "deflate", "lzma"])
async def test_what_is_not_in_its_encoding_is_a_clear_error(
    client: httpx.AsyncClient, name: str
) -> None:
    answer = await client.post(
        "/chat/completions", content=b"not compressed", headers={"content-encoding": name}
    )
    assert answer.status_code == 415
    assert name in answer.json()["error"]["message"]


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_comes_compressed_unasked_is_read_and_logged(
    loop: Loop, client: httpx.AsyncClient, provider: Any, name: str, stream: bool
) -> None:
    if stream:
        choice = {"index": 0, "delta": {"content": "Yes."}, "finish_reason": "stop"}
        raw = b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\ndata: [DONE]\n\n"
    else:
        choice = {"index": 0, "message": {"role": "assistant", "content": "Yes."}}
        raw = json.dumps({"choices": [choice]}).encode()
    kind = "text/event-stream" if stream else "application/json"
    script = Script([ENCODED[name](raw)], kind, headers={"Content-Encoding": name})
    provider.scripts = {"gpt-4o-mini": script}
    answer = await client.post("/chat/completions", json={**ASKED, "stream": stream})
    assert answer.content == raw
    assert (await take(loop)).requests == 1
    async with loop.store.read() as tx:
        assert await tx.conversations.count(loop.assistant) == 1


async def test_headers_of_the_api_pass_and_no_others(opened: Any, provider: Any) -> None:
    sent = {
        "OpenAI-Beta": "assistants=v2",
        "OpenAI-Organization": "org-1",
        "OpenAI-Project": "proj-1",
        "Idempotency-Key": "k1",
        "X-Request-Id": "r1",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "HTTP-Referer": "https://app.example",
        "X-Title": "App",
    }
    refused = {"Cookie": "a=b", "X-Forwarded-For": "1.2.3.4", "X-Kaeshi-Customer": "ann"}
    key = {"Authorization": "Bearer k"}
    async with opened(gateway_key=SecretStr("k")) as client:
        await client.post("/chat/completions", json=ASKED, headers={**sent, **refused, **key})
    (came,) = provider.headers
    assert {name: came[name.lower()] for name in sent} == sent
    assert not {name.lower() for name in refused} & came.keys()


async def test_headers_of_the_provider_come_back(client: httpx.AsyncClient, provider: Any) -> None:
    told = {
        "x-request-id": "req_1",
        "x-ratelimit-remaining-tokens": "9",
        "retry-after-ms": "20",
        "openai-processing-ms": "12",
    }
    provider.scripts = {
        "gpt-4o-mini": Script([b"{}"], "application/json", 429, {**told, "Set-Cookie": "a=b"})
    }
    answer = await client.post("/chat/completions", json=ASKED)
    assert {name: answer.headers[name] for name in told} == told
    assert "set-cookie" not in answer.headers


async def test_a_query_string_is_passed_on(client: httpx.AsyncClient, provider: Any) -> None:
    await client.post("/chat/completions?trace=1&x=%20", json=ASKED)
    assert provider.targets == ["/v1/chat/completions?trace=1&x=%20"]


async def test_a_slash_at_the_end_is_the_same_path(
    client: httpx.AsyncClient, provider: Any
) -> None:
    assert (await client.post("/chat/completions/", json=ASKED)).status_code == 200
    assert (await client.get("/models/")).json()["data"][0]["id"] == "concierge"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_key_is_taken_in_any_spelling_of_its_scheme(opened: Any, scheme: str) -> None:
    async with opened(gateway_key=SecretStr("k")) as client:
        told = {"Authorization": f"{scheme} k"}
        assert (await client.post("/chat/completions", json=ASKED, headers=told)).status_code == 200
        told = {"api-key": "k"}
        assert (await client.post("/chat/completions", json=ASKED, headers=told)).status_code == 200
        refused = await client.post("/chat/completions", json=ASKED, headers={"api-key": "x"})
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"].startswith("Bearer")


async def test_azure_gets_its_version_its_key_and_the_deployment(provider: Any) -> None:
    remote = Remote(provider.url.replace("/v1", "/openai"), "k", 5, api_version="2024-10-21")
    body = b'{"model": "gpt-4o", "messages": []}'
    reply = await remote.ask("POST", "/chat/completions", body, None, None)
    await remote.close()
    assert reply.status == 200
    assert provider.targets == [
        "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"
    ]
    assert provider.headers[0]["api-key"] == "k"
    assert "authorization" not in provider.headers[0]


def test_azures_paths() -> None:
    base = "https://x.openai.azure.com/openai"
    body = b'{"model": "my model"}'
    assert azure_path(base, "/embeddings", body, "v") == (
        "/deployments/my%20model/embeddings?api-version=v"
    )
    assert azure_path(base, "/files?limit=2", b"", "v") == "/files?limit=2&api-version=v"
    assert azure_path(base, "/responses", body, "v") == "/responses?api-version=v"
    assert azure_path(f"{base}/v1", "/embeddings", body, "v") == "/embeddings?api-version=v"


PATHS = [
    ("POST", "/completions"),
    ("POST", "/moderations"),
    ("POST", "/images/generations"),
    ("POST", "/audio/transcriptions"),
    ("POST", "/files"),
    ("GET", "/files/file-1/content"),
    ("DELETE", "/files/file-1"),
    ("POST", "/batches"),
    ("POST", "/uploads/upload_1/parts"),
    ("POST", "/vector_stores"),
    ("GET", "/responses/resp_1"),
    ("DELETE", "/responses/resp_1"),
    ("POST", "/responses/resp_1/cancel"),
    ("GET", "/chat/completions"),
    ("POST", "/realtime/sessions"),
    ("POST", "/embeddings"),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_every_other_path_passes_unchanged_in_both_directions(
    client: httpx.AsyncClient, provider: Any, loop: Loop, method: str, path: str
) -> None:
    raw = bytes(range(256)) * 40 if method == "POST" else b""
    kind = "multipart/form-data; boundary=x"
    answer = await client.request(
        method, f"{path}?after=a%2Fb&limit=2", content=raw or None, headers={"content-type": kind}
    )
    assert (answer.status_code, answer.content) == (201, raw)
    assert provider.targets == [f"/v1{path}?after=a%2Fb&limit=2"]
    assert provider.headers[0]["content-type"] == answer.headers["content-type"] == kind
    assert answer.headers["x-request-id"] == "req_1"
    assert "x-internal" not in answer.headers
    assert (await take(loop)).requests == 0
    counted = (await client.get("http://127.0.0.1/metrics")).text
    assert "kaeshi_passed_requests_total" in counted


async def test_a_long_body_is_passed_on_while_it_comes(
    client: httpx.AsyncClient, provider: Any
) -> None:
    sent = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(300):
            sent += 65_536
            yield b"x" * 65_536
            await asyncio.sleep(0)

    answer = await client.post("/files", content=pieces())
    assert answer.status_code == 201
    assert len(answer.content) == sent == 300 * 65_536


async def test_the_operators_key_is_used_and_the_gateways_never_leaves(
    loop: Loop, opened: Any, provider: Any
) -> None:
    async with opened(gateway_key=SecretStr("gate"), openai_api_key=SecretStr("op")) as client:
        told = {"Authorization": "Bearer gate"}
        assert (await client.post("/files", content=b"x", headers=told)).status_code == 201
    assert provider.headers[0]["authorization"] == "Bearer op"


async def test_a_provider_that_is_not_there_is_named(loop: Loop, opened: Any) -> None:
    async with opened(openai_base_url="http://127.0.0.1:1/v1") as client:
        answer = await client.post("/files", content=b"x")
    assert answer.status_code == 502
    assert "OPENAI_BASE_URL" in answer.json()["error"]["message"]


PREFLIGHT = {
    "Origin": SHOP,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type",
}


async def test_pages_of_permitted_origins_may_chat_with_the_gateways_key(opened: Any) -> None:
    async with opened(
        gateway_origins=(SHOP,), gateway_key=SecretStr("k"), kaeshi_admin_key=SecretStr("admin")
    ) as client:
        permitted = await client.options("/chat/completions", headers=PREFLIGHT)
        assert permitted.status_code == 204
        assert permitted.headers["access-control-allow-origin"] == SHOP
        assert "authorization" in permitted.headers["access-control-allow-headers"]
        told = {"Origin": SHOP, "Authorization": "Bearer k"}
        answer = await client.post("/chat/completions", json=ASKED, headers=told)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == SHOP
        assert "x-kaeshi-arm" not in answer.headers  # arms are for operators
        assert "x-kaeshi-feedback-token" in answer.headers["access-control-expose-headers"]


async def test_other_pages_get_no_permission(opened: Any) -> None:
    other = PREFLIGHT | {"Origin": "https://evil.example"}
    for origins in ((), (SHOP,)):
        async with opened(gateway_origins=origins) as client:
            refused = await client.options("/chat/completions", headers=other)
            assert "access-control-allow-origin" not in refused.headers
            sent = {"Origin": "https://evil.example"}
            answer = await client.post("/chat/completions", json=ASKED, headers=sent)
            assert answer.status_code == 401
            assert "access-control-allow-origin" not in answer.headers


async def test_the_admin_key_never_works_from_a_page(opened: Any) -> None:
    async with opened(kaeshi_admin_key=SecretStr("admin")) as client:
        told = {"Authorization": "Bearer admin"}
        assert (await client.post("/chat/completions", json=ASKED, headers=told)).status_code == 200
        told["Origin"] = SHOP
        assert (await client.post("/chat/completions", json=ASKED, headers=told)).status_code == 401


@pytest.mark.parametrize(
    "listed",
    [
        [{"id": "m"}],
        {"data": [{"id": "m"}]},
        {"models": [{"name": "m"}]},
        {"data": None},
        ["m"],
    ],
)
async def test_lists_of_models_come_in_many_shapes(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, listed: Any
) -> None:
    async def lists(*_: object, **__: object) -> Reply:
        return Reply(200, {}, json.dumps(listed).encode())

    monkeypatch.setattr(Remote, "ask", lists)
    names = [m["id"] for m in (await client.get("/models")).json()["data"]]
    assert names in (["concierge"], ["concierge", "m"])


@pytest.mark.parametrize("path", ["//organization/admin_api_keys", "/Organization/users", "/", ""])
async def test_no_spelling_of_a_path_opens_the_account(
    client: httpx.AsyncClient, provider: Any, path: str
) -> None:
    answer = await client.get(f"http://127.0.0.1/v1{path}")
    assert answer.status_code in {404, 405}
    assert provider.asked == []


async def test_quoted_names_stay_quoted(client: httpx.AsyncClient, provider: Any) -> None:
    await client.get("/models/meta-llama%2FLlama-3?x=1")
    assert provider.targets == ["/v1/models/meta-llama%2FLlama-3?x=1"]


async def test_an_event_stream_is_one_in_any_spelling_of_its_type(
    loop: Loop, client: httpx.AsyncClient, provider: Any
) -> None:
    choice = {"index": 0, "delta": {"content": "Yes."}, "finish_reason": "stop"}
    raw = b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\ndata: [DONE]\n\n"
    provider.scripts = {"gpt-4o-mini": Script([raw], "Text/Event-Stream; charset=utf-8")}
    answer = await client.post("/chat/completions", json={**ASKED, "stream": True})
    assert answer.content == raw
    assert answer.headers["content-type"].startswith("text/event-stream")


def test_gzip_of_several_members_is_one_body() -> None:
    assert decoded(gzip.compress(b"a") + gzip.compress(b"b"), b"gzip", 10) == b"ab"


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
async def test_strangers_behind_a_proxy_on_this_machine_are_not_local(
    client: httpx.AsyncClient, provider: Any, name: str
) -> None:
    answer = await client.post("/chat/completions", json=ASKED, headers={name: "203.0.113.7"})
    assert answer.status_code == 401
    assert provider.asked == []


async def test_a_body_that_does_not_come_is_given_up(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kaeshi.gateway.requests.BODY_S", 0.05)
    gateway = Gateway(loop)
    await gateway.start()
    sent: list[Any] = []
    first = iter([{"type": "http.request", "body": b"{", "more_body": True}])

    async def receive() -> Any:
        return next(first, None) or await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "path": "/v1/chat/completions",
        "method": "POST",
        "headers": [(b"host", b"127.0.0.1")],
        "client": ("127.0.0.1", 1),
        "query_string": b"",
    }
    await asyncio.wait_for(gateway(scope, receive, send), 2)
    assert sent[0]["status"] == 408
    await gateway.stop()


KEYS = {
    "gateway_key": SecretStr("for-the-shop"),
    "kaeshi_admin_key": SecretStr("for-operators"),
}


@pytest.mark.parametrize(
    ("key", "more", "tells"),
    [
        ("for-the-shop", {}, False),
        ("for-operators", {"gateway_key": None}, True),
        ("for-the-shop", {"gateway_tell_arm": True}, True),
    ],
    ids=["a client", "an operator", "where it is set"],
)
async def test_the_arm_is_told_to_operators_alone(
    opened: Any, key: str, more: dict[str, Any], tells: bool
) -> None:
    async with opened(**KEYS | more) as client:
        answer = await client.post(
            "/chat/completions",
            json={"model": "concierge", "messages": [{"role": "user", "content": "hi"}]},
            headers={"authorization": f"Bearer {key}"},
        )
    assert answer.status_code == 200
    assert ("x-kaeshi-arm" in answer.headers) is tells
