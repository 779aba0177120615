"""Answers from a base and its adapters: many conversations a step, token by token.

Each conversation has its own adapter. New conversations join between two steps and finished ones
leave, so none waits for the longest answer. Keys and values are in slots of one buffer per layer;
prompts are read without padding, by the same attention as in training.
"""

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import llguidance.torch
import torch
from llguidance import LLMatcher
from llguidance.hf import from_tokenizer
from safetensors.torch import load_file
from tokenizers.decoders import DecodeStream
from torch.nn import functional
from transformers import AttentionInterface

from kaeshi.errors import InvalidInput
from kaeshi.nouns import Json
from kaeshi.trainer.engines.lora import bases, tools
from kaeshi.trainer.engines.lora.loading import dtype_of, load_base, load_tokenizer
from kaeshi.trainer.engines.lora.slots import SLOTS, Slots, slot_attention
from kaeshi.trainer.engines.lora.training import DEVICE

READ_AT_ONCE = (
    2048  # prompt tokens read between two steps, so that running conversations do not wait long
)
Send = Callable[[str, str | None], None]


@dataclass(kw_only=True)
class Wanted:
    """One requested answer.

    `send` is called with its pieces on the engine's thread, the last with the finish reason: `stop`
    or `length`.
    """

    ids: Sequence[int]
    adapter: str | None
    most: int
    send: Send
    temperature: float = 1.0
    top_p: float = 1.0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    grammar: str | None = None  # as made by `Engine.grammar` or `calling`
    cancelled: bool = False
    count: int = 0  # tokens answered


@dataclass(kw_only=True)
class _Running:
    wanted: Wanted
    length: int  # tokens in its slot
    last: int
    decode: DecodeStream = field(default_factory=lambda: DecodeStream(skip_special_tokens=True))
    held: str = ""
    chance: torch.Generator | None = None
    matcher: LLMatcher | None = None


class Engine:
    """One base in memory with the requested adapters, and a thread that answers."""

    def __init__(self, base: str, models_dir: Path, threads: int = 0) -> None:
        if threads:
            torch.set_num_threads(threads)
        place = bases.prepare(base, models_dir)
        self.name = base
        self.tokenizer = load_tokenizer(place)
        self._model = load_base(place, DEVICE, "kaeshi_slots").eval()
        self._ends = self._end_tokens()
        self.longest = int(self._model.config.max_position_embeddings)
        self._layers: dict[str, _Adapted] = {}
        self._groups = _Groups()
        self._adapt()
        self._slots = Slots(self._model.config)
        self._vocabulary = from_tokenizer(self.tokenizer, n_vocab=self._model.config.vocab_size)
        self._allowed = llguidance.torch.allocate_token_bitmask(1, self._model.config.vocab_size)
        self._running: list[_Running] = []
        self._waiting: list[Wanted] = []
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None

    def _end_tokens(self) -> frozenset[int]:
        """The tokens that end an answer."""
        ends = self._model.generation_config.eos_token_id
        if ends is None:
            ends = self.tokenizer.eos_token_id
        return frozenset(ends if isinstance(ends, list) else [ends])

    def prompt(self, messages: Sequence[Json], offer: tools.Offer | None = None) -> list[int]:
        """The conversation in the base's template, up to the assistant's turn.

        Raises InvalidInput when it is too long.
        """
        text = tools.written(
            self.tokenizer, messages, None if offer is None else offer.shown, ask=True
        )
        ids = list(self.tokenizer(text, add_special_tokens=False)["input_ids"])
        if len(ids) >= self.longest:
            msg = (
                f"messages have {len(ids)} tokens; {self.name!r} reads {self.longest}, its "
                "answer included"
            )
            raise InvalidInput(msg)
        return ids

    def grammar(self, schema: Json) -> str:
        """A grammar that holds an answer to a JSON schema.

        Raises InvalidInput for an unsupported schema.
        """
        grammar = LLMatcher.grammar_from_json_schema(
            json.dumps(schema), defaults={"whitespace_flexible": False}
        )  # small models never stop writing white space
        return self._checked("response_format", grammar)

    def form(self) -> tools.Form:
        """How the base writes function calls.

        Raises InvalidInput where its template does not, or writes them in an unsupported form.
        """
        form = tools.form_of(self.tokenizer)
        if form is None:
            msg = (
                f"tools: the chat template of {self.name!r} has none, or writes calls in a form "
                "that is not supported"
            )
            raise InvalidInput(msg)
        return form

    def calling(self, form: tools.Form, offer: tools.Offer) -> str | None:
        """A grammar that holds an answer to the offered functions.

        Raises InvalidInput for unsupported parameters.
        """
        grammar = tools.grammar(form, offer)
        return (
            None
            if grammar is None
            else self._checked("tools", LLMatcher.grammar_from_lark(grammar))
        )

    def _checked(self, what: str, grammar: str) -> str:
        fault = LLMatcher.validate_grammar(grammar, self._vocabulary)
        if fault:
            msg = f"{what}: {fault}"
            raise InvalidInput(msg)
        return grammar

    def has(self, adapter: str) -> bool:
        """Whether the adapter is in memory."""
        return adapter in self._groups.known

    def add(self, adapter: str, folder: Path) -> None:
        """Load an adapter.

        Raises InvalidInput for one that fits no layer of the base.
        """
        config = json.loads((folder / "adapter_config.json").read_bytes())
        scale = config["lora_alpha"] / config["r"]
        weights = load_file(folder / "adapter_model.safetensors")
        pairs = self._pairs_of(weights, scale, adapter, folder)
        kind = dtype_of(DEVICE)
        for path, (down, up) in pairs.items():
            self._layers[path].adapters[adapter] = (
                down.to(DEVICE, kind).t().contiguous(),
                up.to(DEVICE, kind).t().contiguous(),
            )
        self._groups.known.add(adapter)

    def _pairs_of(
        self, weights: Any, scale: Any, adapter: str, folder: Path
    ) -> dict[Any, tuple[Any, Any]]:
        pairs = {}
        for name, down in weights.items():
            if name.endswith(".lora_A.weight"):
                path = name.removeprefix("base_model.model.").removesuffix(".lora_A.weight")
                pairs[path] = (down, weights[name.replace(".lora_A.", ".lora_B.")] * scale)
        if not pairs or len(pairs) * 2 != len(weights) or not pairs.keys() <= self._layers.keys():
            msg = (
                f"adapter {adapter!r} in {str(folder)!r} is not a plain low-rank adapter of "
                f"{self.name!r}"
            )
            raise InvalidInput(msg)
        return pairs

    def drop(self, adapter: str) -> None:
        """Unload an adapter; answers under way end with an error."""
        self._groups.known.discard(adapter)
        for layer in self._layers.values():
            layer.adapters.pop(adapter, None)

    def ask(self, wanted: Wanted) -> None:
        """Queue an answer; returns at once."""
        with self._change:
            self._waiting.append(wanted)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._answer, name=f"answers of {self.name}", daemon=True
                )
                self._thread.start()
            self._change.notify()

    # the engine's thread

    def _answer(self) -> None:
        while True:
            with self._change:
                while not self._waiting and not self._running:
                    self._change.wait()
                fresh = self._admitted()
            try:
                with torch.inference_mode():
                    for adapter in dict.fromkeys(wanted.adapter for wanted in fresh):
                        self._read([wanted for wanted in fresh if wanted.adapter == adapter])
                    if self._running:
                        self._step()
            except (
                Exception
                # the outermost handler: waiting callers get the error, and the thread goes on
            ) as error:
                broken = [*fresh, *(r.wanted for r in self._running if r.wanted not in fresh)]
                self._running = []
                for wanted in broken:
                    wanted.send(f"{type(error).__name__}: {error}", "error")

    def _admitted(self) -> list[Wanted]:
        fresh: list[Wanted] = []
        room = READ_AT_ONCE
        while self._waiting and len(self._running) + len(fresh) < SLOTS:
            if fresh and len(self._waiting[0].ids) > room:
                break
            room -= len(self._waiting[0].ids)
            fresh.append(self._waiting.pop(0))
        return fresh

    def _read(self, fresh: list[Wanted]) -> None:
        """Read the prompts of conversations that share an adapter, and choose their first token."""
        ids: list[int] = []
        places: list[int] = []
        borders = [0]
        for wanted in fresh:
            ids += wanted.ids
            places += range(len(wanted.ids))
            borders.append(len(ids))
        first = len(self._running)
        self._slots.read(first, borders)
        self._groups.now = [(fresh[0].adapter, None)]
        logits = self._model(
            input_ids=torch.tensor([ids], device=DEVICE),
            position_ids=torch.tensor([places], device=DEVICE),
            past_key_values=self._slots,
            use_cache=False,
            cu_seq_lens_q=tuple(borders),
            logits_to_keep=torch.tensor(borders[1:], device=DEVICE) - 1,
        ).logits[0]
        self._start(fresh)
        self._say(logits, self._running[first:], first)

    def _start(self, fresh: list[Wanted]) -> None:
        for wanted in fresh:
            chance = None
            if wanted.temperature > 0:
                chance = torch.Generator(DEVICE)
                chance.manual_seed(wanted.seed) if wanted.seed is not None else chance.seed()
            matcher = (
                LLMatcher(self._vocabulary, wanted.grammar) if wanted.grammar is not None else None
            )
            self._running.append(
                _Running(
                    wanted=wanted, length=len(wanted.ids), last=0, chance=chance, matcher=matcher
                )
            )

    def _step(self) -> None:
        """One more token for every conversation."""
        running = self._running
        lengths = torch.tensor([r.length for r in running], device=DEVICE)
        self._slots.write(lengths)
        self._groups.now = _groups([r.wanted.adapter for r in running])
        logits = self._model(
            input_ids=torch.tensor([[r.last] for r in running], device=DEVICE),
            position_ids=lengths[:, None],
            past_key_values=self._slots,
            use_cache=False,
            kaeshi_lengths=lengths + 1,
            logits_to_keep=1,
        ).logits[:, -1]
        for r in running:
            r.length += 1
        self._say(logits, list(running), 0)

    def _say(self, logits: torch.Tensor, running: Sequence[_Running], first: int) -> None:
        """Choose each next token, send it, and free the slots of finished conversations."""
        self._hold_to_grammar(running, logits)
        best = logits.argmax(dim=-1).tolist()
        gone: list[int] = []
        for i, r in enumerate(running):
            r.last = best[i] if r.chance is None else _drawn(logits[i].float(), r.wanted, r.chance)
            if self._send(r):
                gone.append(first + i)
        self._free_slots(gone)

    def _hold_to_grammar(self, running: Sequence[_Running], logits: torch.Tensor) -> None:
        for i, r in enumerate(running):
            if r.matcher is not None:
                llguidance.torch.fill_next_token_bitmask(r.matcher, self._allowed, 0)
                held = logits[i : i + 1].float()
                llguidance.torch.apply_token_bitmask_inplace(held, self._allowed.to(held.device))
                logits[i] = held[0]

    def _free_slots(self, gone: list[int]) -> None:
        for slot in reversed(gone):
            last = self._running.pop()
            if slot < len(self._running):
                self._slots.move(len(self._running), slot, last.length)
                self._running[slot] = last

    def _send(self, r: _Running) -> bool:
        """Send what the last token adds; True if the answer is over."""
        wanted = r.wanted
        if wanted.cancelled:
            return True
        if wanted.adapter is not None and wanted.adapter not in self._groups.known:
            wanted.send(f"model {wanted.adapter!r} was deleted", "error")
            return True
        over = "stop" if r.last in self._ends else None
        if over is None:
            wanted.count += 1
            r.held += r.decode.step(self.tokenizer.backend_tokenizer, r.last) or ""
            if r.matcher is not None and (
                not r.matcher.consume_token(r.last) or r.matcher.is_stopped()
            ):
                over = "stop"
            over = over or (
                "length" if wanted.count >= wanted.most or r.length + 1 >= self.longest else None
            )
        return _say_ready(wanted, r, over)

    def _adapt(self) -> None:
        """Wrap every linear layer but the last with room for adapters."""
        head = self._model.get_output_embeddings()
        for path, module in list(self._model.named_modules()):
            if isinstance(module, torch.nn.Linear) and module is not head:
                parent, _, name = path.rpartition(".")
                self._layers[path] = layer = _Adapted(module, self._groups)
                setattr(self._model.get_submodule(parent), name, layer)


def _say_ready(wanted: Wanted, r: _Running, over: str | None) -> bool:
    """Send the text that no stop word can still cut; True if the answer is over."""
    cut = min((at for s in wanted.stop if (at := r.held.find(s)) >= 0), default=-1)
    if cut >= 0:
        r.held = r.held[:cut]
        over = "stop"
    keep = 0 if over else max((_overlap(r.held, s) for s in wanted.stop), default=0)
    ready, r.held = (r.held[:-keep], r.held[-keep:]) if keep else (r.held, "")
    if ready or over:
        wanted.send(ready, over)
    return over is not None


@dataclass
class _Groups:
    """Which rows of the running step belong to which adapter; None for the rows means all."""

    known: set[str] = field(default_factory=set)
    now: list[tuple[str | None, torch.Tensor | None]] = field(default_factory=list)


class _Adapted(torch.nn.Module):
    """A linear layer and what each adapter adds to it."""

    def __init__(self, linear: torch.nn.Module, groups: _Groups) -> None:
        super().__init__()
        self.linear = linear
        self._groups = groups
        self.adapters: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        said: torch.Tensor = self.linear(x)
        for adapter, places in self._groups.now:
            pair = self.adapters.get(adapter) if adapter is not None else None
            if pair is None:
                continue
            if places is None:
                said = said + (x @ pair[0]) @ pair[1]
            else:
                said[places] += (x[places] @ pair[0]) @ pair[1]
        return said


AttentionInterface.register("kaeshi_slots", slot_attention)


def _groups(adapters: Sequence[str | None]) -> list[tuple[str | None, torch.Tensor | None]]:
    if len(set(adapters)) == 1:
        return [(adapters[0], None)]
    return [
        (
            adapter,
            torch.tensor(
                [i for i, other in enumerate(adapters) if other == adapter], device=DEVICE
            ),
        )
        for adapter in dict.fromkeys(adapters)
    ]


def _drawn(logits: torch.Tensor, wanted: Wanted, chance: torch.Generator) -> int:
    shares = functional.softmax(logits / wanted.temperature, dim=-1)
    if wanted.top_p < 1:
        ordered, places = shares.sort(descending=True)
        ordered[ordered.cumsum(0) - ordered > wanted.top_p] = 0
        return int(places[torch.multinomial(ordered, 1, generator=chance)])
    return int(torch.multinomial(shares, 1, generator=chance))


def _overlap(text: str, stop: str) -> int:
    """How many of the text's last characters may begin `stop`."""
    return next(
        (n for n in range(min(len(stop) - 1, len(text)), 0, -1) if stop.startswith(text[-n:])), 0
    )
