import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main

from kaeshi.cli import app
from kaeshi.settings import load
from samples import different, example_row, record

ROOT = Path(__file__).parents[2]
COMMANDS = {
    "demo",
    "run",
    "serve",
    "backup",
    "restore",
    "shim",
    "trainer export",
    "trainer serve",
    "models fetch",
    "conversation import",
    "conversation consent",
    "conversation export",
    "conversation list",
    "conversation outcome",
    "conversation show",
    "feedback add",
    "feedback import",
    "feedback stats",
    "feedback votes",
    "review list",
    "review show",
    "review approve",
    "review correct",
    "review reject",
    "review session",
    "review reliability",
    "review link",
    "review team",
    "collection run",
    "pii scrub",
    "pii restore",
    "pii detect",
    "pii report",
    "pii serve",
    "dataset build",
    "dataset check",
    "dataset export",
    "training estimate",
    "training start",
    "training status",
    "training decide",
    "training money",
    "training retiring",
    "data update",
    "training list",
    "gateway work",
    "evaluation add",
    "evaluation run",
    "evaluation compare",
    "rollout start",
    "rollout status",
    "rollout compare",
    "rollout pause",
    "rollout resume",
    "rollout promote",
    "rollout rollback",
    "rollout replay",
    "knowledge refresh",
    "knowledge gaps",
    "knowledge stale",
    "knowledge import",
    "knowledge revert",
    "knowledge search",
    "knowledge approve",
    "judge",
    "examples refresh",
    "examples revert",
    "examples list",
    "autopilot status",
    "autopilot plan",
    "autopilot yes",
    "autopilot no",
    "autopilot hold",
    "autopilot release",
    "report show",
    "report send",
    "jobs list",
    "jobs run",
    "keys check",
    "keys escrow",
    "keys restore",
    "keys rotate",
}


def kaeshi(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kaeshi", *words],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )


def told(*words: str) -> Any:
    done = kaeshi(*words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_promised_command_is_there_and_takes_json() -> None:
    found: dict[str, Any] = {}

    def walk(command: Any, path: str) -> None:
        if not hasattr(command, "list_commands"):
            found[path] = command
            return
        for name in command.list_commands(None):
            walk(command.get_command(None, name), f"{path} {name}".strip())

    walk(typer.main.get_command(app), "")
    assert set(found) == COMMANDS
    assert [
        name
        for name, c in found.items()
        if "as_json" not in {p.name for p in c.params} and "serve" not in name
    ] == []


def test_a_stranger_imports_rates_collects_and_reports(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(
        "".join(
            json.dumps(record(f"c{i}", outcome={"booked": i % 2 == 0})) + "\n" for i in range(12)
        )
        + "{broken\n"
    )
    first, again = (
        told("conversation", "import", str(log)),
        told("conversation", "import", str(log)),
    )
    assert (first["new"], len(first["refused"]), again["new"], again["unchanged"]) == (12, 1, 0, 12)
    assert (
        told("feedback", "add", "c2#1", "--vote", "up", "--rating", "5", "--accurate")[
            "quality_score"
        ]
        == 1.0
    )
    assert told("conversation", "outcome", "c1", "escalated=true")["new"] == 1
    assert told("collection", "run")["kept"] == 1
    assert told("feedback", "stats")["total_feedback"] == 1
    assert told("review", "list")[0]["kind"] == "example"
    assert told("conversation", "show", "c1")["contained"] is False
    assert told("report", "show", "--log-clock")["assistant"] == "main"
    assert len(told("jobs", "list")) == 11


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("conversation", "show", "nobody"), "'nobody'"),
        (("conversation", "import", "no-such-file.jsonl"), "no-such-file.jsonl"),
        (("feedback", "add", "m", "--vote", "sideways"), "sideways"),
        (("dataset", "build"), "200 needed"),
        (("knowledge", "search", "x"), "kaeshi knowledge refresh"),
        (("knowledge", "approve", "kb_x", "--by", ""), "name"),
        (("evaluation", "run", "m"), "kaeshi evaluation add"),
        (("training", "start", "none.jsonl"), "none.jsonl"),
        (("rollout", "start", "stranger"), "stranger"),
        (("jobs", "run", "nonsense"), "kb_refresh"),
        (("report", "show"), "kaeshi conversation import"),
        (("demo", "--sabotage", "nonsense"), "nonsense"),
        (("shim", "no-such-folder"), "no-such-folder"),
        (("trainer", "export", "ft:nobody", "out"), "kaeshi training list"),
    ],
)
def test_an_error_is_one_line_and_a_non_zero_exit(words: tuple[str, ...], part: str) -> None:
    done = kaeshi(*words)
    assert done.returncode == 1
    assert part in done.stderr
    assert done.stderr.startswith("kaeshi: ")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_a_session_without_a_terminal_says_what_to_type() -> None:
    done = kaeshi("review", "session", "--by", "ann", stdin="a")
    assert done.returncode == 1
    assert "needs a terminal" in done.stderr


def test_a_pipe_gets_results_only() -> None:
    done = kaeshi("pii", "scrub", "-", stdin="Hi, I'm John Doe\n")
    assert (done.stdout, done.stderr) == ("Hi, I'm [PERSON_1]\n", "replaced: PERSON 1\n")


def test_a_scrubbed_table_holds_no_formula(tmp_path: Path) -> None:
    cells = (
        "=1+1",
        "@SUM(A1)",
        "-2+3+cmd|' /C calc'!A0",
        "+1|x",
        "-5",
        "+1.5",
        "plain",
        "＝1+1",
        " =1+1",
    )
    (tmp_path / "f.csv").write_text("note\n" + "\n".join(cells) + "\n")
    found = kaeshi("pii", "scrub", "f.csv").stdout.splitlines()[1:]
    assert [line[0] == "'" for line in found] == [
        *[True] * 4,
        *[False] * 3,
        *[True] * 2,
    ]


def test_a_row_of_a_table_is_one_conversation(tmp_path: Path) -> None:
    (tmp_path / "n.csv").write_text(
        'name,note,guests\nAnn,"I\'m Anna Bennett, 415-555-0132",10\nBob,"Anna, ""ok""",12\n'
    )
    done = kaeshi("pii", "scrub", "n.csv", "--field", "note")
    assert (
        done.stdout
        == 'name,note,guests\nAnn,"I\'m [PERSON_1], [PHONE_1]",10\nBob,"[PERSON_1], ""ok""",12\n'
    )
    assert done.stderr == "replaced: PERSON 2, PHONE 1\n"
    assert "no column 'nope'" in kaeshi("pii", "scrub", "n.csv", "--field", "nope").stderr


def test_chosen_fields_of_a_record_are_scrubbed_and_the_rest_stays(tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_text(
        '{"id": "555-1234", "messages": [{"content": "call 555-1234"}, {"content": "5551234"}]}\n'
    )
    done = kaeshi("pii", "scrub", "c.jsonl", "--field", "messages")
    assert (
        done.stdout
        == '{"id": "555-1234", "messages": [{"content": "call [PHONE_1]"}, {"content": "[PHONE_1]"}]}\n'  # noqa: E501
    )
    found = json.loads(kaeshi("pii", "detect", "c.jsonl", "--field", "messages", "--json").stdout)
    assert [(row["line"], row["start"], row["end"], row["type"]) for row in found] == [
        (1, 5, 13, "PHONE"),
        (1, 0, 7, "PHONE"),
    ]


def test_a_scrubber_without_its_model_passes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAESHI_MODELS_DIR", str(tmp_path / "none"))
    done = kaeshi("pii", "scrub", "-", stdin="I am Khadija\n")
    assert (done.returncode, done.stdout) == (1, "")
    assert "type: kaeshi models fetch" in done.stderr


def test_a_policy_file_says_what_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "p.toml").write_text('allow = ["555-1234"]\noperator = "mask"\n')
    monkeypatch.setenv("KAESHI_PII_POLICY", str(tmp_path / "p.toml"))
    assert (
        kaeshi("pii", "scrub", "-", stdin="555-1234 or 555-9876\n").stdout
        == "555-1234 or ***-****\n"
    )
    (tmp_path / "p.toml").write_text('types = ["NOSE"]\n')
    assert "'NOSE' is none of" in kaeshi("pii", "scrub", "-", stdin="a\n").stderr


def test_a_missing_model_says_what_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAESHI_MODELS_DIR", str(tmp_path / "none"))
    (tmp_path / "t.jsonl").write_text(
        '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n'
    )
    done = kaeshi("training", "estimate", "t.jsonl")
    assert "type: kaeshi models fetch" in done.stderr
    assert load().models_dir == tmp_path / "none"


def test_the_shim_is_what_the_reference_backend_has(tmp_path: Path) -> None:
    told("shim", str(tmp_path))
    for place in ("api/ai/ml/__init__.py", "api/ai/ml/jobs/__init__.py"):
        names = [
            line
            for line in (tmp_path / place).read_text().splitlines()
            if "get_" in line or "scheduler" in line
        ]
        theirs = (ROOT / "apps/backend/src" / place).read_text()
        assert all(name.strip(' ",') in theirs for name in names)


def test_a_vault_gives_back_exactly_what_was_there_to_whoever_has_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, other = (base64.b64encode(bytes([n] * 32)).decode() for n in (1, 2))
    monkeypatch.setenv("KAESHI_VAULT_KEY", key)
    files = {
        "c.jsonl": '{"id": 1, "text": "I am John Doe, call 555-1234"}\n{"id": 2, "text": "[PERSON_1] said hi to Anna Bennett"}\n',  # noqa: E501
        "n.csv": 'note,when\n"Mail ann@example.com, please",Monday\n',
        "t.txt": "Hi, I am John Doe\nJohn's mail is jd@example.com\n",
    }
    for name, content in files.items():
        Path(name).write_text(content)
        scrubbed = kaeshi("pii", "scrub", name, "--vault", "v").stdout
        assert "Doe" not in scrubbed
        assert "example.com" not in scrubbed
        Path(f"scrubbed-{name}").write_text(scrubbed)
        assert kaeshi("pii", "restore", f"scrubbed-{name}", "--vault", "v").stdout == content
    assert b"Doe" not in Path("v").read_bytes()
    assert kaeshi("pii", "scrub", "c.jsonl", "--vault", "w", "--operator", "mask").returncode == 0
    refusals = (
        (("restore", "scrubbed-c.jsonl", "--vault", "v"), "do not belong together"),
        (
            ("restore", "scrubbed-t.txt", "--vault", "v", "--vault-key", other),
            "cannot be decrypted",
        ),
        (("restore", "scrubbed-t.txt", "--vault", "v", "--vault-key", "abc"), "32 bytes in base64"),
        (("restore", "scrubbed-t.txt", "--vault", "none"), "cannot be read"),
        (("restore", "c.jsonl", "--vault", "w"), "was changed since"),
    )
    for arguments, said in refusals:
        refused = kaeshi("pii", *arguments)
        assert (refused.returncode, said in refused.stderr) == (1, True), refused.stderr


@pytest.mark.slow
@pytest.mark.parametrize("sabotage", ["model", "feedback", "pii", "same"])
def test_sabotage_never_wins_and_says_why(sabotage: str) -> None:
    result = told("demo", "--seed", "3", "--folder", "d", "--sabotage", sabotage)
    assert result["decision"]["outcome"] in {"refused", "rolled back"}
    assert result["decision"]["why"]
    assert result["production"]["after"] == result["production"]["before"]
    assert Path(result["report"]["sent_to"]).exists()


def test_a_prompt_is_rolled_out_by_a_file_of_its_opening_messages(
    tmp_path: Path, provider: str
) -> None:
    db = f"sqlite+aiosqlite:///{tmp_path}/k.db"
    told("rollout", "start", "gpt-4o-mini", "--first", "--base-url", provider, "--db", db)
    opening = tmp_path / "prompt.json"
    for wrong in ("{", '{"role": "system"}', '[{"content": "x"}]'):
        opening.write_text(wrong)
        refused = kaeshi("rollout", "start", "warm", "--opening", str(opening), "--db", db)
        assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    opening.write_text('[{"role": "system", "content": "be warm"}]')
    told(
        "rollout",
        "start",
        "warm",
        "--opening",
        str(opening),
        "--served-as",
        "gpt-4o-mini",
        "--base-url",
        provider,
        "--db",
        db,
    )
    (live,) = told("rollout", "status", "--db", db)["rollouts"]
    assert (live["model"], live["state"]) == ("warm", "mirror")


def test_a_candidate_without_weights_is_made_of_a_training_file_or_of_parameters(
    tmp_path: Path,
) -> None:
    db = ("--db", f"sqlite+aiosqlite:///{tmp_path}/k.db")
    rows = tmp_path / "rows.jsonl"
    rows.write_bytes(b"".join(example_row(*different(number)) for number in range(30)))
    start = ("training", "start")
    made = told(*start, str(rows), "--method", "examples", "--model", "m", "--count", "4", *db)
    assert made["model"].startswith("m+examples-")
    assert (made["kind"], made["serving"]["examples"], made["evidence"]["examples"]) == (
        "examples",
        4,
        30,
    )
    cool = told(*start, "--method", "sampling", "--set", "temperature=0.2", "--model", "m", *db)
    assert cool["serving"]["parameters"] == {"temperature": 0.2}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--method", "supervised"), "needs a training file"),
        (("--method", "examples", "--epochs", "3"), "--epochs means nothing"),
        (("rows.jsonl", "--method", "knowledge", "--model", "m"), "takes no training file"),
        (("--method", "sampling", "--set", "heat=1", "--model", "m"), "heat is no parameter"),
        (("--method", "sampling", "--set", "top_p", "--model", "m"), "not NAME=VALUE"),
        (("--method", "sampling", "--model", "m"), "nothing is no parameter"),
        (("--method", "prompt"), "needs --reflector MODEL"),
        (("--method", "prompt", "--reflector", "m", "--count", "2"), "--count means nothing"),
        (("--method", "examples", "--reflector", "m"), "--reflector means nothing"),
    ],
)
def test_an_option_that_does_nothing_is_refused_with_its_name(
    words: tuple[str, ...], why: str
) -> None:
    refused = kaeshi("training", "start", *words)
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert why in refused.stderr


def test_results_of_any_program_are_judged_beside_each_other(tmp_path: Path) -> None:
    for name, score in (("a", 0.2), ("b", 0.9)):
        lines = [json.dumps({"case": i, "score": score}) for i in range(60)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
    files = ("--production", f"{tmp_path}/a.jsonl", "--candidate", f"{tmp_path}/b.jsonl")
    assert told("judge", *files)["outcome"] == "better"
    said = kaeshi("judge", *files).stdout
    assert said.startswith("better: candidate 0.900, production 0.200, difference +0.700")
