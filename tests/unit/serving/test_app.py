"""The application: its pages, the origins that may call it, and its threads."""

from __future__ import annotations

import asyncio
import threading

import httpx
import pytest

from pipelines.settings import Settings
from pipelines.stores.registry_client import RegistryClient
from serving.app import build, create_app, registry
from serving.model.registry import FolderRegistry
from stack.temporary_services import free_port
from tests.unit.serving import made
from tests.unit.serving.made import PREDICT

SHOP = "https://shop.example"
DESK = "https://desk.example"
THREADS = {"use cases", "reloader", "heartbeat", "syncer", "shipper", "access log"}
PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "x-api-key",
}


def test_the_docs_page_loads_nothing_from_other_hosts(client):
    page = client.get("/docs", key=None).text
    assert "https://" not in page
    assert "http://" not in page
    script = page.split('<script src="')[1].split('"')[0]
    answer = client.get(script, key=None)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("origin", "status", "allowed"),
    [(SHOP, 200, SHOP), ("https://evil.example", 400, None)],
)
def test_a_browser_may_call_from_listed_origins_only(make_service, origin, status, allowed):
    service = make_service(cors_origins=f"{SHOP}, {DESK}")
    client = made.Client(service)
    headers = {"Origin": origin, **PREFLIGHT}
    answer = client.request("OPTIONS", PREDICT, key=None, headers=headers)
    assert answer.status_code == status
    assert answer.headers.get("access-control-allow-origin") == allowed


def test_a_listed_origin_may_read_a_refusal(make_service):
    service = make_service(cors_origins=f"{SHOP}, {DESK}")
    client = made.Client(service)
    answer = client.predict({}, headers={"Origin": DESK})
    assert answer.headers["access-control-allow-origin"] == DESK


def test_without_a_list_no_origin_is_allowed(client):
    answer = client.predict(made.row(), headers={"Origin": SHOP})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


def test_the_registry_is_the_folder_of_the_settings_or_else_mlflow(tmp_path):
    folder = registry(Settings(model_folder=tmp_path))
    assert isinstance(folder, FolderRegistry)
    assert isinstance(registry(Settings()), RegistryClient)


def test_a_server_without_database_and_registry_starts_is_alive_and_ends_in_time(tmp_path):
    settings = Settings(
        home=tmp_path / "home",
        model_folder=tmp_path / "models",
        database_url=f"postgresql://nobody:x@127.0.0.1:{free_port()}/nothing",
        api_key="secret",
        use_cases="fraud",
    )
    app = create_app(settings)
    messages: list[str] = []

    async def scenario():
        ending = asyncio.Event()
        started = asyncio.Event()

        async def receive():
            if not started.is_set():
                return {"type": "lifespan.startup"}
            await ending.wait()
            return {"type": "lifespan.shutdown"}

        async def send(message):
            messages.append(message["type"])
            started.set()

        lifespan = asyncio.create_task(app({"type": "lifespan"}, receive, send))
        await started.wait()
        running = {thread.name for thread in threading.enumerate()}
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
            alive = await client.get("/healthz")
            ready = await client.get("/readyz")
        ending.set()
        await lifespan
        return running, alive, ready

    running, alive, ready = asyncio.run(scenario())
    assert messages == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert running >= THREADS
    assert (alive.status_code, ready.status_code) == (200, 503)
    left = {thread.name for thread in threading.enumerate()}
    assert not THREADS & left
    assert not [path for path in (tmp_path / "home/journal").iterdir() if path.is_dir()]


def test_a_use_case_that_can_not_be_served_is_logged(tmp_path, caplog):
    folder = made.copy_fraud(tmp_path)
    (folder / "contract.yaml").write_text("title: [")
    service = made.service_of(tmp_path)
    build(service)
    assert "fraud is not served: " in caplog.text
    service.journal.close()
