"""Keys and values of running conversations, and attention over them."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch.nn import functional

from kaeshi.trainer.engines.lora.attention import packed_attention
from kaeshi.trainer.engines.lora.loading import dtype_of
from kaeshi.trainer.engines.lora.training import DEVICE

SLOTS = 32


LEAST_COLUMNS = 256


class Slots:
    """Keys and values by slot.

    Shape (SLOTS, heads, columns, width) per layer, columns as many as the longest conversation
    needs.
    """

    def __init__(self, config: Any) -> None:
        heads = config.num_key_value_heads
        width = (
            getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        )
        self._shape = (SLOTS, heads, 0, width)
        self._kept: list[tuple[torch.Tensor, torch.Tensor]] = [
            self._empty(0) for _ in range(config.num_hidden_layers)
        ]
        self._columns = 0
        self._borders: Sequence[int] = ()
        self._first = 0
        self._lengths = torch.empty(0)
        self._rows = torch.empty(0)
        self._most = 0

    def read(self, first: int, borders: Sequence[int]) -> None:
        """Prepare to read prompts between these borders into slots from `first` on."""
        self._first = first
        self._borders = borders
        self._reserve(max(b - a for a, b in pairwise(borders)) + 1)

    def write(self, lengths: torch.Tensor) -> None:
        """Prepare for a pass that adds a token to the first slots, behind what each holds."""
        self._borders = ()
        self._lengths = lengths
        self._rows = torch.arange(len(lengths), device=lengths.device)
        self._most = int(lengths.max()) + 1
        self._reserve(self._most)

    def move(self, source: int, target: int, length: int) -> None:
        """Move another slot's content to `target`."""
        for pair in self._kept:
            for kept in pair:
                kept[target, :, :length] = kept[source, :, :length]

    def update(
        self, key: torch.Tensor, value: torch.Tensor, layer: int, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """A layer's call to its cache: store these, return what attention reads."""
        keys, values = self._kept[layer]
        if self._borders:
            for i, (a, b) in enumerate(pairwise(self._borders)):
                keys[self._first + i, :, : b - a] = key[0, :, a:b]
                values[self._first + i, :, : b - a] = value[0, :, a:b]
            return key, value
        keys[self._rows, :, self._lengths] = key[:, :, 0]
        values[self._rows, :, self._lengths] = value[:, :, 0]
        count = len(self._rows)
        return keys[:count, :, : self._most], values[:count, :, : self._most]

    def get_seq_length(self, *_: Any) -> int:
        """Zero: positions are given with each pass."""
        return 0

    def _empty(self, columns: int) -> tuple[torch.Tensor, torch.Tensor]:
        shape = (*self._shape[:2], columns, self._shape[3])
        return torch.zeros(shape, dtype=dtype_of(DEVICE), device=DEVICE), torch.zeros(
            shape, dtype=dtype_of(DEVICE), device=DEVICE
        )

    def _reserve(self, columns: int) -> None:
        if columns <= self._columns:
            return
        wider = max(LEAST_COLUMNS, 1 << (columns - 1).bit_length())
        for i, pair in enumerate(self._kept):
            fresh = self._empty(wider)
            for new, old in zip(fresh, pair, strict=True):
                new[:, :, : self._columns] = old
            self._kept[i] = fresh
        self._columns = wider


def slot_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float | None = None,
    kaeshi_lengths: torch.Tensor | None = None,
    **more: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of one new token of each conversation over its slot.

    Prompts are read by `packed_attention`. Shapes (rows, heads, tokens, width).
    """
    if kaeshi_lengths is None:
        return packed_attention(module, query, key, value, attention_mask, scaling=scaling, **more)
    rows, heads, _, width = query.shape
    groups = heads // key.shape[1]
    asked = query.view(rows, key.shape[1], groups, width) * (scaling or width**-0.5)
    scores = torch.matmul(asked, key.transpose(-1, -2))
    beyond = torch.arange(key.shape[2], device=key.device) >= kaeshi_lengths[:, None]
    shares = functional.softmax(
        scores.masked_fill_(beyond[:, None, None], float("-inf")), dim=-1, dtype=value.dtype
    )
    return torch.matmul(shares, value).view(rows, 1, heads, width), None
