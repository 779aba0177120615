"""Which headers pass between client and provider, in either direction."""

from collections.abc import Mapping, Sequence

Headers = Sequence[tuple[bytes, bytes]]

# of the API and of tracing; the authorization is decided elsewhere
TO_PROVIDER = frozenset(
    {
        b"openai-beta",
        b"openai-organization",
        b"openai-project",
        b"idempotency-key",
        b"x-request-id",
        b"x-client-request-id",
        b"traceparent",
        b"tracestate",
        b"http-referer",
        b"x-title",
    }
)
ACCOUNT = frozenset({b"openai-organization", b"openai-project"})
_BACK = frozenset(
    {b"content-type", b"content-encoding", b"location", b"x-request-id", b"x-should-retry"}
)
_BACK_PREFIXES = (b"x-ratelimit-", b"retry-after", b"openai-")


def to_provider(headers: Mapping[bytes, bytes]) -> Headers:
    """The client's headers that a provider gets."""
    return [(name, value) for name, value in headers.items() if name in TO_PROVIDER]


def comes_back(name: bytes) -> bool:
    """Whether a provider's header is kept for the client."""
    return name in _BACK or name.startswith(_BACK_PREFIXES)


def of_another_attempt(headers: Headers) -> Headers:
    """The headers for asking a second model: its request is not the one under that key."""
    return [(name, value) for name, value in headers if name != b"idempotency-key"]


def of_another_account(headers: Headers) -> Headers:
    """The headers for another provider: the account belongs to the first."""
    return [(name, value) for name, value in headers if name not in ACCOUNT]
