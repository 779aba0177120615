"""The JSON API.

Bodies are parsed by the same rules as files, so the same faults give the same messages.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel

from kaeshi.errors import InvalidInput, NotFound, Refused
from kaeshi.formats import exports
from kaeshi.gateway import tokens
from kaeshi.gateway.worker import take
from kaeshi.jobs.overview import overview
from kaeshi.jobs.runner import run_now
from kaeshi.jobs.schedule import jobs
from kaeshi.loop import Loop
from kaeshi.nouns import Feedback, Report
from kaeshi.providers.openai import job_of_webhook
from kaeshi.rules import consent as consent_rules
from kaeshi.rules import conversation as conversation_rules
from kaeshi.rules import feedback as feedback_rules
from kaeshi.rules import feedback_bodies
from kaeshi.rules.moments import moment_of
from kaeshi.steps import consent as consents
from kaeshi.steps import conversation, exporting, feedback, parking, ready, report, training
from kaeshi.steps.feedback import Recorded
from kaeshi.steps.ingest import Ingest
from kaeshi.web.auth import require_admin, require_caller, require_reporter

router = APIRouter()
admin = [Depends(require_admin)]
MAX_RECORDS = 5_000
ObjectBody = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}
AnyBody = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "oneOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}}]
                }
            }
        },
    }
}
ErrorBody: dict[int | str, dict[str, Any]] = {
    code: {"description": words}
    for code, words in (
        (403, "not allowed"),
        (404, "not stored"),
        (409, "the present state does not allow it"),
        (413, "too large"),
        (422, "cannot be used"),
    )
}


class Logged(BaseModel):
    """The result of logging conversations."""

    new: int
    grown: int
    unchanged: int
    refused: list[str]


class Consented(BaseModel):
    """Conversations whose consent changed, and what was made of those withdrawn before."""

    changed: list[str]
    datasets: list[str]
    models: list[str]


class Reported(BaseModel):
    """How many reported facts were new."""

    new: int


class FeedbackRecorded(BaseModel):
    """The seed's response to feedback."""

    success: bool
    feedback_id: str
    promoted_to_training: bool
    quality_score: float


class FeedbackAccepted(BaseModel):
    """The stored submission; a repeated one has the first one's id."""

    feedback_id: str


class ScoreAccepted(BaseModel):
    """The same, as Langfuse's clients expect it."""

    id: str


class Looked(BaseModel):
    """The run that a webhook was about, and its state; null where it was about another job."""

    run: str | None
    state: str | None


class Health(BaseModel):
    """Whether the database can be read."""

    status: str
    conversations: int


class JobDone(BaseModel):
    """A job's result."""

    job: str
    result: str


def loop_of(request: Request) -> Loop:
    """The application's Loop."""
    loop: Loop = request.app.state.loop
    return loop


async def body_of(request: Request) -> Any:
    """The body as plain values. Raises InvalidInput."""
    return conversation_rules.decode(await request.body())


async def object_of(request: Request) -> Mapping[str, Any]:
    """The body as an object. Raises InvalidInput."""
    body = await body_of(request)
    if not isinstance(body, dict):
        msg = f"the body is a JSON object, not {type(body).__name__}"
        raise InvalidInput(msg)
    return body


LoopDep = Annotated[Loop, Depends(loop_of)]
Identifier = Annotated[str, Path(min_length=1, max_length=200)]


@router.post("/v1/conversations", dependencies=admin, responses=ErrorBody, openapi_extra=AnyBody)
async def log_conversations(request: Request, loop: LoopDep) -> Logged:
    """Log one conversation record or a list of them.

    A bad one is refused with its place, the rest is stored.
    """
    body = await body_of(request)
    records = body if isinstance(body, list) else [body]
    if not 0 < len(records) <= MAX_RECORDS:
        msg = f"{len(records)} records; send 1 to {MAX_RECORDS} at a time"
        raise InvalidInput(msg)
    done = await conversation.log(loop, records)
    if done.refused and not (done.new or done.grown or done.unchanged):
        raise InvalidInput("; ".join(done.refused[:5]))
    return Logged(new=done.new, grown=done.grown, unchanged=done.unchanged, refused=done.refused)


@router.get("/v1/conversations", dependencies=admin, responses=ErrorBody)
async def list_conversations(
    loop: LoopDep,
    search: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 20,
) -> list[dict[str, Any]]:
    """The latest conversations, or the latest in which these words were said."""
    await take(loop)
    return await conversation.latest(loop, limit, search)


@router.post(
    "/v1/conversations/{conversation_id:path}/outcome",
    dependencies=[Depends(require_reporter)],
    responses=ErrorBody,
    openapi_extra=ObjectBody,
)
async def report_outcome(conversation_id: Identifier, request: Request, loop: LoopDep) -> Reported:
    """Report outcomes of a conversation; late and repeated reports are welcome.

    `at` (ISO 8601) says when, default now. The key in KAESHI_OUTCOME_KEY is enough.
    """
    body = dict(await object_of(request))
    at = body.pop("at", None)
    return Reported(
        new=await conversation.report_outcome(loop, conversation_id, body, at=moment_of("at", at))
    )


@router.post(
    "/v1/conversations/{conversation_id:path}/consent",
    dependencies=admin,
    responses=ErrorBody,
    openapi_extra=ObjectBody,
)
async def record_consent(conversation_id: Identifier, request: Request, loop: LoopDep) -> Consented:
    """Record a customer's consent to learning, or its withdrawal.

    `consent`: granted, legitimate_interest or none; `by`: who enters it; `text`: what was agreed
    to; `of_customers`: for all of the customer's conversations. A withdrawal takes effect at once.
    """
    said = consent_rules.parse(await object_of(request))
    await take(loop)
    done = await consents.agree(loop, [conversation_id], **said)
    return Consented(
        changed=list(done.changed), datasets=list(done.datasets), models=list(done.models)
    )


@router.get("/v1/conversations/{conversation_id:path}", dependencies=admin, responses=ErrorBody)
async def show_conversation(conversation_id: Identifier, loop: LoopDep) -> dict[str, Any]:
    """One conversation with its texts."""
    return await conversation.show(loop, conversation_id)


@router.get("/v1/exports/conversations", dependencies=admin, responses=ErrorBody)
async def export_conversations(
    loop: LoopDep,
    raw: bool = False,
    since: str | None = None,
    until: str | None = None,
) -> StreamingResponse:
    """All conversations as JSON lines, which can be imported again; oldest first.

    Personal data is replaced, unless `raw` is asked for. `since` and `until` (ISO 8601) bound their
    start.
    """
    await take(loop)
    found = exporting.exported(
        loop, raw=raw, since=moment_of("at", since), until=moment_of("at", until)
    )

    async def lines() -> AsyncIterator[bytes]:
        async for part in found:
            yield b"".join(exports.line(record) for record in part.records)

    return StreamingResponse(lines(), media_type="application/x-ndjson")


@router.post(
    "/v1/messages/{message_id:path}/feedback", responses=ErrorBody, openapi_extra=ObjectBody
)
async def record_feedback(
    message_id: Identifier,
    request: Request,
    loop: LoopDep,
    x_kaeshi_feedback_token: Annotated[str | None, Header()] = None,
) -> FeedbackRecorded:
    """Record feedback, with the seed's flat body.

    vote, rating, helpful, accurate, comment, correction; `author` says who. The token that came
    with an answer lets its holder rate that answer as its customer; without a token the admin key
    is required. The message is named by its id, or by the answer's own (chatcmpl-..., resp_...),
    which is all that chat UIs and frameworks hand on: for that the gateway's key is enough.
    """
    own_id = await _own_id(loop, message_id)
    # before the body is read: strangers must not fill the memory
    if x_kaeshi_feedback_token is not None:
        loop = _issuer(loop, own_id, x_kaeshi_feedback_token)
    elif own_id != message_id:
        require_caller(request)
    else:
        require_admin(request)
    body = dict(await object_of(request))
    author = body.pop("author", "")
    if x_kaeshi_feedback_token is not None:
        author = "customer"
    if not isinstance(author, str):
        msg = f"author must be a text, not {type(author).__name__}"
        raise InvalidInput(msg)
    said = feedback_rules.parse(own_id, body, author=author)
    recorded = await _recorded(request, loop, said)
    return FeedbackRecorded(
        success=True,
        feedback_id=recorded.id,
        promoted_to_training=recorded.proposed,
        quality_score=recorded.quality.tenths / 10,
    )


async def _reported(loop: Loop, body: Mapping[str, Any], outcome: Mapping[str, Any]) -> str:
    """Report a declared metric as an outcome of the target's conversation; returns its name."""
    about, at = feedback_bodies.about(body)
    try:
        named = await parking.conversation_of(loop, about)
    except NotFound:  # its answer may still be in a spool
        await take(loop)
        named = await parking.conversation_of(loop, about)
    await conversation.report_outcome(loop, named, outcome, at=at, source="feedback")
    return f"outcome_{named}_{next(iter(outcome))}"


def _ingest(request: Request) -> Ingest:
    found: Ingest = request.app.state.ingest
    return found


async def _recorded(request: Request, loop: Loop, said: Feedback) -> Recorded:
    try:
        recorded = await _ingest(request).record(loop, said)
    except NotFound:  # its answer may still be in a spool
        if not (await take(loop)).requests:
            raise
        recorded = await _ingest(request).record(loop, said)
    return recorded


async def _accepted(request: Request, loop: Loop, told: feedback_bodies.Told) -> str:
    """The id of the feedback, which waits where its message is not stored yet."""
    for _ in range(2):
        try:
            said = await parking.named(loop, told)
            return (await _ingest(request).record(loop, said)).id
        except NotFound:  # its answer may still be in a spool
            if not (await take(loop)).requests:
                break
    return await parking.park(loop, told)


@router.post(
    "/v1/feedback",
    status_code=202,
    dependencies=admin,
    responses=ErrorBody,
    openapi_extra=ObjectBody,
)
async def give_feedback(request: Request, loop: LoopDep) -> FeedbackAccepted:
    """Accept one metric about a message, an answer by the provider's id, or a conversation.

    target, name, value; comment, correction, source, author, idempotency_key, occurred_at and
    metadata may follow. Reports that come late or twice, or before their message, leave the state
    that ordered ones do.
    """
    body = await object_of(request)
    outcome = feedback_bodies.declared(body, loop.settings.feedback_metrics)
    if outcome:
        return FeedbackAccepted(feedback_id=await _reported(loop, body, outcome))
    told = feedback_bodies.own(body)
    return FeedbackAccepted(feedback_id=await _accepted(request, loop, told))


@router.post("/feedback", dependencies=admin, responses=ErrorBody, openapi_extra=ObjectBody)
async def give_tensorzero_feedback(request: Request, loop: LoopDep) -> FeedbackAccepted:
    """Accept what TensorZero's clients send: metric_name, value, inference_id or episode_id."""
    told = feedback_bodies.tensorzero(await object_of(request))
    return FeedbackAccepted(feedback_id=await _accepted(request, loop, told))


@router.post(
    "/api/public/scores", dependencies=admin, responses=ErrorBody, openapi_extra=ObjectBody
)
async def give_langfuse_score(request: Request, loop: LoopDep) -> ScoreAccepted:
    """Accept what Langfuse's clients send: name, value, comment, observationId or traceId."""
    told = feedback_bodies.langfuse(await object_of(request))
    return ScoreAccepted(id=await _accepted(request, loop, told))


@router.get("/v1/feedback/stats", dependencies=admin, responses=ErrorBody)
async def feedback_stats(
    loop: LoopDep, days: Annotated[int, Query(ge=1, le=100_000)] = 30
) -> dict[str, Any]:
    """Votes, mean stars, and the share of rated answers."""
    return await feedback.analytics(loop, days)


@router.post("/v1/webhooks/training", responses=ErrorBody, openapi_extra=ObjectBody)
async def training_ended(request: Request, loop: LoopDep) -> Looked:
    """Receive a provider's signed webhook: a fine-tuning job has ended.

    The run is polled at once.
    """
    secret = loop.settings.openai_webhook_secret
    if secret is None:
        msg = "webhooks are not accepted: OPENAI_WEBHOOK_SECRET is not set"
        raise NotFound(msg)
    job = job_of_webhook(await request.body(), request.headers, secret.get_secret_value())
    if job is None:
        return Looked(run=None, state=None)
    try:
        run = await training.look(loop, await training.find(loop, job))
    except NotFound:  # another user's job at the same provider
        return Looked(run=None, state=None)
    return Looked(run=run.id, state=run.state)


@router.get("/v1/report", dependencies=admin, responses=ErrorBody)
async def show_report(loop: LoopDep, log_clock: bool = False) -> Report:
    """The last complete week against the one before."""
    return await report.compose(loop, by_log_clock=log_clock)


@router.get("/v1/jobs", dependencies=admin, responses=ErrorBody)
async def list_jobs(loop: LoopDep) -> list[dict[str, Any]]:
    """Jobs, when they are due, and their last results."""
    return await overview(loop)


@router.post("/v1/jobs/{name}/run", dependencies=admin, responses=ErrorBody)
async def run_job(name: Identifier, loop: LoopDep) -> JobDone:
    """Run a job now."""
    return JobDone(job=name, result=await run_now(loop, jobs(loop.settings), name, "http"))


@router.get("/livez", include_in_schema=False)
async def livez() -> dict[str, str]:
    """Whether the process answers: it looks at nothing."""
    return {"status": "ok"}


@router.get("/readyz", responses={503: {"description": "not ready"}})
async def readyz(loop: LoopDep) -> JSONResponse:
    """Whether it can serve: the database can be written, and the disk has room."""
    faults = await ready.faults(loop)
    return JSONResponse(
        {"status": "not ready" if faults else "ok", "faults": faults}, 503 if faults else 200
    )


@router.get("/health")
async def health(loop: LoopDep) -> Health:
    """Whether the database can be read."""
    async with loop.store.read() as tx:
        return Health(status="ok", conversations=await tx.conversations.count(loop.assistant))


async def _own_id(loop: Loop, message: str) -> str:
    """The id of a message that is named by the provider's id of the answer."""
    if message.startswith("msg_") and "-" not in message:
        return message
    for attempt in range(2):
        async with loop.store.read() as tx:
            found = await tx.exchanges.message_of(loop.assistant, message)
        if found is not None or attempt or not (await take(loop)).requests:
            return found or message
    return message


def _issuer(loop: Loop, message_id: str, token: str) -> Loop:
    """The Loop of the assistant that the token belongs to. Raises Refused."""
    for assistant in loop.served - {loop.assistant}:
        with suppress(Refused):
            tokens.check(loop.store.keyring, assistant, message_id, token, loop.clock.now())
            return replace(loop, assistant=assistant)
    tokens.check(loop.store.keyring, loop.assistant, message_id, token, loop.clock.now())
    return loop
