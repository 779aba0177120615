"""Every setting, read once, by the only module that reads the environment.

The seed's variable names come first and are unchanged; kaeshi's own follow.
"""

import os
import re
import sys
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from kaeshi.errors import Misconfigured
from kaeshi.settings_autopilot import AutopilotSettings
from kaeshi.settings_gateway import GatewaySettings
from kaeshi.settings_privacy import PrivacySettings
from kaeshi.settings_providers import ProviderSettings

# their values are not repeated in errors: an address may hold a password
_SECRET = re.compile("KEY|SECRET|PASSW|PASSPHRASE|URL|_ID")
Policy = Literal["keep", "drop"]


class Settings(GatewaySettings, ProviderSettings, PrivacySettings, AutopilotSettings):
    """All settings; `docs/settings.md` is generated from this class."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    # The seed's
    fine_tune_base_model: str = Field(
        "gpt-4o-mini",
        description="Model to fine-tune; the embedded trainer takes it as an alias of its own "
        "base.",
    )
    fine_tune_suffix: str = Field("mhc", description="Suffix in the name of the fine-tuned model.")
    fine_tune_epochs: int = Field(3, ge=1, le=50, description="Passes over the training rows.")
    shadow_traffic_percent: float = Field(
        10.0, gt=0, le=50, description="Share of customers in a canary, in percent."
    )
    shadow_duration_hours: float = Field(
        24, gt=0, description="Hours a candidate is mirrored before its canary."
    )
    rollout_canary_hours: float = Field(
        72, ge=0, description="Hours of the canary, which tests for harm only."
    )
    rollout_half_hours: float = Field(
        168,
        ge=0,
        description="Shortest time at half and half before a promotion, in hours: whole weeks.",
    )
    rollout_approvals: Annotated[tuple[Literal["canary", "half", "full"], ...], NoDecode] = Field(
        (),
        description=(
            "Comma-separated stages (canary, half, full) into which a rollout goes only when a "
            "person promotes it."
        ),
    )
    rollout_holdout_percent: float = Field(
        5,
        ge=0,
        le=50,
        description="Share of customers that the former model keeps after a promotion.",
    )
    rollout_holdout_days: float = Field(
        14, ge=0, description="Days of that holdout, in which harm still rolls back."
    )
    rollout_largest_customer_percent: float = Field(
        5,
        gt=0,
        le=100,
        description=(
            "A rollout is refused while one customer has a larger share of the conversations: "
            "shares need many customers."
        ),
    )
    rollout_window_hours: float = Field(
        24,
        gt=0,
        description=(
            "Hours after which a conversation's outcomes count as final; a rollout shortens it "
            "when production's conversions come sooner."
        ),
    )
    rollout_alpha: float = Field(
        0.05,
        gt=0,
        lt=0.5,
        description=(
            "The largest chance of promoting a candidate that is not better, over all looks "
            "together."
        ),
    )
    rollout_horizon_days: float | None = Field(
        None,
        gt=0,
        description="Days at half and half after which a rollout ends, kept or not: most of alpha "
        "then goes to a boundary for that horizon, which shows small gains more often "
        "(docs/rollout-method.md). Default: no end; evidence is valid at every look.",
    )
    rollout_yearly_alpha: float | None = Field(
        None,
        gt=0,
        lt=0.5,
        description="The largest share of a year's promotions that may be no better: rollouts "
        "share it, so each has to show more. "
        "Default: every rollout has ROLLOUT_ALPHA to itself.",
    )
    rollout_false_percent: float = Field(
        1,
        ge=0,
        le=20,
        description=(
            "Share of customers who may be false, and vote for a candidate, without a promotion "
            "being wrong (docs/rollout.md). Where customers are signed, false ones have no vote."
        ),
    )
    rollout_false_harm_percent: float = Field(
        5,
        ge=0,
        le=50,
        description=(
            "Share of false customers who may vote against a candidate without rolling it back: "
            "harm that they could have made sets it aside for a person."
        ),
    )
    rollout_smallest_effect: float = Field(
        0.033,
        gt=0,
        lt=1,
        description="Uplift of the composite (0 to 1) that a rollout is best at finding.",
    )
    rollout_margins: dict[str, float] = Field(
        default={"containment": 0.03, "conversion": 0.02, "csat": 0.25},
        description=(
            "JSON: the largest loss that is tolerated, by metric; a metric without history in "
            "production is left out."
        ),
    )
    min_quality_score: Decimal = Field(
        Decimal("0.8"),
        ge=0,
        le=1,
        description="Lowest quality score that proposes an answer for training.",
    )
    min_rating: float = Field(4, ge=1, le=5, description="Lowest mean rating in stars.")
    drop_outcomes: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("goal_reached=false",),
        description=(
            "Outcomes that keep a conversation from being learned from, as NAME=VALUE separated by "
            "commas. Add booked=false where an answer without a booking is a bad one."
        ),
    )
    retraining_threshold: int = Field(
        1000,
        ge=1,
        description="Kept examples at which the collector reports that it is ready to retrain.",
    )
    kb_refresh_cron: str = Field(
        "0 2 * * 0", description="Knowledge refresh, as a crontab line in UTC (0 is Sunday)."
    )
    training_collector_cron: str = Field(
        "0 1 * * *", description="Collection, as a crontab line in UTC."
    )
    performance_reporter_cron: str = Field(
        "0 9 * * 1", description="Weekly report, as a crontab line in UTC."
    )

    # What training may cost
    training_cap_run_usd: Decimal = Field(
        Decimal(25), ge=0, description="Cap on the cost of one training run, in dollars."
    )
    training_cap_month_usd: Decimal = Field(
        Decimal(100),
        ge=0,
        description="Cap on the amount spent or reserved in a calendar month (UTC), in dollars.",
    )
    training_price_per_million_usd: Decimal | None = Field(
        None,
        ge=0,
        description=(
            "Price of a million trained tokens, for a provider that the price table does not know."
        ),
    )
    training_payback_days: int = Field(
        30,
        ge=0,
        description=(
            "Days a fine-tune must live to be worth its price; a base that is shut down sooner "
            "is not trained on."
        ),
    )
    training_lag_minutes: float = Field(
        30,
        gt=0,
        description=(
            "How long a provider's list of jobs may be behind; a lost request is sent again only "
            "after it."
        ),
    )
    trainer_bases: dict[str, str] = Field(
        default={"gpt-4o-mini": "kaeshi-responder"},
        description=(
            "JSON: the embedded trainer's base for each requested model name: kaeshi-responder, "
            "or a causal language model by folder or hub name, or smollm2-135m-instruct (both "
            "need the `train` extra)."
        ),
    )
    trainer_disk_gb: float | None = Field(
        None,
        gt=0,
        description=(
            "Size of the embedded trainer's folder, in GB, at which it refuses new files and "
            "jobs. Default: no limit."
        ),
    )
    trainer_serve_with: str | None = Field(
        None,
        pattern=r"^vllm=https?://\S+$",
        description=(
            "vllm=URL: have that vLLM server answer for the embedded trainer's language "
            "models (docs/training.md)."
        ),
    )
    trainer_ray: str | None = Field(
        None,
        min_length=1,
        description="Address of a Ray cluster (auto, HOST:PORT or ray://HOST:PORT) whose machines "
        "run the embedded trainer's jobs of language models "
        "(needs the `ray` extra; docs/training.md).",
    )
    openai_webhook_secret: SecretStr | None = Field(
        None,
        description=(
            "Signing secret of the provider's webhooks; they are accepted at "
            "/v1/webhooks/training when it is set."
        ),
    )
    trainer_webhook_url: str | None = Field(
        None, description="URL that the embedded trainer notifies when a job has ended."
    )
    trainer_webhook_secret: SecretStr | None = Field(
        None, description="Secret that signs those notifications: whsec_ and base64."
    )

    # Where things are
    database_url: str | None = Field(
        None, description="SQLAlchemy URL. Without one, an SQLite file in the data directory."
    )
    kaeshi_data_dir: Path | None = Field(
        None,
        description="Files kaeshi writes. Default: the folder of the SQLite file, else "
        "./kaeshi-data.",
    )
    kaeshi_models_dir: Path | None = Field(
        None,
        description="Fetched model files. Default: models in the virtual environment if that is "
        "there, else ~/.cache/kaeshi/models.",
    )
    kaeshi_master_key: SecretStr | None = Field(
        None,
        description=(
            "32 bytes in base64 that wrap every customer's data key. Default: master.key in the "
            "data directory."
        ),
    )
    kaeshi_escrow_passphrase: SecretStr | None = Field(
        None,
        description=(
            "Passphrase of the sealed copy of the master key (`kaeshi keys escrow`). Default: the "
            "command asks for it."
        ),
    )
    kaeshi_admin_key: SecretStr | None = Field(
        None, description="Bearer key for the HTTP API. Without one only loopback may call."
    )
    kaeshi_outcome_key: SecretStr | None = Field(
        None,
        description=(
            "Bearer key that may report outcomes of conversations, and nothing else: for the "
            "system that knows what was booked."
        ),
    )
    kaeshi_assistant: str = Field(
        "main",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$",
        description="The default assistant.",
    )

    kaeshi_webhook_url: SecretStr | None = Field(
        None,
        description=(
            "Webhook (Slack's format) for every transition of a rollout, and for requests "
            "that could not be logged."
        ),
    )

    # How stages decide
    min_confidence: float = Field(
        0.8, ge=0, le=1, description="Lowest confidence of an answer that is collected."
    )
    min_examples: int = Field(
        200, ge=10, description="Fewest rows of a dataset, counted before the split."
    )
    missing_quality: Policy = Field(
        "drop", description="What to do with a conversation without a rating."
    )
    missing_rating: Policy = Field(
        "keep", description="What to do with a conversation without stars."
    )
    missing_confidence: Policy = Field(
        "keep", description="What to do with an answer without a confidence."
    )
    idle_minutes: float = Field(
        30, gt=0, description="Minutes without a message after which a conversation closes."
    )
    intent_prompts: Path | None = Field(
        None,
        description="TOML file of system prompts by intent. Default: the one shipped with kaeshi.",
    )
    min_probability: float = Field(
        0.7,
        ge=0,
        le=1,
        description="Lowest probability that an example's answer is right, by all that is known.",
    )
    trust_lower_bound: float = Field(
        0.8,
        ge=0,
        lt=1,
        description="How large a share of the independent customers who vote on an answer must "
        "call it right, at the lower end of a 95 % bound, before it is learned without a person; "
        "0.8 takes eleven of eleven. For what comes through the gateway. 0: one vote is enough.",
    )
    network_days: float = Field(
        90,
        gt=0,
        description="Days after which the keyed hash of a conversation's network is deleted.",
    )
    review_unnamed: bool = Field(
        default=True,
        description="Have a person approve examples of customers whom no request through the "
        "gateway named, before they are learned.",
    )
    dataset_network_percent: float = Field(
        5,
        gt=0,
        le=100,
        description="Largest share of a dataset that one network's customers may have, in percent, "
        "as in DATASET_CUSTOMER_PERCENT.",
    )
    dataset_customer_percent: float = Field(
        1,
        gt=0,
        le=100,
        description="Largest share of a dataset that one customer of the gateway may have, in "
        "percent of its examples (or of MIN_EXAMPLES where there are fewer).",
    )
    knowledge_auto_approve: bool = Field(
        default=False, description="Approve proposed entries by policy instead of by a person."
    )
    job_lease_minutes: float = Field(
        15, gt=0, description="Minutes after which a crashed job may be taken over."
    )
    job_catch_up_hours: float = Field(
        24, ge=0, description="How long a slot missed while down is still run late."
    )

    # Mail
    smtp_host: str | None = Field(
        None, description="Mail server. Without one, mails are written as .eml files to the outbox."
    )
    smtp_port: int = Field(587, ge=1, le=65535, description="Port of the mail server.")
    smtp_user: str | None = Field(None, description="User at the mail server.")
    smtp_password: SecretStr | None = Field(None, description="Password at the mail server.")
    smtp_start_tls: bool = Field(default=True, description="Require TLS from the mail server.")
    report_sender: str = Field("kaeshi@localhost", description="Sender of the weekly report.")
    report_recipients: Annotated[tuple[str, ...], NoDecode] = Field(
        ("team@localhost",), description="Comma-separated recipients of the weekly report."
    )

    @field_validator("drop_outcomes")
    @classmethod
    def _are_facts(cls, facts: tuple[str, ...]) -> tuple[str, ...]:
        for fact in facts:
            name, given, value = fact.partition("=")
            if not (name and given and value):
                msg = f"{fact!r} is not NAME=VALUE, such as booked=false"
                raise ValueError(msg)
        return facts

    @field_validator(
        "report_recipients", "rollout_approvals", "drop_outcomes", "pii_regions", mode="before"
    )
    @classmethod
    def _split(cls, raw: object) -> object:
        if not isinstance(raw, str):
            return raw
        return tuple(part.strip() for part in raw.split(",") if part.strip())

    @property
    def min_quality_tenths(self) -> int:
        """The threshold in integer tenths, as scores are stored."""
        return int(self.min_quality_score * 10)

    @model_validator(mode="after")
    def _horizon_leaves_time(self) -> "Settings":
        needed = max(self.rollout_half_hours, self.rollout_window_hours)
        if self.rollout_horizon_days is not None and self.rollout_horizon_days * 24 <= needed:
            msg = (
                f"ROLLOUT_HORIZON_DAYS {self.rollout_horizon_days:g} ends before anything may be "
                f"promoted: more than {needed / 24:g} days (ROLLOUT_HALF_HOURS, "
                "ROLLOUT_WINDOW_HOURS) are needed"
            )
            raise ValueError(msg)
        return self

    @property
    def data_dir(self) -> Path:
        """The folder for files: as set, else beside the SQLite file, else ./kaeshi-data."""
        if self.kaeshi_data_dir is not None:
            return self.kaeshi_data_dir
        path = sqlite_path(self.database_url)
        return path.parent if path is not None else Path("kaeshi-data")

    @property
    def url(self) -> str:
        """The URL of the database."""
        return self.database_url or f"sqlite+aiosqlite:///{self.data_dir / 'kaeshi.db'}"

    @property
    def provider_keys(self) -> dict[str, str]:
        """Keys of providers beside the main one, by base URL."""
        keys = {url: key.get_secret_value() for url, key in self.gateway_provider_keys.items()}
        if self.training_base_url is not None and self.training_api_key is not None:
            keys[self.training_base_url] = self.training_api_key.get_secret_value()
        return keys

    @property
    def models_dir(self) -> Path:
        """The folder of model files."""
        if self.kaeshi_models_dir is not None:
            return self.kaeshi_models_dir
        beside = Path(sys.prefix) / "models"  # where `make setup` puts them
        return beside if beside.is_dir() else Path.home() / ".cache" / "kaeshi" / "models"


def load(database_url: str | None = None, **overrides: object) -> Settings:
    """Read the environment.

    A fault raises Misconfigured with its variable; nothing is replaced silently. Without other
    overrides than the database's URL the environment is read again only when it has changed:
    checking seventy variables takes half of the time of a call that stores one rating.
    """
    if overrides:
        return _read(database_url, **overrides)
    return _remembered(tuple(sorted(os.environ.items())), database_url)


@lru_cache(8)
def _remembered(_environment: tuple[tuple[str, str], ...], database_url: str | None) -> Settings:
    return _read(database_url)


def _read(database_url: str | None, **overrides: object) -> Settings:
    if database_url is not None:
        overrides["database_url"] = database_url
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # pydantic checks each value
    except ValueError as error:
        faults = "; ".join(map(_fault, error.errors())) if hasattr(error, "errors") else str(error)
        msg = f"settings: {faults}; correct the environment variable"
        raise Misconfigured(msg) from error


def _fault(error: Mapping[str, Any]) -> str:
    """The variable, the value unless it is a secret, and what is wrong with it."""
    name = ".".join(map(str, error["loc"])).upper()
    given = error["input"]
    is_shown = isinstance(given, str) and not _SECRET.search(name)
    return f"{name}{f' {given[:60]!r}' if is_shown else ''}: {error['msg']}"


def sqlite_path(url: str | None) -> Path | None:
    """The file of an SQLite URL; None for memory and for other databases."""
    if url is None or not url.startswith("sqlite") or "///" not in url:
        return None
    name = url.split("///", 1)[1].split("?", 1)[0]
    return None if name in {"", ":memory:"} else Path(name)
