"""The gateway's settings; `kaeshi.settings` reads them with all others."""

from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode

from kaeshi.nouns.metric import Metric

LEAST_SECRET = 32  # characters; RFC 7518 asks for 256 bits with HS256


class GatewaySettings(BaseSettings):
    """How the gateway asks, logs and mirrors."""

    gateway_aliases: dict[str, str] = Field(
        default={"concierge": ""},
        description=(
            "JSON: model names that clients ask for, and the assistant behind each (empty: "
            "KAESHI_ASSISTANT). Requests for other models are forwarded to those models."
        ),
    )
    feedback_metrics: dict[str, Metric] = Field(
        default={},
        description=(
            "JSON: metrics that feedback may be given under beside the built-in ones, by name, "
            'such as {"nps": {"type": "float", "least": 0, "most": 10}}; type boolean or float. '
            "They are kept as outcomes of the conversation."
        ),
    )
    reviewers: int = Field(
        1, ge=1, le=3, description="How many reviewers must say the same before it counts."
    )
    review_weekly: int = Field(
        20, ge=1, le=10_000, description="How many items people review in a week."
    )
    gateway_key: SecretStr | None = Field(
        None,
        description=(
            "Bearer key for the gateway's paths. Without one KAESHI_ADMIN_KEY; without either "
            "only loopback may call."
        ),
    )
    gateway_customer_secret: SecretStr | None = Field(
        None,
        description=(
            "Secret with which your back end signs customers' tokens (X-Kaeshi-Customer-Token, "
            "docs/gateway.md), 32 characters at least. Rollouts then count signed customers only."
        ),
    )
    gateway_provider_keys: dict[str, SecretStr] = Field(
        default={},
        description="JSON: base URL and key of other providers of candidates (--base-url).",
    )
    gateway_consent: Literal["granted", "legitimate_interest", "none"] = Field(
        "none",
        description="Consent of conversations whose requests have no X-Kaeshi-Consent.",
    )
    gateway_deadline_seconds: float = Field(
        30,
        gt=0,
        description=(
            "Time limit for a candidate's answer, or for a stream's first piece; then "
            "production answers instead."
        ),
    )
    gateway_timeout_seconds: float = Field(
        600, gt=0, description="Time limit for a model's answer, or between pieces of a stream."
    )
    gateway_spool_mb: int = Field(
        512,
        ge=1,
        description=(
            "Size of the spool, beyond which requests are served but counted as not logged."
        ),
    )
    gateway_mirror_percent: float = Field(
        100,
        ge=0,
        le=100,
        description="Share of production's turns that a mirrored candidate is asked as well.",
    )
    gateway_mirror_per_second: float = Field(
        10,
        gt=0,
        description="Mirrored turns per second at most; further ones are dropped and counted.",
    )
    gateway_mirror_usd_per_day: Decimal = Field(
        Decimal(5),
        ge=0,
        description="Cap on the cost of mirrored answers in 24 hours, for models with a known "
        "price.",
    )

    gateway_judge_model: str | None = Field(
        None,
        description=(
            "Model that compares a mirrored candidate's answers with production's, blind and in "
            "both orders; it never promotes."
        ),
    )
    gateway_judge_base_url: str | None = Field(
        None,
        description=(
            "Where that model is asked. Default: the provider; its key is OPENAI_API_KEY or one "
            "of GATEWAY_PROVIDER_KEYS."
        ),
    )
    gateway_checks: Path | None = Field(
        None,
        description="TOML file of policy checks on mirrored answers (docs/gateway.md).",
    )
    gateway_max_body_mb: int = Field(
        50, ge=1, description="Largest request to the gateway, after decompression; OpenAI's is 50."
    )
    gateway_large_bodies_mb: int = Field(
        256,
        ge=1,
        description=(
            "Requests of a megabyte or more that are handled at once, in megabytes together; "
            "further ones wait."
        ),
    )
    trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = Field(
        (),
        description=(
            "Comma-separated addresses or networks of reverse proxies that are believed about "
            "X-Forwarded-For. Default: none, and without a key forwarded requests are refused."
        ),
    )
    gateway_tell_arm: bool = Field(
        default=False,
        description=(
            "Send X-Kaeshi-Arm to every caller. Default: to holders of the admin key, and without "
            "keys to this machine; a customer who knows the arm can vote for or against it."
        ),
    )
    gateway_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description=(
            "Comma-separated origins whose pages may send feedback by token, and chat with "
            "GATEWAY_KEY, from a browser, such as https://shop.example. Default: none."
        ),
    )

    @field_validator("gateway_customer_secret")
    @classmethod
    def _check_length(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and len(secret.get_secret_value()) < LEAST_SECRET:
            msg = (
                f"GATEWAY_CUSTOMER_SECRET has {len(secret.get_secret_value())} characters, and a "
                f"token signed with fewer than {LEAST_SECRET} can be guessed; make one with "
                "`openssl rand -base64 32`"
            )
            raise ValueError(msg)
        return secret

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _split_proxies(cls, raw: object) -> object:
        if not isinstance(raw, str):
            return raw
        return tuple(part.strip() for part in raw.split(",") if part.strip())

    @field_validator("gateway_origins", mode="before")
    @classmethod
    def _split_origins(cls, raw: object) -> object:
        if not isinstance(raw, str):
            return raw
        return tuple(part.strip().rstrip("/") for part in raw.split(",") if part.strip())
