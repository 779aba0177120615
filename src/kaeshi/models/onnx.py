"""Opens a fetched ONNX model on the processor, and spreads batches over the cores."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from kaeshi.models.fetch import need
from kaeshi.nouns import Watch, unwatched

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

T = TypeVar("T")
R = TypeVar("R")


def session(models_dir: Path, name: str, *also: str) -> "InferenceSession":
    """An inference session on the model file of that name.

    It computes on the calling thread: see `spread`. `also`: values inside the model to return
    beside its outputs. Raises MissingModel.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    path = need(models_dir, name)
    model = path.read_bytes() + b"".join(map(_output, also)) if also else str(path)
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _output(value: str) -> bytes:
    """One more output for a model, as bytes to append to its file.

    Protobuf merges repeated parts of a message. ModelProto.graph is field 7, GraphProto.output
    field 12, ValueInfoProto.name field 1 (onnx.proto).
    """
    name = value.encode()
    info = b"\x0a" + bytes([len(name)]) + name
    output = b"\x62" + bytes([len(info)]) + info
    return b"\x3a" + bytes([len(output)]) + output


def spread(
    work: Callable[[T], R], parts: Sequence[T], threads: int, watch: Watch = unwatched
) -> list[R]:
    """Run `work` on each part on so many threads (0: one per core), results in order.

    `watch` is called before each part. Batches are small: threads that share one batch would wait
    for each other longer than they compute, so each thread has batches of its own.
    """

    def watched(part: T) -> R:
        watch()
        return work(part)

    wanted = min(threads or _cores(), len(parts))
    if wanted < 2:
        return [watched(part) for part in parts]
    with ThreadPoolExecutor(wanted, thread_name_prefix="kaeshi-onnx") as pool:
        return list(pool.map(watched, parts))


def _cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
