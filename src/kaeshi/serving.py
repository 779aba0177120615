"""What runs as a process of its own: the server, the gateway's worker, the trainer; and exports.

`app.py` builds the Loop; this module runs it.
"""

import asyncio
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from kaeshi.app import RandomIds, SystemClock, embedded_trainer, open_loop
from kaeshi.environment import set_database_url
from kaeshi.errors import InvalidInput, MissingExtra, NotFound
from kaeshi.gateway.upstream import judge_of, upstream_of
from kaeshi.gateway.worker import Worker
from kaeshi.nouns import Json
from kaeshi.providers.minilm import MiniLMEmbedder
from kaeshi.settings import Settings, load
from kaeshi.trainer import manifests
from kaeshi.trainer.answers import model_folder
from kaeshi.trainer.asgi import TrainerApp
from kaeshi.trainer.engines import lora

MOST_CONNECTIONS = 16_384
LEAST_CONNECTIONS = 128
OTHER_HANDLES = 1024  # files, and connections to providers and the database
HEAD_S = 30  # a client that has not sent a request's head by then is let go


def serving(
    host: str,
    port: int,
    target: str,
    db: str | None,
    *,
    processes: int = 1,
    beside: Sequence[str] = (),
) -> None:
    """Serve an application factory on granian until it is stopped.

    `db` is passed on to the server processes as DATABASE_URL. `beside`: the command of a process
    that runs as long as this one serves, and is restarted when it ends.
    """
    from granian.constants import Interfaces
    from granian.http import HTTP1Settings
    from granian.server import Server

    connections = _connections()
    if db is not None:
        set_database_url(db)
    server = Server(
        target,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        factory=True,
        log_access=False,
        workers=processes,
        # one that sends nothing takes a place among them, and memory; it must not take the last
        backlog=connections,
        backpressure=connections,
        http1_settings=HTTP1Settings(header_read_timeout=HEAD_S * 1000),
    )
    with _running(beside):
        server.serve()


def _connections() -> int:
    """How many connections a server process accepts at once.

    Each takes a file handle: their limit is raised as far as the system allows it.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    handles = MOST_CONNECTIONS * 2 if most == resource.RLIM_INFINITY else most
    resource.setrlimit(resource.RLIMIT_NOFILE, (handles, most))
    return max(min(handles - OTHER_HANDLES, MOST_CONNECTIONS), LEAST_CONNECTIONS)


@contextmanager
def _running(command: Sequence[str]) -> Iterator[None]:
    over = threading.Event()
    processes = list[subprocess.Popen[bytes]]()

    def keep() -> None:
        while not over.is_set():
            processes[:] = [subprocess.Popen([sys.executable, "-m", "kaeshi", *command])]  # noqa: S603  # our own command
            processes[0].wait()
            over.wait(1)

    keeper = threading.Thread(target=keep, name="kaeshi-beside", daemon=True)
    if command:
        keeper.start()
    try:
        yield
    finally:
        over.set()
        if command:
            for process in processes:
                process.terminate()
            keeper.join(10)


async def gateway_worker(over: asyncio.Event) -> None:
    """Run the gateway's worker (store what was logged, mirror) until `over` is set."""
    async with open_loop() as loop:
        upstream = upstream_of(loop)
        judge = judge_of(loop)
        try:
            await Worker(loop, sorted(loop.served), upstream, judge).run(over)
        finally:
            await upstream.close()
            if judge is not None:
                await judge.close()


def trainer_app() -> TrainerApp:
    """The embedded trainer as an application that can be served on its own."""
    settings = load()
    server = embedded_trainer(
        settings, MiniLMEmbedder(settings.models_dir), SystemClock(), RandomIds()
    )
    return TrainerApp(
        server, settings.kaeshi_admin_key.get_secret_value() if settings.kaeshi_admin_key else None
    )


def exported(model: str, out: Path, form: str) -> Json:
    """Export a fine-tune of the embedded trainer for other programs.

    As GGUF, merged with its base, or as the bare adapter. Raises NotFound for an unknown model,
    InvalidInput for a model of another engine or a target that exists, MissingExtra without the
    `train` extra.
    """
    settings = load()
    folder = model_folder(settings.data_dir / "trainer", model)
    manifest = _check_export(folder, model, settings, out)
    out.parent.mkdir(parents=True, exist_ok=True)
    if form == "adapter":
        return lora.publish(folder, out, {"form": form})
    from kaeshi.trainer.engines.lora import export  # needs torch

    return {"merged": export.merged, "gguf": export.as_gguf}[form](
        manifest["base"], settings.models_dir, folder, out
    )


def _check_export(folder: Path, model: str, settings: Settings, out: Path) -> Json:
    if not (folder / "manifest.json").exists():
        msg = (
            f"model {model!r} is not in {str(settings.data_dir / 'trainer')!r}; `kaeshi "
            "training list` shows what was trained"
        )
        raise NotFound(msg)
    manifest = manifests.checked(folder)
    if manifest["engine"] != "lora":
        msg = (
            f"model {model!r} is a {manifest['engine']}: it is not a language model, and "
            "only kaeshi serves it"
        )
        raise InvalidInput(msg)
    if out.exists():
        msg = f"{str(out)!r} exists already; name another target"
        raise InvalidInput(msg)
    if packages := lora.missing():
        msg = f"{', '.join(packages)} are not installed; type: pip install 'kaeshi[train]'"
        raise MissingExtra(msg)
    return manifest
