"""Print the shape of a package's code: sizes of functions, widths of lines, idioms, words.

    python tools/shape.py src/kaeshi [PACKAGE_FOLDER ...]

A function's size is the number of syntax-tree nodes of its body without its docstring.
`tests/test_shape.py` holds kaeshi to limits on them.
"""

import ast
import re
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

MOST_NODES = 250


WIDTH = 100
MOST_LINES = 500
BANNED = re.compile(r"\b(nobody|somebody|whoever|told|anew|ours|theirs)\b", re.IGNORECASE)
Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources(root: Path) -> list[Path]:
    """The modules of a package, without generated migrations."""
    return [p for p in sorted(root.rglob("*.py")) if "migrations" not in p.parts]


def functions(tree: ast.Module) -> list[Function]:
    """Every function and method of a module, nested ones too."""
    return [node for node in ast.walk(tree) if isinstance(node, Function)]


def body_of(node: Function) -> list[ast.stmt]:
    """A function's statements without its docstring."""
    return node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body


def nodes(function: Function) -> int:
    """The size of a function."""
    return sum(1 for statement in body_of(function) for _ in ast.walk(statement))


def lines_of(function: Function) -> int:
    """How many lines a function takes, its signature among them."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def inner_imports(tree: ast.Module, package: str) -> Iterator[ast.stmt]:
    """Imports of the package's own modules inside functions."""
    for function in functions(tree):
        for node in ast.walk(function):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(package):
                yield node
            if isinstance(node, ast.Import) and any(a.name.startswith(package) for a in node.names):
                yield node


def docstrings(tree: ast.Module) -> Iterator[str]:
    """Every docstring of a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | Function):
            text = ast.get_docstring(node)
            if text is not None:
                yield text


def docstring_lines(tree: ast.Module) -> int:
    """How many lines docstrings take."""
    return sum(text.count("\n") + 1 for text in docstrings(tree))


def messages(tree: ast.Module) -> Iterator[str]:
    """The constant texts of a module, docstrings left out: messages, labels, keys."""
    documented = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and id(node) not in documented:
            yield text


def unrelated(tree: ast.Module) -> int:
    """Assignments such as `a, b = x, y`."""
    return sum(
        isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Tuple)
        and isinstance(node.targets[0], ast.Tuple)
        for node in ast.walk(tree)
    )


def shape(root: Path) -> dict[str, str]:
    """The figures of one package, by name."""
    texts = [path.read_text(encoding="utf-8") for path in sources(root)]
    trees = [ast.parse(text) for text in texts]
    lines = [line for text in texts for line in text.splitlines()]
    found = [function for tree in trees for function in functions(tree)]
    sizes = sorted(nodes(function) for function in found)
    words = [word for tree in trees for text in docstrings(tree) for word in text.split()]
    banned = sum(len(BANNED.findall(text)) for tree in trees for text in docstrings(tree))
    walked = [node for tree in trees for node in ast.walk(tree)]
    comprehensions = sum(
        isinstance(n, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) for n in walked
    )
    conditionals = sum(isinstance(n, ast.IfExp) for n in walked)
    thousand = len(lines) / 1000
    comments = sum(line.strip().startswith("#") or "  # " in line for line in lines)
    documented = sum(docstring_lines(tree) for tree in trees)
    package = root.name
    inner = sum(1 for tree in trees for _ in inner_imports(tree, package))
    return {
        "modules, lines": f"{len(texts)}, {len(lines)}",
        "longest module": f"{max(text.count(chr(10)) for text in texts)}",
        "functions": f"{len(found)}",
        "function, median lines": f"{statistics.median(map(lines_of, found)):.0f}",
        "function, nodes: median / p90 / most": (
            f"{statistics.median(sizes):.0f} / {sizes[int(0.9 * len(sizes))]} / {sizes[-1]}"
        ),
        f"functions over {MOST_NODES} nodes": f"{sum(size > MOST_NODES for size in sizes)}",
        "lines over 100 / over 140": (
            f"{sum(len(line) > WIDTH for line in lines) / len(lines):.1%} / "
            f"{sum(len(line) > 140 for line in lines)}"
        ),
        "comprehensions, inline conditionals, a, b = x, y per 1,000 lines": (
            f"{comprehensions / thousand:.0f}, {conditionals / thousand:.0f}, "
            f"{sum(map(unrelated, trees)) / thousand:.1f}"
        ),
        "first-party imports inside functions": f"{inner}",
        "comment, docstring lines per 100": (
            f"{100 * comments / len(lines):.1f}, {100 * documented / len(lines):.0f}"
        ),
        "banned words per 1,000 of docstrings": f"{1000 * banned / max(len(words), 1):.1f}",
    }


def main() -> None:
    """Print the figures of each package beside the others."""
    roots = [Path(argument) for argument in sys.argv[1:]]
    columns = [shape(root) for root in roots]
    print("| | " + " | ".join(root.name for root in roots) + " |")
    print("|---" * (len(roots) + 1) + "|")
    for name in columns[0]:
        print(f"| {name} | " + " | ".join(column[name] for column in columns) + " |")


if __name__ == "__main__":
    main()
