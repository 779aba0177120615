"""Model weights: fetched once, verified by their sha256, and run by ONNX."""

from kaeshi.models.fetch import FILES, fetch, need

__all__ = ["FILES", "fetch", "need"]
