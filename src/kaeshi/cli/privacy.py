"""What `kaeshi pii` does with a database or a server, which its other commands do not load."""

from typing import Any

from kaeshi.cli.opening import with_loop
from kaeshi.cli.output import show, table
from kaeshi.cli.serve import check_free
from kaeshi.serving import serving
from kaeshi.steps import privacy


def served(host: str, port: int) -> None:
    """Serve the scrubber until it is stopped."""
    check_free(host, port)
    serving(host, port, "kaeshi.web.presidio:create", db=None)


def reported(db: str | None, assistant: str | None, sample: int, *, as_json: bool) -> None:
    """Print what was replaced in the training examples."""
    found = with_loop(db, assistant, lambda loop: privacy.report(loop, sample=sample))
    left = found["residual"]["at_most_by_type"]
    lines = _report_lines(found, left)
    show(found, as_json=as_json, text="\n\n".join(lines[:3]) + "\n".join(lines[3:]))


def _report_lines(found: dict[str, Any], left: Any) -> list[str]:
    return [
        (
            f"{found['examples']} examples, scrubber {', '.join(found['scrubber']) or 'none'}, "
            f"settings {found['settings_sha256'][:12]}"
        ),
        table(
            ("type", "replaced", "left at most"),
            [
                (kind, count, "unknown" if left.get(kind) is None else left[kind])
                for kind, count in found["replaced"].items()
            ],
        ),
        table(("recogniser", "replaced"), list(found["by_recogniser"].items())),
        *map(_example, found["sample"]),
    ]


def _example(one: dict[str, Any]) -> str:
    said = "\n".join(f"  {m['role']}: {m['text']}" for m in one["messages"])
    return f"\n{one['example']}\n{said}"
