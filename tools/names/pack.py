"""Packs trained weights for shipping.

Matrices in eight bits with a scale per column, the rest in sixteen.

`python pack.py TRAINED.pt OUT.npz`. What comes out is a derivative of Rampart (CC BY 4.0, National
Design Studio); NOTICE says so.
"""

import sys

import numpy as np
import torch


def main(trained: str, out: str) -> None:
    """Pack."""
    packed = {}
    for name, tensor in torch.load(trained, weights_only=True).items():
        value = tensor.float().numpy()
        if value.ndim < 2:
            packed[name] = value.astype(np.float16)
            continue
        scale = np.abs(value).max(axis=0, keepdims=True) / 127
        packed[f"{name}:codes"] = np.round(value / scale).astype(np.int8)
        packed[f"{name}:scale"] = scale.astype(np.float32)
    np.savez_compressed(out, **packed)


if __name__ == "__main__":
    main(*sys.argv[1:])
