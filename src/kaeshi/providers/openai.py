"""Fine-tuning over OpenAI's wire.

At OpenAI, at a compatible provider, or at the embedded trainer in this process. Uploads and jobs
carry our key (in the file's name, in the job's metadata), so that a call without an answer can be
looked up.
"""

from collections.abc import Awaitable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel

from kaeshi.errors import NotFound, ProviderError, ProviderUnknown, Refused
from kaeshi.nouns import JobRequest, Json, TrainingEvent
from kaeshi.ports import Answerer
from kaeshi.providers.dialects import DIALECTS, Dialect

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI, Omit
    from openai.pagination import AsyncCursorPage
    from openai.types.fine_tuning import FineTuningJob
    from openai.types.fine_tuning.fine_tuning_job_event import FineTuningJobEvent
    from openai.types.fine_tuning.job_create_params import Method

T = TypeVar("T")
LOOK_BACK = 500
FILE_SECONDS = 30 * 24 * 3600  # OpenAI's longest
CREATE_SECONDS = 60.0  # far shorter than the time after which a lost request is sent again
MAY_HAVE_BEEN_DONE = frozenset(
    {408, 409, 425, 429}
)  # seen from proxies that had forwarded the request


class OpenAITrainer:
    """A Trainer.

    With `answerer`, requests stay in this process; else they go to `base_url` (None: OpenAI).
    `api_version`: Azure's, sent with every request. Nothing is sent twice: retries are off, and
    redirects are not followed, since one to another host would post the body again.
    """

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str | None = None,
        organisation: str | None = None,
        api_version: str | None = None,
        answerer: Answerer | None = None,
        is_main: bool = True,
        dialect: Dialect = DIALECTS["openai"],
    ) -> None:
        """`is_main`: the account that OPENAI_ORG_ID and the SDK's other variables are about.

        `dialect`: how the provider differs (dialects.py).
        """
        self._dialect = dialect
        self._api_key = api_key
        self._base_url = base_url
        self._organisation = organisation
        self._api_version = api_version
        self._answerer = answerer
        self._is_main = is_main
        self._made: AsyncOpenAI | None = None
        self.embedded = answerer is not None
        self.name = "embedded" if answerer is not None else base_url or "https://api.openai.com/v1"

    async def upload(self, path: Path, key: str) -> str:
        """Upload a training file, to be deleted at the provider after FILE_SECONDS.

        Returns the provider's file id.
        """
        with path.open("rb") as stream:
            sent = self._client.files.create(
                file=(_file_name(key), stream, "application/jsonl"),
                purpose="fine-tune",
                expires_after={"anchor": "created_at", "seconds": FILE_SECONDS},
            )
            answer = await self._ask("upload", sent, asks_for_work=True)
            return str(_object_of(answer, "file", self.name)["id"])

    async def find_file(self, key: str) -> str | None:
        """The id of a file uploaded under that key, if the provider has it."""
        page = await self._ask(
            "files", self._client.files.list(purpose="fine-tune", limit=LOOK_BACK)
        )
        return next((file.id for file in page.data if file.filename == _file_name(key)), None)

    async def create(self, wanted: JobRequest) -> Json:
        """Start a job.

        Raises ProviderUnknown whenever the provider may have started it without saying so.
        """
        job = self._client.fine_tuning.jobs.create(
            training_file=wanted.training_file,
            model=wanted.model,
            suffix=wanted.suffix,
            seed=wanted.seed,
            validation_file=wanted.validation_file,
            **self._way(wanted),
            metadata={"kaeshi_key": wanted.key, "dataset_sha256": wanted.dataset_sha256},
            extra_headers={"Idempotency-Key": wanted.key},
            timeout=CREATE_SECONDS,
        )
        return _object_of(
            await self._ask("fine-tuning job", job, asks_for_work=True),
            "fine_tuning.job",
            self.name,
        )

    async def jobs(self) -> list[Json]:
        """The latest jobs, at most LOOK_BACK."""
        from openai import omit

        found: list[Json] = []
        after: str | Omit = omit
        while len(found) < LOOK_BACK:
            page = await self._ask(
                "fine-tuning jobs", self._client.fine_tuning.jobs.list(limit=100, after=after)
            )
            if not isinstance(getattr(page, "data", None), list):
                msg = f"fine-tuning jobs: {self.name} gave an answer that is not a list"
                raise ProviderError(msg)
            found += [_object_of(job, "fine_tuning.job", self.name) for job in page.data]
            if not page.data or not page.has_more:
                break
            after = page.data[-1].id
        return found

    async def look(self, job_id: str) -> Json:
        """The present state of a job."""
        job = await self._ask(f"job {job_id!r}", self._retrieved(job_id))
        return _object_of(job, "fine_tuning.job", self.name)

    def _retrieved(self, job_id: str) -> "Awaitable[FineTuningJob]":
        from openai.types.fine_tuning import FineTuningJob

        if not self._dialect.looks_by_post:
            return self._client.fine_tuning.jobs.retrieve(job_id)
        return self._client.post(
            "/fine_tuning/jobs/retrieve",
            body={"fine_tuning_job_id": job_id},
            cast_to=FineTuningJob,
        )

    def _way(self, wanted: JobRequest) -> Json:
        """Method and hyperparameters, where this provider has them. Raises Refused."""
        if self._dialect.has_method:
            return {"method": _method(wanted)}
        if wanted.method != "supervised":
            msg = f"{self.name} trains on rows only, not by {wanted.method}"
            raise Refused(msg)
        return {"hyperparameters": {"n_epochs": wanted.epochs}}

    async def checkpoints(self, job_id: str) -> list[Json]:
        """The models saved during training, with their losses.

        Raises NotFound where a provider keeps none.
        """
        page = await self._ask(
            f"checkpoints of {job_id!r}",
            self._client.fine_tuning.jobs.checkpoints.list(job_id, limit=100),
        )
        return [dict(checkpoint.model_dump()) for checkpoint in getattr(page, "data", None) or []]

    async def events(self, job_id: str) -> list[TrainingEvent]:
        """The job's events, at most LOOK_BACK, the oldest first.

        Raises NotFound where a provider has none.
        """
        page = await self._ask(
            f"events of {job_id!r}", self._client.fine_tuning.jobs.list_events(job_id, limit=100)
        )
        found: list[TrainingEvent] = []
        while True:
            _append_events(page, found)
            if not page.has_next_page() or len(found) >= LOOK_BACK:
                return found[::-1]
            page = await self._ask(f"events of {job_id!r}", page.get_next_page())

    async def models(self) -> list[Json]:
        """The provider's models, with its facts about them."""
        page = await self._ask("models", self._client.models.list())
        return [dict(model.model_dump()) for model in getattr(page, "data", None) or []]

    async def close(self) -> None:
        """Close the connections."""
        if self._made is not None:
            await self._made.close()

    @property
    def _client(self) -> "AsyncOpenAI":
        if self._made is None:
            import httpx2
            from openai import AsyncOpenAI

            http = (
                httpx2.AsyncClient(follow_redirects=False)
                if self._answerer is None
                else _in_process(self._answerer)
            )
            azure = self._api_version is not None
            self._made = AsyncOpenAI(
                api_key=self._api_key,
                base_url=self._base_url,
                organization=self._organisation,
                max_retries=0,  # only a listing shows whether a lost request was carried out
                http_client=http,
                default_query={"api-version": self._api_version} if azure else None,
                default_headers={"api-key": self._api_key} if azure else None,
            )
            if not self._is_main:  # the SDK reads what belongs to the main one by itself
                self._made.organization = None
                self._made.project = None
                self._made._custom_headers = {}  # it has no other way
        return self._made

    async def _ask(self, what: str, request: Awaitable[T], *, asks_for_work: bool = False) -> T:
        """Send a request.

        For a request that starts work, only a plain refusal proves that nothing was started; any
        other failure raises ProviderUnknown.
        """
        import openai

        try:
            return await request
        except openai.NotFoundError as error:
            msg = f"{what}: {self.name} does not know it: {_said(error)}"
            raise NotFound(msg) from error
        except openai.APIStatusError as error:
            if error.status_code >= 500 or (
                asks_for_work and error.status_code in MAY_HAVE_BEEN_DONE
            ):
                msg = (
                    f"{what}: {self.name} answered {error.status_code}, and may have done "
                    f"it: {_said(error)}"
                )
                raise ProviderUnknown(msg) from error
            msg = f"{what}: {self.name} answered {error.status_code}: {_said(error)}"
            raise ProviderError(msg) from error
        except openai.APIConnectionError as error:
            msg = (
                f"{what}: no answer from {self.name} ({error}); check OPENAI_BASE_URL and the "
                "network"
            )
            raise ProviderUnknown(msg) from error
        except (
            openai.APIError,
            ValueError,
        ) as error:  # an unreadable answer: a page of HTML, half a JSON
            msg = f"{what}: {self.name} gave an answer that cannot be read ({type(error).__name__})"
            raise ProviderUnknown(msg) from error


def _append_events(page: "AsyncCursorPage[FineTuningJobEvent]", found: list[TrainingEvent]) -> None:
    for event in getattr(page, "data", None) or []:
        data = event.data if isinstance(event.data, dict) else {}
        figures = {name: value for name, value in data.items() if isinstance(value, int | float)}
        at = datetime.fromtimestamp(event.created_at, UTC)
        found.append(TrainingEvent(id=event.id, at=at, message=event.message, figures=figures))


def job_of_webhook(body: bytes, headers: Mapping[str, str], secret: str) -> str | None:
    """The job that a provider's webhook is about, None if it is about something else.

    Raises Refused if the signature is missing, wrong or too old.
    """
    import openai

    with openai.OpenAI(api_key="none", webhook_secret=secret) as client:
        try:
            event = client.webhooks.unwrap(body, headers)
        except (openai.InvalidWebhookSignatureError, ValueError) as error:
            msg = "this webhook is not signed with OPENAI_WEBHOOK_SECRET, or is too old"
            raise Refused(msg) from error
    kind = str(getattr(event, "type", ""))
    return (
        str(event.data.id)
        if kind.startswith("fine_tuning.job.") and hasattr(event.data, "id")
        else None
    )


def _object_of(answer: object, kind: str, provider: str) -> Json:
    """An object of OpenAI's wire.

    Raises ProviderUnknown for any other body with status 200, such as a proxy's page.
    """
    content = answer.model_dump() if isinstance(answer, BaseModel) else {}
    if not content.get("id") or content.get("object", kind) != kind:
        msg = f"{provider} gave an answer that is not a {kind}, and may have done it"
        raise ProviderUnknown(msg)
    return content


def _method(wanted: JobRequest) -> "Method":
    if wanted.method == "dpo":
        return {"type": "dpo", "dpo": {"hyperparameters": {"n_epochs": wanted.epochs}}}
    return {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": wanted.epochs}}}


def _file_name(key: str) -> str:
    return f"kaeshi-{key}.jsonl"


def _said(error: Exception) -> str:
    body = getattr(error, "body", None)
    return (
        str(body.get("message")) if isinstance(body, dict) and body.get("message") else str(error)
    )


def _in_process(answerer: Answerer) -> "httpx2.AsyncClient":
    """An HTTP client whose requests stay in this process."""
    import httpx2

    class Transport(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            path = request.url.raw_path.decode().removeprefix("/v1")
            status, body = await answerer.call(
                request.method, path, await request.aread(), request.headers.get("content-type", "")
            )
            return httpx2.Response(
                status, content=body, headers={"content-type": "application/json"}, request=request
            )

    return httpx2.AsyncClient(transport=Transport(), base_url="http://trainer.invalid/v1")
