"""The composition root: Settings in, Loop out.

The only module that chooses implementations, reads the clock or draws random numbers.
"""

import asyncio
import json
import re
import secrets
import tomllib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import replace
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from kaeshi import dated
from kaeshi.errors import InvalidInput, Misconfigured
from kaeshi.loop import Loop
from kaeshi.pii.finders.choose import names_of, policy_of
from kaeshi.ports import Clock, Ids, Index
from kaeshi.providers.chat import OPENAI, WireChat
from kaeshi.providers.dialects import dialect_of
from kaeshi.providers.faiss_index import FaissIndex
from kaeshi.providers.gepa_search import GepaSearch
from kaeshi.providers.minilm import MiniLMEmbedder, MiniLMFeatures
from kaeshi.providers.openai import OpenAITrainer
from kaeshi.providers.outbox import OutboxMailer
from kaeshi.providers.pgvector_index import PgvectorIndex
from kaeshi.providers.token_ranks import TiktokenCounter
from kaeshi.providers.webhook import LogNotifier, WebhookNotifier
from kaeshi.rules.checks import Checks
from kaeshi.settings import Settings, load, sqlite_path
from kaeshi.store import Bind, load_master_key, open_store
from kaeshi.store.master_key import MASTER_KEY, take_next
from kaeshi.store.store import Store
from kaeshi.store.vectors import VectorTable
from kaeshi.trainer.answers import RESPONDER
from kaeshi.trainer.engines import lora
from kaeshi.trainer.engines.lora.cluster import Cluster
from kaeshi.trainer.routes import TrainerServer
from kaeshi.trainer.vllm import Vllm
from kaeshi.trainer.webhooks import Webhooks, key_of

if TYPE_CHECKING:
    from kaeshi.ports import Clock, Ids, Mailer

SMALLEST = 512  # bytes of a database: one page
EMPTIED_AFTER_S = 60
ASSISTANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\Z")
Target = Bind | Loop | None
_using: ContextVar[Loop | None] = ContextVar("kaeshi_loop", default=None)


class SystemClock:
    """UTC from the operating system."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class RandomIds:
    """A prefix and 128 random bits in hex."""

    def new(self, prefix: str) -> str:
        return f"{prefix}_{secrets.token_hex(16)}"


@asynccontextmanager
async def open_loop(
    db: Target = None,
    *,
    settings: Settings | None = None,
    assistant: str | None = None,
    clock: "Clock | None" = None,
    ids: "Ids | None" = None,
) -> AsyncIterator[Loop]:
    """Open a Loop on `db`: a URL, an engine, a connection, a session, a Loop, or None.

    On a connection or session everything happens inside the caller's transaction. None means the
    Loop of the innermost `using`, else DATABASE_URL, else a file in the data directory. Only what
    was opened here is closed at the end.
    """
    _check_assistant(assistant)
    ready = db if isinstance(db, Loop) else _using.get() if db is None else None
    if ready is not None:
        yield ready if assistant is None else replace(ready, assistant=assistant)
        return
    chosen = settings or load(db if isinstance(db, str) else None)
    bind = db if db is not None and not isinstance(db, str | Loop) else chosen.url
    store = await _opened_store(bind, chosen)
    server: TrainerServer | None = None
    loop: Loop | None = None
    try:
        server, loop = _chosen_loop(clock, ids, chosen, assistant, store, server)
        yield loop
    finally:
        await _close(loop, server, store)


async def _opened_store(bind: Bind, chosen: Settings) -> Store:
    secret = chosen.kaeshi_master_key.get_secret_value() if chosen.kaeshi_master_key else None
    key = chosen.data_dir / MASTER_KEY
    is_new = secret is None and not key.exists()
    if is_new:
        _check_beside(bind, key)
    _check_emptied(bind, key)
    store = await open_store(bind, load_master_key(secret, chosen.data_dir))
    if is_new:
        await _check_new_key(store, key)
    await _check_key(store, key)
    return store


def _check_beside(bind: Bind, key: Path) -> None:
    """Raise Misconfigured where the key lies beside the database, and is looked for elsewhere."""
    path = sqlite_path(bind) if isinstance(bind, str) else None
    beside = path.with_name(MASTER_KEY) if path is not None and path.is_file() else key
    if beside != key and beside.exists():
        msg = (
            f"the master key of {str(path)!r} lies beside it, and is looked for in "
            f"{str(key.parent)!r}: unset KAESHI_DATA_DIR, or set it to {str(beside.parent)!r}"
        )
        raise Misconfigured(msg)


async def _check_key(store: Store, path: Path) -> None:
    """Raise Misconfigured, and close the store, where the master key is not the database's."""
    try:
        async with store.read() as tx:
            fingerprint = await tx.keys.in_use()
            if fingerprint == store.keyring.fingerprint:
                return
            wrapped = await tx.keys.some_key()
        if fingerprint is None or wrapped is None:
            await _enter_key(store, wrapped)
            return
        store.keyring = take_next(path.parent, fingerprint) or _refuse_key(store, fingerprint)
    except BaseException:
        await store.close()
        raise


async def _enter_key(store: Store, wrapped: bytes | None) -> None:
    """Enter the key of a database without texts, or of one from before keys were entered."""
    if wrapped is not None:
        store.keyring.rewrap(wrapped, store.keyring)
    async with store.write() as tx:
        await tx.keys.enter(store.keyring.fingerprint, SystemClock().now())


def _refuse_key(store: Store, fingerprint: str) -> NoReturn:
    msg = (
        f"the master key is {store.keyring.fingerprint}, and this database is under {fingerprint}: "
        "set KAESHI_MASTER_KEY or put master.key back as it was then, or restore a sealed copy "
        "with `kaeshi keys restore FILE`"
    )
    raise Misconfigured(msg)


async def _check_new_key(store: Store, key: Path) -> None:
    """Raise Misconfigured, and remove the key, where the texts need the one that was there."""
    sealed = await store.sealed_customers()
    if sealed:
        await store.close()
        key.unlink()
        msg = (
            f"{str(key)!r} is missing, and the texts of {sealed} customers in the database cannot "
            "be read without it: put it back, or set KAESHI_MASTER_KEY. A new key would lose them"
        )
        raise Misconfigured(msg)


def _check_emptied(bind: Bind, key: Path) -> None:
    """Raise Misconfigured for an empty database file beside a master key that was in use."""
    path = sqlite_path(bind) if isinstance(bind, str) else None
    if path is None or not path.is_file() or path.stat().st_size >= SMALLEST or not key.exists():
        return
    # a process that starts beside this one creates the key first, and the tables a moment later
    if SystemClock().now().timestamp() - key.stat().st_mtime > EMPTIED_AFTER_S:
        msg = (
            f"{str(path)!r} is empty, and {str(key)!r} belongs to a database that was not: put a "
            "backup in its place, or remove the empty file to start without the earlier data"
        )
        raise Misconfigured(msg)


async def _close(loop: Loop | None, server: TrainerServer | None, store: Store) -> None:
    if loop is not None:
        await loop.trainer.close()
        if isinstance(loop.index, PgvectorIndex):
            await asyncio.to_thread(loop.index.close)
    if server is not None:
        server.wait()
    await store.close()


def _check_assistant(assistant: str | None) -> None:
    if assistant is not None and not ASSISTANT.match(assistant):
        msg = (
            f"assistant {assistant!r}: 1 to 64 letters, digits, '.', '_' and '-', a letter or "
            "digit first"
        )
        raise InvalidInput(msg)


def _chosen_loop(
    clock: "Clock | None",
    ids: "Ids | None",
    chosen: Settings,
    assistant: str | None,
    store: Store,
    server: TrainerServer | None,
) -> tuple[TrainerServer | None, Loop]:
    """The Loop that the settings describe, and its embedded trainer if it has one."""
    time = clock or SystemClock()
    names = ids or RandomIds()
    embedder = MiniLMEmbedder(chosen.models_dir)
    if chosen.chats_embedded or chosen.trains_embedded:
        server = embedded_trainer(chosen, embedder, time, names)
    key = chosen.openai_api_key.get_secret_value() if chosen.openai_api_key else None
    loop = Loop(
        settings=chosen,
        assistant=assistant or chosen.kaeshi_assistant,
        store=store,
        clock=time,
        ids=names,
        names=names_of(chosen),
        policy=policy_of(chosen),
        recalls=json.loads(_data("pii_recall.json"))["at_least"],
        tokens=TiktokenCounter(chosen.models_dir),
        embedder=embedder,
        index=_index(chosen),
        trainer=_trainer_client(key, chosen, server),
        chat=_chat_client(server, chosen, key),
        answerer=server,
        mailer=_mailer(chosen),
        notifier=WebhookNotifier(chosen.kaeshi_webhook_url.get_secret_value())
        if chosen.kaeshi_webhook_url
        else LogNotifier(),
        prompt_search=GepaSearch(),
        checks=_checks(chosen.gateway_checks),
        prompts=_prompts(chosen.intent_prompts),
        prices=dated.table("prices", chosen.data_dir),
        retirements=dated.table("retirements", chosen.data_dir),
    )
    return server, loop


def _index(chosen: Settings) -> Index:
    if chosen.knowledge_index == "faiss":
        return FaissIndex()
    if not chosen.url.startswith("postgresql"):
        msg = "KNOWLEDGE_INDEX=pgvector needs a PostgreSQL in DATABASE_URL; or set it to faiss"
        raise Misconfigured(msg)
    return PgvectorIndex(VectorTable(chosen.url))


def _trainer_client(
    key: str | None, chosen: Settings, server: TrainerServer | None
) -> OpenAITrainer:
    if chosen.trains_embedded:
        return OpenAITrainer(api_key="none", answerer=server)
    if chosen.training_base_url is not None:
        own = chosen.training_api_key
        return OpenAITrainer(
            api_key=own.get_secret_value() if own else "none",
            base_url=chosen.training_base_url,
            is_main=False,
            dialect=dialect_of(chosen.training_base_url, chosen.training_dialect),
        )
    return OpenAITrainer(
        api_key=key or "none",
        base_url=chosen.openai_base_url,
        organisation=chosen.openai_org_id,
        api_version=chosen.openai_api_version,
        dialect=dialect_of(chosen.openai_base_url, chosen.training_dialect),
    )


def _chat_client(server: TrainerServer | None, chosen: Settings, key: str | None) -> WireChat:
    return WireChat(
        answerer=server,
        base_url=None if chosen.chats_embedded else chosen.openai_base_url or OPENAI,
        api_key=key,
        keys=chosen.provider_keys,
    )


@contextmanager
def using(loop: Loop) -> Iterator[Loop]:
    """Make `loop` the default for calls that pass no database."""
    token = _using.set(loop)
    try:
        yield loop
    finally:
        _using.reset(token)


def current() -> Loop | None:
    """The Loop of the innermost `using`."""
    return _using.get()


def embedded_trainer(
    settings: Settings, embedder: MiniLMEmbedder, clock: "Clock", ids: "Ids"
) -> TrainerServer:
    """The embedded trainer that the settings describe."""
    _check_bases(settings)
    tokens = TiktokenCounter(settings.models_dir)
    folder = settings.data_dir / "trainer"
    hooks = _webhooks_of(settings, clock, ids)
    cluster = Cluster(settings.trainer_ray) if settings.trainer_ray else None
    vllm = (
        Vllm(settings.trainer_serve_with.removeprefix("vllm="))
        if settings.trainer_serve_with
        else None
    )
    return TrainerServer(
        folder,
        embedder,
        tokens,
        clock,
        ids,
        features=MiniLMFeatures(embedder),
        bases=settings.trainer_bases,
        models_dir=settings.models_dir,
        webhooks=hooks,
        vllm=vllm,
        cluster=cluster,
        disk=None if settings.trainer_disk_gb is None else int(settings.trainer_disk_gb * 1e9),
    )


def _check_bases(settings: Settings) -> None:
    wanting = sorted({*settings.trainer_bases.values()} - {RESPONDER})
    if wanting and (packages := lora.missing()):
        msg = (
            f"TRAINER_BASES names {wanting[0]!r}, and {', '.join(packages)} are not installed; "
            "type: pip install 'kaeshi[train]'"
        )
        raise Misconfigured(msg)


def _webhooks_of(settings: Settings, clock: "Clock", ids: "Ids") -> Webhooks | None:
    """Where the end of a job is announced; None where the settings name no address."""
    hooks = None
    if settings.trainer_webhook_url is not None:
        if settings.trainer_webhook_secret is None:
            msg = (
                "TRAINER_WEBHOOK_URL is set and TRAINER_WEBHOOK_SECRET is not: the receiver "
                "needs it to verify the sender"
            )
            raise Misconfigured(msg)
        key = key_of(settings.trainer_webhook_secret.get_secret_value())
        hooks = Webhooks(url=settings.trainer_webhook_url, key=key, clock=clock, ids=ids)
    return hooks


def _mailer(settings: Settings) -> "Mailer":
    if settings.smtp_host is None:
        return OutboxMailer(settings.data_dir / "outbox")
    from kaeshi.providers.smtp import SmtpMailer  # aiosmtplib, where it is used

    return SmtpMailer(settings)


def _checks(path: Path | None) -> Checks:
    if path is None:
        return Checks()
    try:
        return Checks.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        msg = (
            f"GATEWAY_CHECKS {str(path)!r}: {str(error).splitlines()[0]}; see the example in "
            "docs/gateway.md"
        )
        raise Misconfigured(msg) from error


def _prompts(path: Path | None) -> Mapping[str, str]:
    try:
        prompts = tomllib.loads(
            _data("intents.toml") if path is None else path.read_text(encoding="utf-8")
        )
    except (OSError, tomllib.TOMLDecodeError) as error:
        msg = (
            f"INTENT_PROMPTS {str(path)!r}: {error}; start from a copy of the shipped intents.toml"
        )
        raise Misconfigured(msg) from error
    if not isinstance(prompts.get("default"), str) or not all(
        isinstance(prompt, str) for prompt in prompts.values()
    ):
        msg = (
            f"INTENT_PROMPTS {str(path)!r}: every value must be a string, and `default` must "
            "have one"
        )
        raise Misconfigured(msg)
    return prompts


def _data(name: str) -> str:
    return resources.files("kaeshi").joinpath("data", name).read_text(encoding="utf-8")
