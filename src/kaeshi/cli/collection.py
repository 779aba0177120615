"""`kaeshi collection`: judge and scrub the conversations that may be learned from."""

from kaeshi.cli.opening import with_loop
from kaeshi.cli.output import (
    AsJson,
    Database,
    Who,
    counts,
    group,
    show,
)
from kaeshi.steps import collection as steps

app = group()


@app.command("run")
def run(db: Database = None, assistant: Who = None, as_json: AsJson = False) -> None:
    """Judge and scrub every closed conversation that changed since it was last judged."""
    done = with_loop(db, assistant, steps.collect)
    result = {
        "judged": done.judged,
        "kept": done.kept,
        "dropped": dict(done.dropped),
        "pii_replaced": dict(done.pii),
        "total_kept": done.total_kept,
        "waiting_for_review": done.waiting,
        "ready_to_retrain": done.ready_to_retrain,
    }
    words = (
        f"{done.judged} judged: {done.kept} kept, dropped: {counts(dict(done.dropped))}\n"
        f"personal data replaced: {counts(dict(done.pii))}\n{done.total_kept} examples in "
        f"all{', ready to retrain' if done.ready_to_retrain else ''}"
    )
    if done.waiting:
        words += (
            f"\n{done.waiting} of them are of customers whom no request named, and wait for "
            "approval: kaeshi review list"
        )
    show(result, as_json=as_json, text=words)
