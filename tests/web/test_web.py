import asyncio
import base64
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from starlette.routing import Route

from kaeshi.app import open_loop
from kaeshi.nouns.metric import Metric
from kaeshi.settings import Settings
from kaeshi.steps import rollout
from kaeshi.trainer.webhooks import key_of, signed
from kaeshi.web.app import create
from kaeshi.web.limits import MAX_BODY
from samples import record

LOCAL = ("127.0.0.1", 50000)
HOSTILE = [
    b"",
    b"{",
    b"null",
    b"7",
    b"[]",
    b'"text"',
    b"NaN",
    b'{"rating": NaN}',
    b'{"rating": 1e999}',
    b'{"rating": 9223372036854775808}',
    b'{"comment": "\\ud800"}',
    b'{"comment": "a\\u0000b", "vote": "up"}',
    b'{"vote": ["up"]}',
    b'{"messages": [{"role": "user", "content": "\\udfff"}]}',
    b'{"messages": [{"role": "user", "content": "x", "latency_ms": 1e999}]}',
    b'{"messages": {"a": 1}}',
    b'{"messages": [[]]}',
    b"\xff\xfe\x00",
    b"[" * 100_000,
    b'{"escalated": {"a": 1}}',
    b'{"at": "never", "booked": true}',
]


def posts(client: TestClient) -> list[str]:
    return sorted(
        {
            route.path
            for route in client.app.routes
            if isinstance(route, Route) and "POST" in (route.methods or ())
        }
        | paths_of_routers(client)
    )  # type: ignore[attr-defined]


def paths_of_routers(client: TestClient) -> set[str]:
    return {
        path for path, operations in client.app.openapi()["paths"].items() if "post" in operations
    }  # type: ignore[attr-defined]


def filled(path: str) -> str:
    return (
        path.replace("{conversation_id}", "c")
        .replace("{message_id}", "c%231")
        .replace("{name}", "nonsense")
        .replace(":path", "")
    )


def test_feedback_in_three_dialects_reaches_the_same_answer(client: TestClient) -> None:
    client.post("/v1/conversations", json=record("c"))
    ours = {"target": {"conversation_id": "c"}, "name": "rating", "value": 5, "author": "ann"}
    said = client.post("/v1/feedback", json=ours)
    assert said.status_code == 202
    score = {"traceId": "c", "name": "thumbs", "value": 1}
    assert client.post("/api/public/scores", json=score).json()["id"]
    tensorzero = {"metric_name": "helpful", "value": True, "episode_id": "c"}
    assert client.post("/feedback", json=tensorzero).json()["feedback_id"]
    assert client.get("/v1/feedback/stats?days=1000").json()["total_feedback"] == 2
    typo = client.post("/v1/feedback", json=ours | {"name": "ratng"})
    assert (typo.status_code, "none of" in typo.text) == (422, True)


def test_feedback_before_its_message_waits_and_joins_it(client: TestClient) -> None:
    early = {"target": {"message_id": "c#1"}, "name": "rating", "value": 2, "author": "ann"}
    about_all = {"target": {"conversation_id": "c"}, "name": "comment", "value": "too slow for us"}
    later = early | {"value": 5, "occurred_at": "2025-11-02T10:00:00Z"}
    for body in (later, early, early, about_all):
        assert client.post("/v1/feedback", json=body).status_code == 202
    assert client.get("/v1/feedback/stats?days=1000").json()["total_feedback"] == 0
    client.post("/v1/conversations", json=record("c"))
    stats = client.get("/v1/feedback/stats?days=1000").json()
    assert (stats["total_feedback"], stats["avg_rating"]) == (2, 2.0)


def test_a_declared_metric_is_an_outcome_and_its_range_holds(client: TestClient) -> None:
    client.post("/v1/conversations", json=record("c"))
    nps = {"target": {"message_id": "c#1"}, "name": "nps", "value": 9}
    assert client.post("/v1/feedback", json=nps).status_code == 422
    state = client.app.state  # type: ignore[attr-defined]  # the application under test
    metrics = {"nps": Metric(type="float", least=0, most=10), "solved": Metric(type="boolean")}
    settings = state.loop.settings.model_copy(update={"feedback_metrics": metrics})
    state.loop = replace(state.loop, settings=settings)
    assert client.post("/v1/feedback", json=nps).status_code == 202
    solved = {"target": {"conversation_id": "c"}, "name": "solved", "value": True}
    assert client.post("/v1/feedback", json=solved).status_code == 202
    assert client.get("/v1/conversations/c").json()["outcome"] == {"nps": 9.0, "solved": True}
    for wrong, why in (
        (nps | {"value": 11}, "a number from 0 up to 10"),
        (nps | {"value": "9"}, "a number from 0 up to 10"),
        (solved | {"value": 1}, "true or false"),
    ):
        refused = client.post("/v1/feedback", json=wrong)
        assert (refused.status_code, why in refused.text) == (422, True)
    unknown = solved | {"target": {"message_id": "none"}}
    assert client.post("/v1/feedback", json=unknown).status_code == 404


def test_the_seeds_flat_feedback(client: TestClient) -> None:
    assert client.post("/v1/conversations", json=record("c")).json() == {
        "new": 1,
        "grown": 0,
        "unchanged": 0,
        "refused": [],
    }
    said = client.post(
        "/v1/messages/c%231/feedback",
        json={"vote": "up", "rating": 5, "helpful": True, "accurate": True, "author": "ann"},
    )
    assert said.json() | {"feedback_id": ""} == {
        "success": True,
        "feedback_id": "",
        "promoted_to_training": True,
        "quality_score": 1.0,
    }
    assert client.post(
        "/v1/conversations/c/outcome", json={"booked": True, "at": "2025-11-01T10:00:00Z"}
    ).json() == {"new": 1}
    assert client.get("/v1/conversations/c").json()["outcome"] == {"booked": True}


@pytest.mark.parametrize("body", HOSTILE, ids=[str(i) for i in range(len(HOSTILE))])
def test_hostile_bodies_get_a_clear_4xx_everywhere_and_store_nothing(
    client: TestClient, body: bytes
) -> None:
    client.post("/v1/conversations", json=record("c"))
    before = client.get("/v1/conversations/c").json()
    for path in posts(client):
        if path == "/v1/jobs/{name}/run":
            continue
        answer = client.post(filled(path), content=body)
        assert 400 <= answer.status_code < 500, (path, answer.status_code)
        assert answer.json()["error"]
    assert client.get("/v1/conversations/c").json() == before
    assert client.get("/health").json()["conversations"] == 1
    assert client.get("/v1/feedback/stats?days=1000").json()["total_feedback"] == 0


@pytest.mark.parametrize(
    "path",
    [
        "/v1/conversations",
        "/v1/messages/c%231/feedback",
        "/v1/conversations/c/outcome",
    ],
)
def test_twenty_megabytes_are_turned_away(client: TestClient, path: str) -> None:
    def streamed() -> Iterator[bytes]:
        for _ in range(20):
            yield b"x" * 1_000_000

    assert client.post(path, content=b"x" * (MAX_BODY + 1)).status_code == 413
    assert client.post(path, content=streamed()).status_code == 413


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["role", "content", "messages", "vote", "rating", "user", "conversation_id", "x"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(json_values)
def test_no_body_makes_a_server_error(client: TestClient, body: Any) -> None:
    for path in (
        "/v1/conversations",
        "/v1/messages/c%231/feedback",
        "/v1/conversations/c/outcome",
        "/v1/chat/completions",
    ):
        assert client.post(path, json=body).status_code < 500


def test_without_a_key_only_this_machine_may_call(tmp_path: Path) -> None:
    app = create(Settings(kaeshi_data_dir=tmp_path), with_scheduler=False)
    with TestClient(app, base_url="http://127.0.0.1", client=("10.0.0.9", 1)) as stranger:
        assert stranger.get("/v1/jobs").status_code == 403
        assert stranger.get("/health").status_code == 200
    with TestClient(app, base_url="http://evil.example", client=LOCAL) as rebound:
        assert rebound.get("/v1/jobs").status_code == 403
    with TestClient(app, base_url="http://127.0.0.1", client=LOCAL) as page:
        assert (
            page.post(
                "/v1/jobs/kb_refresh/run", headers={"origin": "http://evil.example"}
            ).status_code
            == 403
        )


def test_with_a_key_only_its_holder_may_call(tmp_path: Path) -> None:
    app = create(
        Settings(kaeshi_data_dir=tmp_path, kaeshi_admin_key="secret"), with_scheduler=False
    )  # type: ignore[arg-type]
    with TestClient(app, client=("10.0.0.9", 1)) as anybody:
        assert anybody.get("/v1/jobs").status_code == 403
        assert anybody.get("/v1/jobs", headers={"authorization": "Bearer wrong"}).status_code == 403
        assert (
            anybody.get("/v1/jobs", headers={"authorization": "Bearer secret"}).status_code == 200
        )


def test_pages_show_jobs_and_the_report(client: TestClient) -> None:
    assert "Nothing to show" in client.get("/report").text
    client.post(
        "/v1/conversations", json=[record(f"c{i}", outcome={"booked": True}) for i in range(8)]
    )
    assert client.post("/v1/jobs/training_collector/run").json()["result"].startswith("finished")
    page = client.get("/scheduler").text
    assert "training_collector" in page
    assert "finished" in page
    assert "Weekly report" in client.get("/report?log_clock=true").text
    assert client.get("/").status_code == client.get("/docs").status_code == 200


class Provider(BaseHTTPRequestHandler):
    """Answers chats as chatcmpl-9, and echoes every other path."""

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def _answer(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        told: dict[str, Any] = {"path": self.path, "method": self.command, "body": raw.decode()}
        if self.path == "/v1/chat/completions":
            message = {"role": "assistant", "content": "Yes, at seven."}
            told = {"id": "chatcmpl-9", "choices": [{"index": 0, "message": message}]}
        content = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815  # the standard library's names


@pytest.fixture
def provider() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def served(tmp_path: Path, provider: str, **more: Any) -> Iterator[TestClient]:
    chosen = Settings(kaeshi_data_dir=tmp_path / "data", openai_base_url=provider, **more)

    async def begin() -> None:
        async with open_loop(settings=chosen) as loop:
            await rollout.set_production(loop, "gpt-4o-mini")

    asyncio.run(begin())
    app = create(chosen, with_scheduler=False)
    with TestClient(app, base_url="http://127.0.0.1", client=LOCAL) as opened:
        yield opened


CHAT = {"model": "concierge", "messages": [{"role": "user", "content": "A table?"}]}


def test_an_answer_is_rated_by_its_own_id(tmp_path: Path, provider: str) -> None:
    with served(tmp_path, provider, gateway_key=SecretStr("gate")) as client:
        gate = {"Authorization": "Bearer gate"}
        answer = client.post("/v1/chat/completions", json=CHAT, headers=gate)
        assert answer.json()["id"] == "chatcmpl-9"
        path = "/v1/messages/chatcmpl-9/feedback"
        assert client.post(path, json={"vote": "up"}).status_code == 200  # from this machine
        rated = client.post(path, json={"vote": "down", "author": "ann"}, headers=gate)
        assert rated.status_code == 200
        assert client.get("/v1/feedback/stats?days=1").json()["total_feedback"] == 2
        unknown = client.post("/v1/messages/chatcmpl-0/feedback", json={"vote": "up"})
        assert unknown.status_code == 404
        assert "chatcmpl-0" in unknown.json()["error"]["message"]


def test_an_answers_own_id_is_no_key(tmp_path: Path, provider: str) -> None:
    with served(
        tmp_path, provider, gateway_key=SecretStr("gate"), kaeshi_admin_key=SecretStr("admin")
    ) as client:
        client.post("/v1/chat/completions", json=CHAT, headers={"Authorization": "Bearer gate"})
        refused = client.post("/v1/messages/chatcmpl-9/feedback", json={"vote": "up"})
        assert refused.status_code == 403


def test_pages_of_permitted_origins_may_send_feedback_by_token(
    tmp_path: Path, provider: str
) -> None:
    shop = {"Origin": "https://shop.example"}
    with served(
        tmp_path,
        provider,
        gateway_key=SecretStr("gate"),
        kaeshi_admin_key=SecretStr("admin"),
        gateway_origins=("https://shop.example",),
    ) as client:
        gate = {"Authorization": "Bearer gate"}
        answer = client.post("/v1/chat/completions", json=CHAT, headers=gate)
        path = f"/v1/messages/{answer.headers['x-kaeshi-message']}/feedback"
        asked = {
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "x-kaeshi-feedback-token",
        }
        permitted = client.options(path, headers=shop | asked)
        assert permitted.status_code == 204
        assert permitted.headers["access-control-allow-origin"] == "https://shop.example"
        token = {"x-kaeshi-feedback-token": answer.headers["x-kaeshi-feedback-token"]}
        rated = client.post(path, json={"vote": "up"}, headers=shop | token)
        assert rated.status_code == 200
        assert rated.headers["access-control-allow-origin"] == "https://shop.example"
        other = {"Origin": "https://evil.example"}
        assert (
            "access-control-allow-origin" not in client.options(path, headers=other | asked).headers
        )
        admin = {"Authorization": "Bearer admin"}
        assert client.get("/v1/feedback/stats", headers=admin).status_code == 200
        assert client.get("/v1/feedback/stats", headers=admin | shop).status_code == 403


def test_conversations_of_the_providers_api_reach_it_and_ours_stay_here(
    tmp_path: Path, provider: str
) -> None:
    with served(tmp_path, provider) as client:
        made = client.post("/v1/conversations", json={"metadata": {"topic": "party"}})
        assert json.loads(made.json()["body"]) == {"metadata": {"topic": "party"}}
        assert client.post("/v1/conversations", json=record("conv_1")).json()["new"] == 1
        assert client.get("/v1/conversations/conv_1").json()["conversation_id"] == "conv_1"
        for method, path in (
            ("GET", "/v1/conversations/conv_2"),
            ("DELETE", "/v1/conversations/conv_2"),
            ("GET", "/v1/conversations/conv_2/items"),
            ("POST", "/v1/conversations/conv_2/items"),
        ):
            assert client.request(method, path).json()["path"] == path


def test_errors_have_one_shape_on_every_path(tmp_path: Path, provider: str) -> None:
    with served(tmp_path, provider, kaeshi_admin_key=SecretStr("admin")) as client:
        for method, path in (
            ("GET", "/nothing"),
            ("GET", "/v1/report"),
            ("POST", "/v1/jobs/nothing/run"),
            ("PUT", "/v1/feedback/stats"),
            ("POST", "/v1/chat/completions"),
        ):
            answer = client.request(method, path)
            assert answer.status_code >= 400
            assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


def test_nothing_in_production_is_said_plainly(client: TestClient) -> None:
    answer = client.post(
        "/v1/chat/completions",
        json={"model": "concierge", "messages": [{"role": "user", "content": "hi"}]},
    )
    assert (answer.status_code, "nothing in production" in answer.json()["error"]["message"]) == (
        503,
        True,
    )


def test_a_webhook_is_known_by_its_signature(tmp_path: Path) -> None:
    secret = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
    body = json.dumps(
        {
            "id": "evt_1",
            "object": "event",
            "type": "fine_tuning.job.succeeded",
            "created_at": 1,
            "data": {"id": "ftjob-1"},
        }
    ).encode()
    right = signed(key_of(secret), "evt_1", int(time.time()), body)
    settings = Settings(kaeshi_data_dir=tmp_path, openai_webhook_secret=secret)
    with TestClient(
        create(settings, with_scheduler=False), base_url="http://a.example", client=("10.0.0.9", 1)
    ) as provider:
        path = "/v1/webhooks/training"
        assert provider.post(path, content=body, headers=right).json() == {
            "run": None,
            "state": None,
        }  # signed, and not ours
        assert provider.post(path, content=body + b" ", headers=right).status_code == 403
        assert (
            provider.post(
                path,
                content=body,
                headers=signed(key_of(secret), "evt_1", int(time.time()) - 3600, body),
            ).status_code
            == 403
        )
        assert provider.post(path, content=body).status_code == 403
    with TestClient(create(Settings(kaeshi_data_dir=tmp_path), with_scheduler=False)) as unset:
        assert unset.post(path, content=body, headers=right).status_code == 404


def test_one_person_changes_a_rating_twenty_times_and_not_more(client: TestClient) -> None:
    client.post("/v1/conversations", json=record("c1"))
    said = [
        client.post("/v1/messages/c1%231/feedback", json={"rating": 1 + i % 5, "author": "ann"})
        for i in range(24)
    ]
    assert [answer.status_code for answer in said] == [200] * 20 + [429] * 4
    other = client.post("/v1/messages/c1%231/feedback", json={"rating": 5, "author": "bob"})
    assert other.status_code == 200


def test_only_logs_of_conversations_are_long(client: TestClient) -> None:
    client.post("/v1/conversations", json=record("c1"))
    long = {"comment": "x" * 70_000, "vote": "up"}
    assert client.post("/v1/messages/c1%231/feedback", json=long).status_code == 413
    assert (
        client.post("/v1/conversations/c1/outcome", json={"note": "x" * 70_000}).status_code == 413
    )
    assert client.post("/v1/conversations", json=[record(f"d{i}") for i in range(500)]).is_success


def test_a_strangers_body_is_not_read(client: TestClient) -> None:
    answer = client.post(
        "/v1/messages/c1%231/feedback",
        content=b"this is not JSON",
        headers={"x-kaeshi-feedback-token": "forged"},
    )
    assert answer.status_code == 403


def test_the_api_page_needs_no_other_server(client: TestClient) -> None:
    page = client.get("/docs").text
    assert "/v1/conversations" in page
    assert not re.search(r"(src|href)=\"(https?:)?//", page)
    assert client.get("/livez").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ok", "faults": []}


def test_conversations_are_listed_and_found_over_http(client: TestClient) -> None:
    client.post(
        "/v1/conversations",
        json=[record("a", "Do you cook vegan?", "Yes."), record("b", "When?", "At seven.")],
    )
    listed = client.get("/v1/conversations").json()
    assert {one["conversation_id"] for one in listed} == {"a", "b"}
    (found,) = client.get("/v1/conversations", params={"search": "VEGAN"}).json()
    assert (found["conversation_id"], found["said"]) == ("a", "Do you cook vegan?")


def test_consent_is_recorded_and_withdrawn_over_http(client: TestClient) -> None:
    client.post("/v1/conversations", json=record("a"))
    said = {"consent": "none", "by": "Ann", "text": "mail of 3 November"}
    done = client.post("/v1/conversations/a/consent", json=said)
    assert (done.status_code, done.json()["changed"]) == (200, ["a"])
    shown = client.get("/v1/conversations/a").json()
    assert (shown["consent"], shown["consents"][-1]["text"]) == ("none", "mail of 3 November")
    refused = client.post("/v1/conversations/a/consent", json={"consent": "yes"})
    assert refused.status_code == 422
    assert "granted, legitimate_interest or none" in refused.json()["error"]["message"]


def test_the_key_for_outcomes_reports_outcomes_and_nothing_else(tmp_path: Path) -> None:
    keys = {
        "kaeshi_admin_key": SecretStr("admin key"),
        "kaeshi_outcome_key": SecretStr("outcome key"),
    }
    app = create(Settings(kaeshi_data_dir=tmp_path / "data", **keys), with_scheduler=False)
    reporter = {"authorization": "Bearer outcome key"}
    with TestClient(app, base_url="http://127.0.0.1", client=LOCAL) as client:
        admin = {"authorization": "Bearer admin key"}
        client.post("/v1/conversations", json=record("a"), headers=admin)
        path = "/v1/conversations/a/outcome"
        done = client.post(path, json={"booked": True}, headers=reporter)
        assert (done.status_code, done.json()) == (200, {"new": 1})
        assert client.post(path, json={"booked": True}).status_code == 403
        for method, url in (
            ("GET", "/v1/conversations/a"),
            ("GET", "/v1/conversations"),
            ("POST", "/v1/conversations"),
            ("POST", "/v1/conversations/a/consent"),
            ("GET", "/v1/report"),
            ("GET", "/v1/jobs"),
        ):
            assert client.request(method, url, headers=reporter, json={}).status_code == 403, url


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("DELETE", "/report", 405),
        ("PUT", "/v1/report", 405),
        ("GET", "/v1/report?log_clock=perhaps", 422),
        ("GET", "/v1/conversations/none", 404),
        ("POST", "/v1/chat/completions", 400),
        ("GET", "/v1/nothing/of/ours", 404),
    ],
)
def test_errors_have_the_same_shape_at_every_door(
    client: TestClient, method: str, path: str, status: int
) -> None:
    answer = client.request(method, path, content=b"{" if method == "POST" else None)
    assert answer.status_code == status
    assert set(answer.json()) == {"error"}
    assert answer.json()["error"]["message"]


def test_a_browser_is_asked_for_the_admin_key_and_opens_pages_with_it(tmp_path: Path) -> None:
    settings = Settings(kaeshi_data_dir=tmp_path / "data", kaeshi_admin_key=SecretStr("schlüssel"))
    app = create(settings, with_scheduler=False)

    def password(key: str) -> dict[str, str]:
        return {"authorization": "Basic " + base64.b64encode(f"ann:{key}".encode()).decode()}

    with TestClient(app, base_url="http://127.0.0.1", client=("203.0.113.9", 1)) as client:
        for path in ("/", "/scheduler", "/report"):
            asked = client.get(path)
            assert (asked.status_code, asked.headers["www-authenticate"][:5]) == (401, "Basic")
            assert client.get(path, headers=password("wrong")).status_code == 401
            assert client.get(path, headers=password("schlüssel")).status_code == 200
        other_page = password("schlüssel") | {"origin": "https://elsewhere.example"}
        assert client.post("/v1/jobs/kb_refresh/run", headers=other_page).status_code == 403
        broken = {"authorization": "Basic !!!"}
        assert client.get("/scheduler", headers=broken).status_code == 401


def test_conversations_are_exported_over_http_scrubbed_unless_raw_is_asked_for(
    client: TestClient,
) -> None:
    client.post("/v1/conversations", json=record("a", "I am Anna Bennett", "Hi!"))
    scrubbed = client.get("/v1/exports/conversations")
    assert "[PERSON_1]" in scrubbed.text
    assert "Bennett" not in scrubbed.text
    (raw,) = client.get("/v1/exports/conversations", params={"raw": True}).text.splitlines()
    assert json.loads(raw)["messages"][0]["content"] == "I am Anna Bennett"
    bounded = {"until": "2020-01-01T00:00:00Z"}
    assert client.get("/v1/exports/conversations", params=bounded).text == ""


@pytest.mark.parametrize("path", ["/", "/scheduler", "/report", "/docs"])
def test_no_other_site_frames_a_page_and_nothing_is_kept_of_it(
    client: TestClient, path: str
) -> None:
    headers = client.get(path).headers
    assert headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert headers["content-type"] == "text/html; charset=utf-8"
