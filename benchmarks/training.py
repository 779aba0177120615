"""The lora engine beside its peers in one run.

Training beside TRL's SFTTrainer, serving (--serve) beside `transformers serve`.

`python -m benchmarks.training [--data DIR [--only NAME]] [--rows N] [--epochs N] [--threads N]
[--peer PYTHON] [--rounds N] [--json]` trains on the first turns of the conversations in DIR, or
without --data on bookings made from templates by --seed. `python -m benchmarks.training --serve
[--clients 1,8,32]` asks both servers for the same answers at temperature 0. Run it in an
environment with the `train` extra; the peers' is benchmarks/peers/README.md.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.folder import add_arguments, files, is_conversation, records

TURNS = 8
ANSWER = 32  # tokens of every answer that is asked for
NAMES = ("Ito", "Bennett", "Okafor", "Silva", "Novak", "Haddad", "Larsen", "Tran")
DISHES = ("shrimp", "steak", "chicken", "tofu", "salmon", "scallops")
CITIES = ("Folsom", "Davis", "Fresno", "Reno", "Oakland", "Napa")


def chats(logs: Sequence[Path], count: int, seed: int) -> list[dict[str, Any]]:
    """Rows to train on, and a fifth more that is held out."""
    count = count * 6 // 5
    if logs:
        said = (
            [
                {"role": m["role"], "content": m["content"]}
                for m in record["messages"][:TURNS]
                if m.get("content")
            ]
            for path in logs
            for record in records(path)
            if is_conversation(record)
        )
        whole = (m for m in said if any(x["role"] == "assistant" for x in m))
        return [{"messages": m} for m in islice(whole, count)]
    rng = random.Random(seed)
    rows = []
    for _ in range(count):
        name = rng.choice(NAMES)
        dish = rng.choice(DISHES)
        city = rng.choice(CITIES)
        guests = rng.randint(4, 40)
        asked = rng.choice(
            (
                "Can you come to {city} for {guests}?",
                "We are {guests} in {city} and love {dish}.",
                "What does {dish} cost for {guests}?",
            )
        )
        said = rng.choice(
            (
                "Of course, {name}: {guests} guests in {city}, {dish} on the grill.",
                "{dish} for {guests} it is. Shall I book {city}, {name}?",
            )
        )
        told = {"name": name, "dish": dish, "city": city, "guests": guests}
        rows.append(
            {
                "messages": [
                    {"role": "system", "content": "You take hibachi bookings."},
                    {"role": "user", "content": asked.format(**told)},
                    {"role": "assistant", "content": said.format(**told)},
                ]
            }
        )
    return rows


def train(wanted: argparse.Namespace) -> dict[str, Any]:
    """Both trainers on the same tokens, one after the other, as often as asked."""
    from kaeshi.settings import load
    from kaeshi.trainer.engines.lora import training
    from kaeshi.trainer.engines.lora.bases import prepare
    from kaeshi.trainer.engines.lora.rows import encode

    base = prepare(wanted.base, load().models_dir)
    tokenizer = training.load_tokenizer(base)
    logs = []
    if wanted.data is not None:
        logs = list(files(wanted, is_conversation, "conversations").values())
    rows = chats(logs, wanted.rows, wanted.seed)
    cut = len(rows) * 5 // 6
    encoded = [encode(row["messages"], tokenizer, training.LONGEST) for row in rows]
    as_tokens = [
        {"ids": list(e.ids), "mask": [int(i in set(e.learned)) for i in range(len(e.ids))]}
        for e in encoded
    ]
    steps = -(-cut // wanted.batch) * wanted.epochs
    bf16 = str(training.dtype_of("cpu")) == "torch.bfloat16"
    told: dict[str, Any] = {
        "rows": cut,
        "epochs": wanted.epochs,
        "tokens_per_epoch": sum(len(e.ids) for e in encoded[:cut]),
        "learned_per_epoch": sum(len(e.learned) for e in encoded[:cut]),
        "steps": steps,
        "batch": wanted.batch,
        "dtype": "bfloat16" if bf16 else "float32",
        "threads": wanted.threads,
        "packing": "rows of a step share passes without padding, on both sides"
        if wanted.packing
        else "padded at the peer",
        "ours": [],
        "trl": [],
    }
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name, part in (("train", rows[:cut]), ("held", rows[cut:])):
            (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in part))
        for number in range(wanted.rounds):
            told["ours"].append(_ours(folder / f"ours-{number}", folder, base, wanted))
            peer = {
                "base": base,
                "folder": str(folder / "trl"),
                "train": as_tokens[:cut],
                "held": as_tokens[cut:],
                "batch": wanted.batch,
                "epochs": wanted.epochs,
                "rate": training.RATE,
                "warm_up": max(1, round(steps * training.WARM_UP)),
                "bf16": bf16,
                "threads": wanted.threads,
                "packing": wanted.packing,
                "seed": wanted.seed,
                "rank": training.RANK,
                "alpha": training.ALPHA,
            }
            (folder / "trl.json").write_text(json.dumps(peer))
            command = [
                str(wanted.peer),
                str(Path(__file__).parent / "peers" / "trl_peer.py"),
                str(folder / "trl.json"),
            ]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            told["trl"].append(json.loads(done.stdout.splitlines()[-1]))
    tokens = told["tokens_per_epoch"] * wanted.epochs
    for side in ("ours", "trl"):
        for run in told[side]:
            run["tokens_per_cpu_s"] = tokens / run["cpu_s"]
    told["speed_ratio"] = statistics.median(
        a["tokens_per_cpu_s"] / b["tokens_per_cpu_s"]
        for a, b in zip(told["ours"], told["trl"], strict=True)
    )
    return told


OURS = """
import json, resource, sys, time
from pathlib import Path
from kaeshi.trainer.engines.lora.training import Spec, train
said = []
at = {}
def say(m):
    said.append(m)
    if "training" in m.get("event", ""): at["began"] = (time.process_time(), time.perf_counter())
    if m.get("step") == m.get("total_steps", -1): at["ended"] = (time.process_time(), time.perf_counter())
train(Spec(**json.loads(Path(sys.argv[1]).read_bytes())), say)
(a, b), (c, d) = at["began"], at["ended"]
done = said[-1]["done"]
print(json.dumps({"cpu_s": c - a, "wall_s": d - b, "steps": done["steps"], "held_out_loss": done["epochs"][-1]["metrics"]["valid_loss"],
                  "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""  # noqa: E501


def _ours(place: Path, folder: Path, base: str, wanted: argparse.Namespace) -> dict[str, Any]:
    place.mkdir()
    spec = {
        "base": base,
        "asked_as": "base",
        "models_dir": str(place),
        "training_file": str(folder / "train.jsonl"),
        "validation_file": str(folder / "held.jsonl"),
        "folder": str(place),
        "method": "supervised",
        "epochs": wanted.epochs,
        "batch": wanted.batch,
        "multiplier": 1.0,
        "beta": 0.1,
        "seed": wanted.seed,
        "threads": wanted.threads,
        "save_every": 10_000,
    }
    (place / "spec.json").write_text(json.dumps(spec))
    done = subprocess.run(
        [sys.executable, "-c", OURS, str(place / "spec.json")],
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


# serving


async def load_on(url: str, model: str, clients: int, requests: int) -> dict[str, float]:
    """So many clients, each asking again as soon as it is answered.

    Requests a second, and seconds to the first token.
    """
    import aiohttp

    waits: list[float] = []
    tokens = 0
    left = iter(range(requests))

    async def client(session: aiohttp.ClientSession) -> None:
        nonlocal tokens
        for number in left:
            asked = (
                f"Number {number}: we are {4 + number % 30} guests in {CITIES[number % 6]}. Tell "
                f"us about {DISHES[number % 5]} on the grill."
            )
            body = {
                "model": model,
                "messages": [
                    {"role": "system", "content": "You take hibachi bookings."},
                    {"role": "user", "content": asked},
                ],
                "temperature": 0,
                "max_tokens": ANSWER,
                "stream": True,
            }
            began = time.perf_counter()
            first = None
            async with session.post(f"{url}/chat/completions", json=body) as answer:
                assert answer.status == 200, await answer.text()
                async for line in answer.content:
                    if line.startswith(b"data: {"):
                        choice = (json.loads(line[6:]).get("choices") or [{}])[0]
                        if (choice.get("delta") or {}).get("content"):
                            tokens += 1
                            first = first or time.perf_counter() - began
            assert first is not None, "no content came"
            waits.append(first)

    began = time.perf_counter()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=1200)) as session:
        await asyncio.gather(*(client(session) for _ in range(clients)))
    took = time.perf_counter() - began
    return {
        "requests_per_s": requests / took,
        "pieces_per_request": tokens / requests,
        "first_token_median_s": statistics.median(waits),
        "first_token_worst_s": max(waits),
    }


def serve(wanted: argparse.Namespace) -> dict[str, Any]:
    """Both servers in turn on the same cores, the same base, the same questions."""
    from kaeshi.settings import load
    from kaeshi.trainer.engines.lora.bases import prepare

    models = load().models_dir
    base = prepare(wanted.base, models)
    told: dict[str, Any] = {"answer_tokens": ANSWER, "threads": wanted.threads}
    cores = os.environ | {
        "OMP_NUM_THREADS": str(wanted.threads),
        "MKL_NUM_THREADS": str(wanted.threads),
    }
    with tempfile.TemporaryDirectory() as scratch:
        port = _port()
        ours = [sys.executable, "-m", "kaeshi", "trainer", "serve", "--port", str(port)]
        environment = cores | {
            "KAESHI_DATA_DIR": scratch,
            "KAESHI_MODELS_DIR": str(models),
            "TRAINER_BASES": json.dumps({"base": base}),
        }
        told["ours"] = _measured(ours, environment, f"http://127.0.0.1:{port}/v1", "base", wanted)
        port = _port()
        peer = [
            str(wanted.peer.parent / "transformers"),
            "serve",
            base,
            "--port",
            str(port),
            "--host",
            "127.0.0.1",
            "--device",
            "cpu",
            *wanted.peer_options.split(),
        ]
        told["transformers serve"] = _measured(
            peer, cores | {"HF_HUB_OFFLINE": "1"}, f"http://127.0.0.1:{port}/v1", base, wanted
        )
    told["throughput_ratio"] = {
        n: told["ours"][n]["requests_per_s"] / told["transformers serve"][n]["requests_per_s"]
        for n in told["ours"]
        if isinstance(told["ours"][n], dict)
    }
    return told


def _measured(
    command: list[str],
    environment: dict[str, str],
    url: str,
    model: str,
    wanted: argparse.Namespace,
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            until = time.monotonic() + 300
            while True:
                try:
                    asyncio.run(load_on(url, model, 1, 1))
                    break
                except (OSError, AssertionError):
                    assert process.poll() is None, f"{command} ended with {process.returncode}"
                    assert time.monotonic() < until, f"{command} does not answer"
                    time.sleep(0.5)
            for clients in map(int, wanted.clients.split(",")):
                found[str(clients)] = asyncio.run(load_on(url, model, clients, max(8, clients * 2)))
        finally:
            os.killpg(process.pid, signal.SIGTERM)
    return found


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    """Print tables, or JSON with --json."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser, required=False)
    parser.add_argument("--base", default="smollm2-135m-instruct")
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--packing", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--peer", type=Path, default=Path(".peers/trl/bin/python"))
    parser.add_argument("--peer-options", default="")
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("--clients", default="1,8,32")
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    told = serve(wanted) if wanted.serve else train(wanted)
    if wanted.json:
        print(json.dumps(told, indent=1))
    elif wanted.serve:
        print(f"{told['answer_tokens']} tokens an answer, {told['threads']} threads")
        for clients, ratio in told["throughput_ratio"].items():
            for side in ("ours", "transformers serve"):
                run = told[side][clients]
                print(
                    f"{clients:>3} clients  {side:18}  {run['requests_per_s']:6.2f} requests/s, "
                    f"first token {run['first_token_median_s']:6.2f} s (worst "
                    f"{run['first_token_worst_s']:.2f})"
                )
            print(f"             ratio {ratio:.2f}")
    else:
        for name in (
            "rows",
            "epochs",
            "tokens_per_epoch",
            "learned_per_epoch",
            "steps",
            "batch",
            "dtype",
            "threads",
            "packing",
        ):
            print(f"{name.replace('_', ' '):18} {told[name]}")
        for side in ("ours", "trl"):
            for run in told[side]:
                print(
                    f"{side:5} {run['steps']} steps, {run['tokens_per_cpu_s']:6.0f} tokens per "
                    f"CPU second, {run['peak_mb']:.0f} MB, held-out loss "
                    f"{run['held_out_loss']:.3f}"
                )
        print(f"speed ratio {told['speed_ratio']:.2f}")


if __name__ == "__main__":
    main()
