"""Trains the upper layers of the name model on prepared sentences; writes the changed weights.

`python train.py PREPARED.pt OUT.pt [LAYERS] [EPOCHS] [ROWS] [START.pt]`. Needs torch alone. START:
changed weights of an earlier run. The loss asks for the group of each token (a name, an address, or
neither) and not for the label in it, so that the model keeps telling given names from family names.
"""

import random
import sys
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

HEADS = 12
LAYERS = 6
SIZE = 384
RATE = 2e-4
GROUPS = ((0, *range(5, 23)), (1, 2, 3, 4), tuple(range(23, 35)))


class Model(nn.Module):
    """BERT for token classification, from the ONNX file's weights."""

    def __init__(self, weights: dict[str, Tensor]) -> None:
        super().__init__()
        self.held = nn.ParameterDict(
            {
                name.replace(".", "|"): nn.Parameter(value.float(), requires_grad=False)
                for name, value in weights.items()
            }
        )

    def w(self, name: str) -> Tensor:
        """A weight by its name."""
        return self.held[name.replace(".", "|")]

    def norm(self, x: Tensor, name: str) -> Tensor:
        """Layer normalisation."""
        return functional.layer_norm(
            x, (SIZE,), self.w(f"{name}.weight"), self.w(f"{name}.bias"), 1e-12
        )

    def linear(self, x: Tensor, name: str) -> Tensor:
        """A dense layer; matrices are (in, out)."""
        return x @ self.w(f"{name}.weight") + self.w(f"{name}.bias")

    def forward(self, ids: Tensor, mask: Tensor, *, dropout: float = 0.0) -> Tensor:
        """Logits, shape (texts, tokens, 35)."""
        place = torch.arange(ids.shape[1], device=ids.device)
        x = (
            self.w("bert.embeddings.word_embeddings.weight")[ids]
            + self.w("bert.embeddings.token_type_embeddings.weight")[0]
        )
        x = self.norm(
            x + self.w("bert.embeddings.position_embeddings.weight")[place],
            "bert.embeddings.LayerNorm",
        )
        for layer in range(LAYERS):
            x = self.layer(x, mask, f"bert.encoder.layer.{layer}", dropout)
        return self.linear(functional.dropout(x, dropout, self.training), "classifier")

    def layer(self, x: Tensor, mask: Tensor, name: str, dropout: float) -> Tensor:
        """One encoder layer."""
        parts = [
            self.linear(x, f"{name}.attention.self.{part}")
            .unflatten(-1, (HEADS, -1))
            .transpose(1, 2)
            for part in ("query", "key", "value")
        ]
        seen = (
            functional.scaled_dot_product_attention(*parts, attn_mask=mask[:, None, None, :])
            .transpose(1, 2)
            .flatten(2)
        )
        seen = functional.dropout(
            self.linear(seen, f"{name}.attention.output.dense"), dropout, self.training
        )
        x = self.norm(x + seen, f"{name}.attention.output.LayerNorm")
        grown = functional.gelu(self.linear(x, f"{name}.intermediate.dense"))
        return self.norm(
            x
            + functional.dropout(
                self.linear(grown, f"{name}.output.dense"), dropout, self.training
            ),
            f"{name}.output.LayerNorm",
        )


def batch(rows: list[Any], device: str) -> tuple[Tensor, Tensor, Tensor]:
    """Ids, mask and groups; -1 where there is nothing, -2 where nothing is asked."""
    width = max(len(ids) for ids, _ in rows)
    ids = torch.zeros((len(rows), width), dtype=torch.long)
    groups = torch.full((len(rows), width), -1)
    for i, (row, said) in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
        groups[i, : len(said)] = torch.tensor(said)
    return ids.to(device), (groups != -1).to(device), groups.to(device)


def grouped(logits: Tensor) -> Tensor:
    """Log-probabilities of the three groups."""
    shares = logits.float().log_softmax(-1)
    return torch.stack([shares[..., list(group)].logsumexp(-1) for group in GROUPS], -1)


def shuffled(rows: list[Any], rng: random.Random) -> list[list[Any]]:
    """Batches of 64 of about one length, in random order."""
    rng.shuffle(rows)
    chunks = [
        sorted(rows[i : i + 6400], key=lambda row: len(row[0])) for i in range(0, len(rows), 6400)
    ]
    batches = [chunk[i : i + 64] for chunk in chunks for i in range(0, len(chunk) - 63, 64)]
    rng.shuffle(batches)
    return batches


@torch.no_grad()
def judge(model: Model, data: dict[str, list[Any]], device: str) -> str:
    """Recall and precision of the tokens of names and of addresses, for each set held back."""
    model.eval()
    told = []
    for name, rows in data.items():
        if name.startswith("dev_"):
            right, said, gold = _counted(model, rows, device)
            told.append(
                f"  {name[4:30]:26}"
                + "".join(
                    f" {what} recall {right[i] / max(gold[i], 1):.3f} precision "
                    f"{right[i] / max(said[i], 1):.3f}"
                    for i, what in enumerate(("names", "addresses"))
                )
            )
    return "\n".join(told)


def _counted(model: Model, rows: list[Any], device: str) -> tuple[list[int], list[int], list[int]]:
    right, said, gold = [0, 0], [0, 0], [0, 0]
    for first in range(0, len(rows), 256):
        ids, mask, groups = batch(rows[first : first + 256], device)
        found = grouped(model(ids, mask)).argmax(-1)
        for i, group in enumerate((1, 2)):
            right[i] += int(((found == group) & (groups == group)).sum())
            said[i] += int(((found == group) & (groups >= 0)).sum())
            gold[i] += int((groups == group).sum())
    return right, said, gold


def main(
    prepared: str, out: str, layers: str = "2", epochs: str = "3", most: str = "0", start: str = ""
) -> None:
    """Train and write."""
    torch.manual_seed(0)
    rng = random.Random(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    held = torch.load(prepared, weights_only=True)
    model = Model(held["weights"]).to(device)
    data = held["data"]
    prefixes = tuple(f"bert|encoder|layer|{i}|" for i in range(LAYERS - int(layers), LAYERS)) + (
        "classifier|",
    )
    tuned = {name: value for name, value in model.held.items() if name.startswith(prefixes)}
    for value in tuned.values():
        value.requires_grad_(True)
    if start:
        for name, value in torch.load(start, weights_only=True).items():
            model.held[name.replace(".", "|")].data.copy_(value.float())
    rows = [row for name, part in data.items() if not name.startswith("dev_") for row in part]
    rng.shuffle(rows)
    rows = rows[: int(most) or None]
    steps = len(rows) // 64 * int(epochs)
    optimiser = torch.optim.AdamW(tuned.values(), lr=RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, RATE, total_steps=steps + 1, pct_start=0.1
    )
    print("before", judge(model, data, device), sep="\n", flush=True)
    for epoch in range(int(epochs)):
        model.train()
        total = 0.0
        batches = shuffled(rows, rng)
        for number, part in enumerate(batches):
            if number % 100 == 0:
                print(number, len(batches), flush=True)
            ids, mask, groups = batch(part, device)
            groups = groups.masked_fill(groups < 0, -1)
            with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
                logits = model(ids, mask, dropout=0.1)
            loss = functional.nll_loss(
                grouped(logits).flatten(0, 1), groups.flatten(), ignore_index=-1
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += float(loss.detach())
        print(
            epoch,
            round(total / (len(rows) // 64), 4),
            judge(model, data, device),
            sep="\n",
            flush=True,
        )
        _save(tuned, out)
    _save(tuned, out)


def _save(tuned: dict[str, Any], out: str) -> None:
    torch.save(
        {name.replace("|", "."): value.detach().cpu().half() for name, value in tuned.items()}, out
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
