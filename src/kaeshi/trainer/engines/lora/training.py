"""The training loop: low-rank adapters on a frozen base, supervised or by preference.

It runs in a process of its own. Three things that a general trainer does not do for us: a job can
continue after a kill at the very step (checkpoints hold the optimiser's state, and nothing is
unpickled), rows of a step share passes without padding and without seeing each other, and logits
are computed only where something is learned.
"""

import json
import math
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors.torch import load_file, save_file
from torch.nn import functional
from transformers import AttentionInterface

from kaeshi.errors import InvalidInput
from kaeshi.files import sha256_of, write_whole
from kaeshi.nouns import Json
from kaeshi.trainer.engines.lora import bases, rows
from kaeshi.trainer.engines.lora.attention import packed_attention
from kaeshi.trainer.engines.lora.loading import dtype_of, load_base, load_tokenizer
from kaeshi.trainer.engines.lora.rows import Encoded, Pair

RANK = 16
ALPHA = 32
RATE = 2e-4  # times learning_rate_multiplier
DPO_RATE = 2e-5
WARM_UP = 0.05  # of all steps
GRADIENT_NORM = 1.0
ROOM = 2048  # tokens that share a pass
LONGEST = 4096
KEPT = 2  # checkpoints on disk
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
Say = Callable[[Json], None]


@dataclass(frozen=True, kw_only=True)
class Spec:
    """A job's parameters.

    `folder` is its own: checkpoints, epochs and the adapter are written there. `asked_as`: the
    base's name in the job.
    """

    base: str
    asked_as: str
    models_dir: str
    training_file: str
    validation_file: str | None
    folder: str
    method: str
    epochs: int
    batch: int
    multiplier: float
    beta: float
    seed: int
    threads: int = 0
    save_every: int = 20


AttentionInterface.register("kaeshi_packed", packed_attention)


def train(spec: Spec, say: Say) -> None:
    """Run the job from its last checkpoint to its end.

    The adapter of the best epoch is in folder/adapter when it returns.
    """
    if spec.threads:
        torch.set_num_threads(spec.threads)
    torch.manual_seed(spec.seed)
    folder = Path(spec.folder)
    place = bases.prepare(spec.base, Path(spec.models_dir))
    tokenizer = load_tokenizer(place)
    base = load_base(place, DEVICE, "kaeshi_packed")
    _announce(place, base, say, spec)
    taught, held = _both_files(spec, tokenizer)
    run = _Run(spec, base, say)
    order = rows.order(len(taught), spec.batch, spec.epochs, spec.seed)
    first = run.resume()
    tokens = sum(_size(row) for row in taught)
    steps = f"{len(order)} steps of {spec.batch} rows, {run.facts()}"
    say({"event": f"{_beginning(first)}: {_amount(taught, tokens)}; {steps}"})
    _steps(taught, spec, first, order, run, say, held)
    _finish(run, folder, say, order, tokens, spec)


def _beginning(first: int) -> str:
    return f"continuing after step {first}" if first else "training"


def _both_files(spec: Spec, tokenizer: Any) -> tuple[list[Encoded | Pair], list[Encoded | Pair]]:
    """The training rows, and the held-out rows."""
    taught = _read(Path(spec.training_file), spec, tokenizer, "training_file")
    if not spec.validation_file:
        return taught, []
    return taught, _read(Path(spec.validation_file), spec, tokenizer, "validation_file")


def _amount(taught: Sequence[Encoded | Pair], tokens: int) -> str:
    learned = sum(len(e.learned) for row in taught for e in _sides(row))
    return f"{len(taught)} rows of {tokens} tokens, {learned} of them learned"


def _steps(
    taught: list[Encoded | Pair],
    spec: Spec,
    first: int,
    order: list[list[int]],
    run: "_Run",
    say: Say,
    held: list[Encoded | Pair],
) -> None:
    per_epoch = math.ceil(len(taught) / spec.batch)
    for number in range(first, len(order)):
        figures = run.step([taught[i] for i in order[number]], number, len(order))
        ended = (number + 1) % per_epoch == 0
        run.history.append({"step": number + 1, **figures})
        say({"step": number + 1, "total_steps": len(order), **figures})
        if ended:
            run.end_epoch((number + 1) // per_epoch, number + 1, figures, held)
        if ended or (number + 1) % spec.save_every == 0:
            run.save(number + 1)


def _finish(
    run: "_Run", folder: Path, say: Say, order: list[list[int]], tokens: int, spec: Spec
) -> None:
    best = run.best()
    shutil.rmtree(folder / "adapter", ignore_errors=True)
    shutil.copytree(folder / f"epoch-{best['epoch']}", folder / "adapter")
    write_whole(folder / "results.csv", run.results())
    say(
        {
            "done": {
                "steps": len(order),
                "trained_tokens": tokens * spec.epochs,
                "epochs": run.epochs,
                "best": best["epoch"],
            }
        }
    )


def _announce(place: str, base: Any, say: Say, spec: Spec) -> None:
    known = bases.facts(
        place,
        base.config,
        sum(weight.numel() for weight in base.parameters()),
        ROOM,
        checkpointed=DEVICE == "cuda",
    )
    say(
        {
            "event": (
                "{asked} is {name}: {millions} million weights, {licence}, about "
                "{gigabytes} GB of memory to train"
            ).format(asked=spec.asked_as, name=spec.base, **known)
        }
    )


class _Run:
    """The model in training and its state."""

    def __init__(self, spec: Spec, base: Any, say: Say) -> None:
        self._spec = spec
        self._say = say
        self._folder = Path(spec.folder)
        self._device = DEVICE
        if self._device == "cuda":
            base.gradient_checkpointing_enable({"use_reentrant": False})
            base.enable_input_require_grads()
        self._model = get_peft_model(
            base,
            LoraConfig(
                r=RANK, lora_alpha=ALPHA, target_modules="all-linear", task_type="CAUSAL_LM"
            ),
        )
        for module in self._model.modules():
            if isinstance(module, BaseTunerLayer):
                # autocast converts the adapter to the base's precision, not the other way round
                module.cast_input_dtype_enabled = False
        self._weights = {
            name: weight for name, weight in self._model.named_parameters() if weight.requires_grad
        }
        self._optimiser = torch.optim.AdamW(self._weights.values(), lr=0.0, weight_decay=0.0)
        self._full = (RATE if spec.method == "supervised" else DPO_RATE) * spec.multiplier
        self.epochs: list[Json] = []
        self.history: list[Json] = []

    def facts(self) -> str:
        count = sum(weight.numel() for weight in self._weights.values())
        return (
            f"{count} weights of rank {RANK} on {self._device}, "
            f"{str(dtype_of(self._device)).removeprefix('torch.')}"
        )

    def step(self, batch: Sequence[Encoded | Pair], number: int, of: int) -> Json:
        """One optimiser step over a batch, in as many passes as it takes.

        Returns its loss and accuracy.
        """
        for group in self._optimiser.param_groups:
            group["lr"] = self._full * rate(number, of)
        self._model.train()
        loss = 0.0
        right = 0.0
        of_tokens = 0
        loss, right, of_tokens = self._backward(batch, loss, right, of_tokens)
        norm = torch.nn.utils.clip_grad_norm_(self._weights.values(), GRADIENT_NORM)
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        self._check_finite(loss, norm, number)
        return {
            "train_loss": round(loss, 5),
            "train_mean_token_accuracy": round(right / max(of_tokens, 1), 5),
        }

    def _backward(
        self, batch: Sequence[Encoded | Pair], loss: float, right: float, of_tokens: int
    ) -> tuple[float, float, int]:
        for part, whole, hits, count in self._passes(batch):
            part.backward()
            loss = loss + whole
            right = right + hits
            of_tokens = of_tokens + count
        return loss, right, of_tokens

    def _check_finite(self, loss: float, norm: Any, number: int) -> None:
        if not math.isfinite(loss) or not bool(torch.isfinite(norm)):
            msg = (
                f"step {number + 1}: the loss is {loss}; a smaller learning_rate_multiplier than "
                f"{self._spec.multiplier} may help"
            )
            raise InvalidInput(msg)

    def validate(self, held: Sequence[Encoded | Pair]) -> Json:
        """Loss and accuracy on held-out rows."""
        self._model.eval()
        with torch.no_grad():
            passes = [(whole, hits, count) for _, whole, hits, count in self._passes(held)]
        return {
            "valid_loss": round(sum(p[0] for p in passes), 5),
            "valid_mean_token_accuracy": round(
                sum(p[1] for p in passes) / max(sum(p[2] for p in passes), 1), 5
            ),
        }

    def _passes(
        self, batch: Sequence[Encoded | Pair]
    ) -> Iterator[tuple[torch.Tensor, float, float, int]]:
        """(loss share to back-propagate, its value, hits, judged tokens) of each pass."""
        if self._spec.method == "dpo":
            yield from self._preferences([row for row in batch if isinstance(row, Pair)])
            return
        said = [row for row in batch if isinstance(row, Encoded)]
        total = sum(len(row.learned) for row in said)
        for pack in rows.packs([len(row.ids) for row in said], ROOM):
            logits, wanted, _ = self._ask([said[i] for i in pack])
            loss = functional.cross_entropy(logits.float(), wanted, reduction="sum") / total
            yield (
                loss,
                float(loss.detach()),
                float((logits.argmax(dim=-1) == wanted).sum()),
                len(wanted),
            )

    def _preferences(
        self, pairs: Sequence[Pair]
    ) -> Iterator[tuple[torch.Tensor, float, float, int]]:
        """Direct preference optimisation (Rafailov et al. 2023).

        -log sigmoid(beta x (how much more than the base the model prefers the chosen)).
        """
        for pack in rows.packs([_size(pair) for pair in pairs], ROOM):
            both = [side for i in pack for side in (pairs[i].chosen, pairs[i].rejected)]
            with torch.no_grad(), self._model.disable_adapter():
                before = self._sums(both)
            margin = self._sums(both) - before
            gain = self._spec.beta * (margin[0::2] - margin[1::2])
            loss = -functional.logsigmoid(gain).sum() / len(pairs)
            yield loss, float(loss.detach()), float((gain > 0).sum()), len(pack)

    def _sums(self, said: Sequence[Encoded]) -> torch.Tensor:
        """The log-likelihood of each row's learned tokens."""
        logits, wanted, owners = self._ask(said)
        each = -functional.cross_entropy(logits.float(), wanted, reduction="none")
        return torch.zeros(len(said), device=each.device).index_add(0, owners, each)

    def _ask(self, said: Sequence[Encoded]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Logits at learned positions, shape (learned, vocabulary).

        With the wanted tokens, and the row of each.
        """
        ids, places, asked, owners, borders = _packed(said)
        tokens = torch.tensor([ids], device=self._device)
        where = torch.tensor(asked, device=self._device)
        logits = self._logits(tokens, places, borders, where)
        return logits, tokens[0, where + 1], torch.tensor(owners, device=self._device)

    def _logits(self, tokens: Any, places: list[int], borders: list[int], where: Any) -> Any:
        with torch.autocast(
            self._device,
            dtype=dtype_of(self._device),
            enabled=dtype_of(self._device) != torch.float32,
        ):
            return self._model(
                input_ids=tokens,
                position_ids=torch.tensor([places], device=self._device),
                cu_seq_lens_q=tuple(borders),
                logits_to_keep=where,
                use_cache=False,
            ).logits[0]

    # checkpoint files

    def end_epoch(
        self, epoch: int, step: int, figures: Json, held: Sequence[Encoded | Pair]
    ) -> None:
        """Validate the epoch and keep its adapter."""
        metrics = {"step": step, **figures, **(self.validate(held) if held else {})}
        self._model.save_pretrained(str(self._folder / f"epoch-{epoch}"))
        self.epochs = [
            *(e for e in self.epochs if e["epoch"] != epoch),
            {"epoch": epoch, "metrics": metrics},
        ]
        self._say({"checkpoint": {"epoch": epoch, "step_number": step, "metrics": metrics}})

    def best(self) -> Json:
        """The epoch with the least validation loss; without validation the last."""
        judged = [e for e in self.epochs if "valid_loss" in e["metrics"]]
        return (
            min(judged, key=lambda e: (e["metrics"]["valid_loss"], e["epoch"]))
            if judged
            else self.epochs[-1]
        )

    def results(self) -> bytes:
        """OpenAI's result table of a job: losses and accuracies by step."""
        validated = {e["metrics"]["step"]: e["metrics"] for e in self.epochs}
        lines = ["step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy"]
        for line in self.history:
            there = validated.get(line["step"], {})
            values = (
                line["step"],
                line["train_loss"],
                line["train_mean_token_accuracy"],
                there.get("valid_loss", ""),
                there.get("valid_mean_token_accuracy", ""),
            )
            lines.append(",".join(map(str, values)))
        return ("\n".join(lines) + "\n").encode()

    def save(self, step: int) -> None:
        """Write a checkpoint, whole or not at all; delete older ones."""
        place = self._folder / "checkpoints"
        fresh = place / "unfinished"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        save_file(get_peft_model_state_dict(self._model), fresh / "adapter.safetensors")
        names = list(self._weights)
        sums = self._write_state(names, fresh)
        write_whole(
            fresh / "state.json",
            json.dumps(
                {"step": step, "epochs": self.epochs, "history": self.history, "files": sums}
            ).encode(),
        )
        fresh.rename(place / f"step-{step:08d}")
        for old in sorted(place.glob("step-*"))[:-KEPT]:
            shutil.rmtree(old)

    def _write_state(self, names: list[Any], fresh: Path) -> dict[str, str]:
        moments = {
            f"{part}.{names[i]}": value if value.ndim else value.reshape(1)
            for i, state in self._optimiser.state_dict()["state"].items()
            for part, value in state.items()
        }
        save_file(moments, fresh / "optimiser.safetensors")
        return {
            name: sha256_of(fresh / name)
            for name in ("adapter.safetensors", "optimiser.safetensors")
        }

    def resume(self) -> int:
        """Load the last whole checkpoint; returns its step, 0 if there is none."""
        states = (self._folder / "checkpoints").glob("step-*/state.json")
        for path in sorted(states, reverse=True):
            place = path.parent
            state = json.loads(path.read_bytes())
            if any(
                not (place / name).exists() or sha256_of(place / name) != expected
                for name, expected in state["files"].items()
            ):
                continue
            self._load_state(place)
            self.epochs = state["epochs"]
            self.history = state["history"]
            return int(state["step"])
        return 0

    def _load_state(self, place: Path) -> None:
        set_peft_model_state_dict(self._model, load_file(place / "adapter.safetensors"))
        moments = load_file(place / "optimiser.safetensors")
        names = list(self._weights)
        kept = {
            i: {
                part: moments[f"{part}.{name}"].reshape(() if part == "step" else weight.shape)
                for part in ("step", "exp_avg", "exp_avg_sq")
            }
            for i, (name, weight) in enumerate(zip(names, self._weights.values(), strict=True))
        }
        self._optimiser.load_state_dict(self._optimiser.state_dict() | {"state": kept})


def _packed(
    said: Sequence[Encoded],
) -> tuple[list[int], list[int], list[int], list[int], list[int]]:
    ids: list[int] = []
    places: list[int] = []
    asked: list[int] = []
    owners: list[int] = []
    borders = [0]
    for owner, row in enumerate(said):
        asked += [borders[-1] + i - 1 for i in row.learned]
        owners += [owner] * len(row.learned)
        ids += row.ids
        places += range(len(row.ids))
        borders.append(len(ids))
    return ids, places, asked, owners, borders


def rate(number: int, of: int) -> float:
    """The learning rate's factor at a step, counted from 0.

    Linear warm-up over the first WARM_UP of all steps, then linear decay.
    """
    warm = max(1, round(of * WARM_UP))
    return (number + 1) / warm if number < warm else (of - number) / max(of - warm, 1)


def _read(path: Path, spec: Spec, tokenizer: Any, name: str) -> list[Encoded | Pair]:
    try:
        return rows.read(path, spec.method, tokenizer, LONGEST)
    except InvalidInput as error:
        msg = f"{name}: {error}"
        raise InvalidInput(msg) from error


def _sides(row: Encoded | Pair) -> tuple[Encoded, ...]:
    return (row,) if isinstance(row, Encoded) else (row.chosen, row.rejected)


def _size(row: Encoded | Pair) -> int:
    return sum(len(side.ids) for side in _sides(row))
