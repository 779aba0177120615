"""Opens a fetched ONNX model on the processor."""

from pathlib import Path
from typing import TYPE_CHECKING

from kaeshi.models import need

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


def session(models_dir: Path, name: str, threads: int) -> "InferenceSession":
    """A session on the model file of that name; `threads` bounds the cores it uses (0: all). Raises MissingModel."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(need(models_dir, name)), options, providers=["CPUExecutionProvider"])
