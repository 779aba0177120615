"""Customers whom a signed token names."""

import json
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any

import jwt
import pytest
from pydantic import SecretStr
from sqlalchemy import select

from kaeshi.gateway.worker import take
from kaeshi.loop import Loop
from kaeshi.nouns import TrialRow
from kaeshi.providers.fake import FakeClock
from kaeshi.rules import rollout as rules
from kaeshi.settings import load
from kaeshi.steps.trial import of_verified
from kaeshi.store.reports import Observed
from kaeshi.store.tables import conversations

SECRET = "a secret that only the back end of the shop has"
OTHER = "a secret that somebody else made up for themselves"


def token(clock: FakeClock, customer: str, *, hours: float = 1, secret: str = SECRET) -> str:
    until = clock.now() + timedelta(hours=hours)
    return jwt.encode({"sub": customer, "exp": int(until.timestamp())}, secret, algorithm="HS256")


async def say(client: Any, **headers: str) -> Any:
    return await client.post(
        "/chat/completions",
        json={"model": "concierge", "messages": [{"role": "user", "content": "Hello"}]},
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


async def stored(loop: Loop) -> list[Any]:
    await take(loop)
    async with loop.store.read() as tx:
        return list(await tx.connection.execute(select(conversations)))


async def test_a_token_names_the_customer_and_a_name_without_one_is_somebody_else(
    loop: Loop, opened: Any, clock: FakeClock
) -> None:
    async with opened(gateway_customer_secret=SecretStr(SECRET)) as client:
        for headers in (
            {"x_kaeshi_customer_token": token(clock, "ann")},
            {"x_kaeshi_customer_token": token(clock, "ann"), "x_kaeshi_customer": "bob"},
            {"x_kaeshi_customer": "ann"},
        ):
            assert (await say(client, **headers)).status_code == 200
    first, second, third = await stored(loop)
    assert (first.is_verified, second.is_verified, third.is_verified) == (True, True, False)
    assert first.customer == second.customer != third.customer


@pytest.mark.parametrize("made", ["expired", "forged", "unsigned", "without end", "no token"])
async def test_a_token_that_is_not_valid_is_refused_with_its_reason(
    opened: Any, clock: FakeClock, made: str
) -> None:
    forged = {
        "expired": token(clock, "ann", hours=-1),
        "forged": token(clock, "ann", secret=OTHER),
        "unsigned": jwt.encode({"sub": "ann", "exp": 9**10}, None, algorithm="none"),
        "without end": jwt.encode({"sub": "ann"}, SECRET, algorithm="HS256"),
        "no token": "ann",
    }
    async with opened(gateway_customer_secret=SecretStr(SECRET)) as client:
        answer = await say(client, x_kaeshi_customer_token=forged[made])
    assert answer.status_code == 401
    assert "X-Kaeshi-Customer-Token is not valid" in answer.json()["error"]["message"]


async def test_a_token_is_void_once_it_expires_however_often_it_was_accepted(
    opened: Any, clock: FakeClock
) -> None:
    signed = token(clock, "ann", hours=1)
    async with opened(gateway_customer_secret=SecretStr(SECRET)) as client:
        assert (await say(client, x_kaeshi_customer_token=signed)).status_code == 200
        clock.advance(hours=2)
        assert (await say(client, x_kaeshi_customer_token=signed)).status_code == 401


async def test_a_token_without_a_secret_to_check_it_is_refused(
    opened: Any, clock: FakeClock
) -> None:
    async with opened() as client:
        answer = await say(client, x_kaeshi_customer_token=token(clock, "ann"))
    assert answer.status_code == 400
    assert "GATEWAY_CUSTOMER_SECRET" in answer.json()["error"]["message"]


def test_a_secret_that_can_be_guessed_is_refused() -> None:
    with pytest.raises(Exception, match="32"):
        load(gateway_customer_secret="hunter2")


async def test_the_provider_never_sees_the_token(
    opened: Any, provider: Any, clock: FakeClock
) -> None:
    async with opened(gateway_customer_secret=SecretStr(SECRET)) as client:
        await say(client, x_kaeshi_customer_token=token(clock, "ann"))
    assert "token" not in json.dumps(provider.headers).lower()


async def test_callers_of_one_network_are_stored_under_one_digest_that_does_not_tell_it(
    loop: Loop, opened: Any
) -> None:
    proxied = {"trusted_proxies": (ip_network("127.0.0.0/8"),)}
    async with opened(gateway_key=SecretStr("k"), **proxied) as client:
        for address in ("198.51.100.7", "198.51.100.200", "198.51.101.7", "2001:db8:1::1"):
            await say(client, x_forwarded_for=address, authorization="Bearer k")
    networks = [row.network for row in await stored(loop)]
    assert len(networks) == 4
    assert networks[0] == networks[1]
    assert len(set(networks)) == 3
    assert not any("198" in network and "51" in network for network in networks)


def history(count: int, *, is_verified: bool) -> list[Observed]:
    at = datetime(2025, 11, 1, tzinfo=UTC)
    return [
        Observed(
            conversation=f"{is_verified} {i}",
            customer=f"{is_verified} {i}",
            arm=None,
            started_at=at,
            is_verified=is_verified,
            values={"containment": 1.0},
        )
        for i in range(count)
    ]


@pytest.mark.parametrize(("signed", "secret", "counted"), [(40, SECRET, 40), (9, SECRET, 49)])
def test_a_plan_is_made_of_verified_customers_where_there_are_enough_of_them(
    signed: int, secret: str, counted: int
) -> None:
    settings = load(gateway_customer_secret=secret)
    past = history(40, is_verified=False) + history(signed, is_verified=True)
    found, only_verified = of_verified(settings, past)
    assert (only_verified, len(found)) == (signed == 40, counted)
    assert of_verified(load(), past) == (past, False)


def test_customers_who_are_not_verified_have_no_vote_where_the_plan_is_of_verified_ones() -> None:
    rows = [
        TrialRow(
            customer=f"c{i}",
            conversation=f"conv{i}",
            arm=("production", "candidate")[i % 2],
            share=0.5,
            started_at=datetime(2025, 11, 1, tzinfo=UTC),
            is_returning=False,
            is_verified=i < 10,
            values={"containment": 1.0},
        )
        for i in range(50)
    ]
    past = [{"containment": 1.0}] * 40
    for only_verified, counted in ((True, 10), (False, 50)):
        plan = rules.plan(past, [], load(), only_verified=only_verified)
        assert plan is not None
        trial = rules.trial(plan, rows[0].started_at, rows, [], rows)
        assert sum(trial.effects.count) == trial.ratio.count == counted
        assert (plan.false_promote > 0) is not only_verified


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": "ann", "exp": float("nan")},
        {"sub": "ann", "exp": float("inf")},
        {"sub": "ann", "exp": "inf"},
        {"sub": "ann", "exp": [9**10]},
        {"sub": "ann", "exp": 10**400},
        {"sub": "unverified:ann", "exp": 9**10},
        {"sub": "unnamed:conv_1", "exp": 9**10},
        {"sub": "", "exp": 9**10},
        {"sub": "a" * 200, "exp": 9**10},
    ],
)
async def test_odd_claims_are_refused_and_never_valid_for_ever(
    opened: Any, claims: dict[str, Any]
) -> None:
    signed = jwt.api_jws.encode(json.dumps(claims).encode(), SECRET, algorithm="HS256")
    async with opened(gateway_customer_secret=SecretStr(SECRET)) as client:
        answer = await say(client, x_kaeshi_customer_token=signed)
    assert answer.status_code == 401


@pytest.mark.parametrize("secret", [None, SECRET])
async def test_a_conversations_name_is_no_customer(
    loop: Loop, opened: Any, clock: FakeClock, secret: str | None
) -> None:
    """Otherwise a stranger could speak before a customer does, in the customer's place."""
    changed = {"gateway_customer_secret": SecretStr(secret)} if secret else {}
    async with opened(**changed) as client:
        await say(client, x_kaeshi_conversation="alice")
        await say(client, x_kaeshi_conversation="alice~msg_1")
        await say(client, x_openwebui_chat_id="alice")
        named = {"x_kaeshi_customer_token": token(clock, "alice")} if secret else {}
        await say(client, **(named or {"x_kaeshi_customer": "alice"}))
    rows = await stored(loop)
    (alice,) = [row for row in rows if not row.id.startswith("alice")]
    assert alice.customer not in {row.customer for row in rows if row is not alice}


async def test_who_knows_a_verified_conversations_id_does_not_join_it(
    loop: Loop, opened: Any, clock: FakeClock
) -> None:
    async with opened(gateway_customer_secret=SecretStr(SECRET)) as client:
        signed = {"x_kaeshi_customer_token": token(clock, "ann")}
        body = {"model": "concierge", "messages": [{"role": "user", "content": "Hello"}]}
        headers = {"x-kaeshi-conversation": "chat-17"}
        first = await client.post(
            "/chat/completions",
            json=body,
            headers={**headers, "x-kaeshi-customer-token": signed["x_kaeshi_customer_token"]},
        )
        answer = first.json()["choices"][0]["message"]
        body["messages"] = [*body["messages"], answer, {"role": "user", "content": "And me?"}]
        assert (await client.post("/chat/completions", json=body, headers=headers)).is_success
    rows = await stored(loop)
    assert {row.id: (row.is_verified, row.message_count) for row in rows if row.is_verified} == {
        "chat-17": (True, 2)
    }
    assert len({row.customer for row in rows}) == 2
