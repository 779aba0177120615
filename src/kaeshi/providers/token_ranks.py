"""Counts tokens with tiktoken, on rank files fetched at set-up."""

from collections.abc import Sequence
from pathlib import Path

from kaeshi.environment import set_rank_folder
from kaeshi.models.fetch import FILES, need

DEFAULT = "o200k_base"
_OLD = ("gpt-4-", "gpt-3.5", "text-embedding")
_RANKS = {"o200k_base": FILES[1].name, "cl100k_base": FILES[2].name}


class TiktokenCounter:
    """A TokenCounter. For unknown models it uses the newest encoding."""

    def __init__(self, models_dir: Path) -> None:
        self._models_dir = models_dir

    def count(self, texts: Sequence[str], model: str) -> int:
        """Tokens of all texts together; special tokens in them count as plain text."""
        name = "cl100k_base" if model == "gpt-4" or model.startswith(_OLD) else DEFAULT
        need(self._models_dir, _RANKS[name])
        set_rank_folder(self._models_dir)
        import tiktoken

        encoding = tiktoken.get_encoding(name)
        # its batch call starts threads each time, which costs more than it saves on chats
        return sum(len(encoding.encode_ordinary(text)) for text in texts)
