"""Serving language models by vLLM, an engine made for many adapters on a GPU.

It is started with `--enable-lora` and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True, on this machine or on
one that sees the same disk. An adapter is loaded when its model is first asked, and again after
vLLM restarts.
"""

import asyncio
import json
import threading
import urllib.error
import urllib.request
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kaeshi.errors import ProviderError
from kaeshi.nouns import Json

if TYPE_CHECKING:
    import aiohttp

LOADING_S = 120
ANSWERING_S = 600
NOT_FOUND = 404


class Vllm:
    """One vLLM server, by its address without /v1."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._loaded: set[str] = set()
        self._guard = threading.Lock()

    def tell(self, adapter: str, folder: Path, *, again: bool = False) -> None:
        """Load an adapter, once. Raises ProviderError when that fails."""
        with self._guard:
            if adapter in self._loaded and not again:
                return
            status, said = self._post(
                "load_lora_adapter", {"lora_name": adapter, "lora_path": str(folder.resolve())}
            )
            if (
                status != 200 and "already" not in said
            ):  # loaded before this process restarted, or by another process
                msg = (
                    f"vLLM at {self.url} does not load {adapter!r} from {str(folder)!r}: "
                    f"{status}: {said[:200]}"
                )
                raise ProviderError(msg)
            self._loaded.add(adapter)

    def drop(self, adapter: str) -> None:
        """Unload an adapter; an unknown one is not an error."""
        with self._guard:
            if adapter in self._loaded:
                self._post("unload_lora_adapter", {"lora_name": adapter})
                self._loaded.discard(adapter)

    def _post(self, path: str, body: Json) -> tuple[int, str]:
        request = urllib.request.Request(  # noqa: S310  # the operator's own address
            f"{self.url}/v1/{path}",
            data=json.dumps(body).encode(),
            headers={"content-type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=LOADING_S) as answer:  # noqa: S310  # as above
                return answer.status, answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")
        except OSError as error:
            raise ProviderError(self._silent(error)) from error

    def _silent(self, error: Exception) -> str:
        return (
            f"no answer from vLLM at {self.url}: {type(error).__name__}; check "
            "TRAINER_SERVE_WITH, and that it runs"
        )

    @asynccontextmanager
    async def asked(
        self, body: Json, adapter: str | None, folder: Path | None
    ) -> "AsyncIterator[aiohttp.ClientResponse]":
        """Its answer to a chat completion. Raises ProviderError if there is none."""
        import aiohttp  # where it is used: it takes a tenth of a second

        timeout = aiohttp.ClientTimeout(total=ANSWERING_S, sock_connect=10)
        try:
            async with aiohttp.ClientSession(timeout=timeout) as session:
                async with session.post(f"{self.url}/v1/chat/completions", json=body) as response:
                    if response.status != NOT_FOUND or adapter is None or folder is None:
                        yield response
                        return
                await asyncio.to_thread(self.tell, adapter, folder, again=True)
                async with session.post(f"{self.url}/v1/chat/completions", json=body) as response:
                    yield response
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ProviderError(self._silent(error)) from error


@dataclass(frozen=True, kw_only=True)
class Handed:
    """An answer that vLLM has yet to give. `folder`: the adapter's, None for a base."""

    vllm: Vllm
    body: Json
    adapter: str | None
    folder: Path | None

    @property
    def streamed(self) -> bool:
        """Whether the client asked for a stream."""
        return bool(self.body.get("stream"))

    async def whole(self) -> tuple[int, bytes]:
        """Status and body, as vLLM gives them."""
        async with self.vllm.asked(self.body, self.adapter, self.folder) as response:
            return response.status, await response.read()

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Server-sent events as they come; a refusal becomes one event."""
        async with self.vllm.asked(self.body, self.adapter, self.folder) as response:
            if response.status != 200:
                yield b"data: " + await response.read() + b"\n\n"
                return
            async for piece in response.content.iter_any():
                yield piece
