"""Converts the 4-bit matrix products of an ONNX model to int8; run as a script.

`kaeshi models fetch` runs it in a process of its own: `python int8.py TOOLS FROM TUNED RANGES TO`.
TOOLS is a folder with the onnx package, which nothing else needs; TUNED has the layers that were
trained further, RANGES the input range of each product (tools/names/ranges.py).
"""

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from numpy import floating
from numpy._typing._nbit_base import _32Bit


def floats(model: Any) -> Any:
    """The model with MatMulNBits replaced by MatMul.

    A weight is (code - zero point) x its block's scale.
    """
    import numpy as np
    from onnx import helper, numpy_helper  # type: ignore[import-not-found,unused-ignore]  # installed temporarily

    held = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in [n for n in model.graph.node if n.op_type == "MatMulNBits"]:
        said = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        rows = said["N"]
        columns = said["K"]
        block = said["block_size"]
        weights = _weights_of(numpy_helper, held, node, rows, block, np, columns)
        _replace_node(node, model, numpy_helper, np, weights, helper)
    used = {name for node in model.graph.node for name in node.input}
    for tensor in [t for t in model.graph.initializer if t.name not in used]:
        model.graph.initializer.remove(tensor)
    return model


def _weights_of(
    numpy_helper: Any,
    held: dict[Any, Any],
    node: Any,
    rows: Any,
    block: Any,
    np: ModuleType,
    columns: Any,
) -> Any:
    codes = _nibbles(numpy_helper.to_array(held[node.input[1]]).reshape(rows, -1)).reshape(
        rows, -1, block
    )
    scales, zero = _zero_points(numpy_helper, held, node, rows, np)
    return ((codes - zero) * scales).reshape(rows, -1)[:, :columns].T.astype(np.float32)


def _zero_points(
    numpy_helper: Any, held: dict[Any, Any], node: Any, rows: Any, np: ModuleType
) -> tuple[Any, Any]:
    scales = numpy_helper.to_array(held[node.input[2]]).reshape(rows, -1, 1)
    zero: Any = np.float32(8)
    if len(node.input) > 3 and node.input[3]:
        zero = _nibbles(numpy_helper.to_array(held[node.input[3]]).reshape(rows, -1))[
            :, : scales.shape[1], None
        ]
    return scales, zero


def _replace_node(
    node: Any, model: Any, numpy_helper: Any, np: ModuleType, weights: Any, helper: Any
) -> str:
    name = f"{node.name}_weight"
    model.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(weights), name))
    place = list(model.graph.node).index(node)
    model.graph.node.remove(node)
    model.graph.node.insert(
        place,
        helper.make_node("MatMul", [node.input[0], name], list(node.output), name=node.name),
    )
    return name


def tuned(model: Any, path: Path) -> Any:
    """The model with the layers that were trained further (tools/names) in place."""
    import numpy as np
    from onnx import numpy_helper  # type: ignore[import-not-found,unused-ignore]  # as above

    with np.load(path) as packed:
        for tensor in model.graph.initializer:
            name = tensor.name.strip("/").replace("/", ".").replace("MatMul_Q4_weight", "weight")
            if f"{name}:codes" in packed:
                tensor.CopyFrom(
                    numpy_helper.from_array(
                        packed[f"{name}:codes"] * packed[f"{name}:scale"], tensor.name
                    )
                )
            elif name in packed:
                tensor.CopyFrom(
                    numpy_helper.from_array(packed[name].astype(np.float32), tensor.name)
                )
    return model


def fixed(model: Any, ranges: dict[str, tuple[float, float]]) -> Any:
    """The model with activations quantised on scales stored in it.

    Scales taken from each batch would let a text's neighbours change its result.
    """
    import numpy as np
    from onnx import helper, numpy_helper  # type: ignore[import-not-found,unused-ignore]  # as above

    for node in [n for n in model.graph.node if n.op_type == "DynamicQuantizeLinear"]:
        codes, scale, zero = node.output
        low, high = ranges[node.input[0]]
        step = np.float32((high - low) / 255)
        _fix_scale(model, numpy_helper, np, step, scale, low, zero, node, helper, codes)
    return model


def _fix_scale(
    model: Any,
    numpy_helper: Any,
    np: ModuleType,
    step: floating[_32Bit],
    scale: Any,
    low: float,
    zero: Any,
    node: Any,
    helper: Any,
    codes: Any,
) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.array(step), scale))
    model.graph.initializer.append(
        numpy_helper.from_array(np.array(round(-low / step), np.uint8), zero)
    )
    place = list(model.graph.node).index(node)
    model.graph.node.remove(node)
    model.graph.node.insert(
        place,
        helper.make_node("QuantizeLinear", [node.input[0], scale, zero], [codes], name=node.name),
    )


def _nibbles(packed: Any) -> Any:
    import numpy as np

    return np.stack([packed & 15, packed >> 4], -1).reshape(len(packed), -1).astype(np.float32)


def main(tools: str, source: str, trained: str, ranges: str, target: str) -> None:
    """Convert one file."""
    sys.path.insert(0, tools)
    import onnx  # type: ignore[import-not-found,unused-ignore]  # as above
    from onnxruntime.quantization import QuantType, quantize_dynamic

    plain = Path(target).with_name("plain.onnx")
    onnx.save(tuned(floats(onnx.load(source)), Path(trained)), plain)
    # seven bits: processors without VNNI saturate on eight
    quantize_dynamic(
        plain, target, weight_type=QuantType.QInt8, per_channel=True, reduce_range=True
    )
    onnx.save(fixed(onnx.load(target), json.loads(Path(ranges).read_bytes())), target)


if __name__ == "__main__":
    main(*sys.argv[1:])
