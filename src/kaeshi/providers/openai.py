"""Fine-tuning over OpenAI's wire: OpenAI itself, whoever speaks like it, and our own trainer in this process.

Uploads and jobs carry our key (in the file's name, in the job's metadata), so that a call whose answer was lost can be found again.
"""

from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from kaeshi.errors import NotFound, ProviderError, ProviderUnknown
from kaeshi.ports import Answerer
from kaeshi.types import Json

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI

T = TypeVar("T")
LOOK_BACK = 500


class OpenAITrainer:
    """A Trainer. With `answerer`, requests stay in this process; else they go to `base_url` (None: OpenAI's own)."""

    def __init__(
        self, *, api_key: str, base_url: str | None = None, organisation: str | None = None, answerer: Answerer | None = None
    ) -> None:
        self._api_key, self._base_url, self._organisation, self._answerer = api_key, base_url, organisation, answerer
        self._made: AsyncOpenAI | None = None
        self.embedded = answerer is not None
        self.name = "embedded" if answerer is not None else base_url or "https://api.openai.com/v1"

    async def upload(self, path: Path, key: str) -> str:
        """Send a training file; returns the provider's file id."""
        with path.open("rb") as stream:
            return (
                await self._ask(
                    "upload", self._client.files.create(file=(_file_name(key), stream, "application/jsonl"), purpose="fine-tune")
                )
            ).id

    async def find_file(self, key: str) -> str | None:
        """The id of a file uploaded under that key, if the provider has it."""
        page = await self._ask("files", self._client.files.list(purpose="fine-tune", limit=LOOK_BACK))
        return next((file.id for file in page.data if file.filename == _file_name(key)), None)

    async def create(self, file_id: str, model: str, suffix: str, epochs: int, key: str) -> str:
        """Start a job; returns the provider's job id."""
        job = self._client.fine_tuning.jobs.create(
            training_file=file_id, model=model, suffix=suffix, hyperparameters={"n_epochs": epochs}, metadata={"kaeshi_key": key}
        )
        return (await self._ask("fine-tuning job", job)).id

    async def find_job(self, key: str) -> str | None:
        """The id of a job started under that key, if the provider has it."""
        seen = 0
        async for job in self._client.fine_tuning.jobs.list(limit=100):
            if (job.metadata or {}).get("kaeshi_key") == key:
                return job.id
            seen += 1
            if seen >= LOOK_BACK:
                break
        return None

    async def look(self, job_id: str) -> Json:
        """The job as the provider tells it now."""
        return dict((await self._ask(f"job {job_id!r}", self._client.fine_tuning.jobs.retrieve(job_id))).model_dump())

    async def close(self) -> None:
        """Hang up."""
        if self._made is not None:
            await self._made.close()

    @property
    def _client(self) -> "AsyncOpenAI":
        if self._made is None:
            from openai import AsyncOpenAI

            http = None if self._answerer is None else _in_process(self._answerer)
            # retries are ours: only listing tells whether a lost answer was paid for
            self._made = AsyncOpenAI(
                api_key=self._api_key, base_url=self._base_url, organization=self._organisation, max_retries=0, http_client=http
            )
        return self._made

    async def _ask(self, what: str, request: Awaitable[T]) -> T:
        import openai

        try:
            return await request
        except openai.NotFoundError as error:
            msg = f"{what}: {self.name} does not know it: {_said(error)}"
            raise NotFound(msg) from error
        except openai.InternalServerError as error:
            msg = f"{what}: {self.name} failed half-way ({error.status_code}); nobody knows whether it was done"
            raise ProviderUnknown(msg) from error
        except openai.APIStatusError as error:
            msg = f"{what}: {self.name} answered {error.status_code}: {_said(error)}"
            raise ProviderError(msg) from error
        except openai.APIConnectionError as error:
            msg = f"{what}: no answer from {self.name} ({error}); check OPENAI_BASE_URL and the network"
            raise ProviderUnknown(msg) from error


def _file_name(key: str) -> str:
    return f"kaeshi-{key}.jsonl"


def _said(error: Exception) -> str:
    body = getattr(error, "body", None)
    return str(body.get("message")) if isinstance(body, dict) and body.get("message") else str(error)


def _in_process(answerer: Answerer) -> "httpx2.AsyncClient":
    """An HTTP client whose requests never leave this process."""
    import httpx2

    class Transport(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            path = request.url.raw_path.decode().removeprefix("/v1")
            status, body = await answerer.call(request.method, path, await request.aread(), request.headers.get("content-type", ""))
            return httpx2.Response(status, content=body, headers={"content-type": "application/json"}, request=request)

    return httpx2.AsyncClient(transport=Transport(), base_url="http://trainer.invalid/v1")
