"""Counts tokens with tiktoken, on rank files fetched at set-up."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kaeshi.environment import set_rank_folder
from kaeshi.errors import InvalidInput
from kaeshi.models.fetch import FILES, need

if TYPE_CHECKING:
    from tiktoken import Encoding

DEFAULT = "o200k_base"
_OLD = ("gpt-4-", "gpt-3.5", "text-embedding")
_RANKS = {"o200k_base": FILES[1].name, "cl100k_base": FILES[2].name}


class TiktokenCounter:
    """A TokenCounter. For unknown models it uses the newest encoding."""

    def __init__(self, models_dir: Path) -> None:
        self._models_dir = models_dir

    def count(self, texts: Sequence[str], model: str) -> int:
        """Tokens of all texts together; special tokens in them count as plain text."""
        encoding = self._encoding(model)
        # its batch call starts threads each time, which costs more than it saves on chats
        return sum(len(encoding.encode_ordinary(text)) for text in texts)

    def text(self, tokens: Sequence[int], model: str) -> str:
        """The text of these tokens. Raises InvalidInput for a number that is no token."""
        try:
            return self._encoding(model).decode(list(tokens))
        except (KeyError, OverflowError) as error:
            msg = f"the input holds a number that is no token of {model!r}"
            raise InvalidInput(msg) from error

    def _encoding(self, model: str) -> "Encoding":
        name = "cl100k_base" if model == "gpt-4" or model.startswith(_OLD) else DEFAULT
        need(self._models_dir, _RANKS[name])
        set_rank_folder(self._models_dir)
        import tiktoken

        return tiktoken.get_encoding(name)
