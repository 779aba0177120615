"""Model weights: fetched once, verified by sha256, run by ONNX Runtime."""

from kaeshi.models.fetch import FILES, fetch, need

__all__ = ["FILES", "fetch", "need"]
