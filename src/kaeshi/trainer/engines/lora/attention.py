"""Attention over rows that share a pass."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch.nn import functional


def packed_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float | None = None,
    cu_seq_lens_q: Sequence[int] | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention within each of the rows that share a pass.

    `cu_seq_lens_q` are their borders. Shapes (1, heads, tokens, width).
    """
    assert attention_mask is None
    borders = cu_seq_lens_q if cu_seq_lens_q is not None else (0, query.shape[2])
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key = key.repeat_interleave(groups, dim=1)
        value = value.repeat_interleave(groups, dim=1)
    chosen = attend if query.device.type == "cpu" else attend_fused
    parts = [
        chosen(query[:, :, a:b], key[:, :, a:b], value[:, :, a:b], scaling)
        for a, b in pairwise(borders)
    ]
    return torch.cat(parts, dim=2).transpose(1, 2), None


def attend_fused(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float | None
) -> torch.Tensor:
    """Torch's fused attention."""
    return functional.scaled_dot_product_attention(query, key, value, is_causal=True, scale=scaling)


def attend(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float | None
) -> torch.Tensor:
    """Attention written out.

    On a processor, the fused function's backward pass takes as long as all matrices of a layer
    together.
    """
    scores = torch.matmul(query * (scaling or query.shape[-1] ** -0.5), key.transpose(-1, -2))
    later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
    return torch.matmul(
        functional.softmax(scores.masked_fill_(later, float("-inf")), dim=-1, dtype=value.dtype),
        value,
    )
