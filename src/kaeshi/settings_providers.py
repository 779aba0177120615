"""Where models answer and are trained; `kaeshi.settings` reads them with all others."""

from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings

from kaeshi.nouns import EMBEDDED


class ProviderSettings(BaseSettings):
    """The provider that answers, and the one that trains where that is another."""

    openai_api_key: SecretStr | None = Field(
        None,
        description=(
            "Key of the provider that answers and trains. Without key and OPENAI_BASE_URL the "
            "embedded trainer does both."
        ),
    )
    knowledge_index: Literal["faiss", "pgvector"] = Field(
        "faiss",
        description=(
            "Where the vectors of the knowledge base are searched: FAISS files, or the PostgreSQL "
            "of DATABASE_URL with its extension pgvector."
        ),
    )
    openai_org_id: str | None = Field(None, description="Organisation sent along to the provider.")
    openai_api_version: str | None = Field(
        None,
        description="Azure's api-version; sent with every request to the provider where it is set.",
    )
    openai_base_url: str | None = Field(
        None, description="Base URL of any provider that speaks OpenAI's wire."
    )
    training_base_url: str | None = Field(
        None,
        description=(
            "Where fine-tuning jobs go, where that is not OPENAI_BASE_URL; `embedded`: the trainer "
            "in this process. What was trained there is asked there."
        ),
    )
    training_dialect: Literal["openai", "nebius", "opea"] | None = Field(
        None,
        description="How the provider's fine-tuning differs from OpenAI's; by default its host "
        "tells.",
    )
    training_api_key: SecretStr | None = Field(None, description="Key of TRAINING_BASE_URL.")

    @field_validator("openai_base_url", "training_base_url")
    @classmethod
    def _is_address(cls, url: str | None, about: ValidationInfo) -> str | None:
        """The address; one with a password would end in logs."""
        if url is None or (url == EMBEDDED and about.field_name == "training_base_url"):
            return url
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            msg = "it is not an http or https address"
            raise ValueError(msg)
        if parts.username is not None or parts.password is not None:
            msg = "it has credentials in it, which end in logs; put the key into its own setting"
            raise ValueError(msg)
        return url

    @property
    def chats_embedded(self) -> bool:
        """Whether the trainer in this process answers, because no provider is named."""
        return self.openai_api_key is None and self.openai_base_url is None

    @property
    def trains_embedded(self) -> bool:
        """Whether the trainer in this process trains."""
        if self.training_base_url is not None:
            return self.training_base_url == EMBEDDED
        return self.chats_embedded

    @property
    def trained_at(self) -> str | None:
        """Where a fine-tune is asked; None where that is the provider of everything else."""
        return None if self.trains_embedded and self.chats_embedded else self.training_base_url
