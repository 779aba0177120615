from pathlib import Path

from fastapi.testclient import TestClient


def test_the_reference_backend_serves_and_runs_the_scheduler(tmp_path: Path) -> None:
    from kaeshi.jobs.scheduler import is_running
    from main import create

    with TestClient(create(), base_url="http://127.0.0.1", client=("127.0.0.1", 1)) as client:
        assert "hello" in client.get("/").json()
        assert client.get("/kaeshi/health").json()["status"] == "ok"
        assert is_running()
    assert not is_running()
    assert (tmp_path / "logs").is_dir()
