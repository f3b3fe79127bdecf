"""Simulated traffic to a real scoring server: what was answered, labelled and refused."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn

from pipelines.errors import DataError
from serving.app import build
from serving.service import Service
from stack.demo.simulator import Transactions
from stack.demo.traffic import Plan, TrafficStream, draw, rows
from stack.temporary_services import free_port
from tests.integration.server import Database, one
from tests.unit.serving import made

DAYS = 2


@pytest.fixture(scope="module")
def transactions() -> Transactions:
    return draw(300, days=DAYS, drift=frozenset(), seed=3, shuffle=True)


@pytest.fixture
def url(service: Service) -> Iterator[str]:
    """The address of a real server in front of the service."""
    config = uvicorn.Config(build(service), port=0, log_level="critical", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    (socket,) = server.servers[0].sockets
    yield f"http://127.0.0.1:{socket.getsockname()[1]}"
    server.should_exit = True
    thread.join()


def stream(url: str, transactions: Transactions, key: str = "secret", **plan: object):
    return TrafficStream(
        url=url,
        api_key=key,
        contract=made.FRAUD,
        transactions=transactions,
        plan=Plan(**plan),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("batch", [1, 64], ids=["row by row", "in batches, the last one smaller"])
def test_every_row_is_sent_once_and_journaled_under_its_id(
    service: Service,
    url: str,
    transactions: Transactions,
    batch: int,
) -> None:
    sent = stream(url, transactions, batch=batch, coverage=0, tag=f"-{batch}").run()
    assert (sent.answered, sent.failures, sent.labelled) == (300, [], 0)
    assert sent.versions == {1: 300}
    predictions = made.journaled(service.journal)
    names = [f"{name}-{batch}" for name in transactions.transaction_id]
    assert sorted(prediction.transaction_id for prediction in predictions) == sorted(names)
    flagged = [str(each.prediction_id) for each in predictions if each.predicted_label]
    assert sorted(sent.flagged) == sorted(flagged)


def test_a_share_of_the_rows_is_labelled_as_the_simulator_knows_them(
    url: str, transactions: Transactions, database: Database
) -> None:
    sent = stream(url, transactions, batch=50, coverage=0.6, tag="-l").run()
    assert 140 <= sent.labelled <= 220
    stored = dict(
        database.execute(
            "SELECT transaction_id, label FROM current_labels WHERE transaction_id LIKE '%-l'"
        ).fetchall()
    )
    assert len(stored) == sent.labelled
    names = transactions.transaction_id.tolist()
    truth = dict(zip(names, transactions.label.tolist(), strict=True))
    assert all(truth[name.removesuffix("-l")] == label for name, label in stored.items())


def test_labels_that_are_not_due_yet_are_posted_when_the_traffic_is_stopped(
    url: str, transactions: Transactions, database: Database
) -> None:
    traffic = stream(url, transactions, coverage=1, label_delay=3600, rate=50, tag="-s")

    def stop_after_20(sent) -> None:
        if sent.answered >= 20:
            traffic.stop()

    sent = traffic.run(stop_after_20)
    assert 20 <= sent.answered < 100
    assert sent.labelled == sent.answered
    count = "SELECT count(*) FROM current_labels WHERE transaction_id LIKE '%%-s'"
    assert one(database, count) == sent.labelled


def test_the_rate_is_kept(url: str, transactions: Transactions) -> None:
    began = time.monotonic()
    sent = stream(url, transactions.take(range(50)), rate=100, coverage=0, tag="-r").run()
    assert sent.answered == 50
    assert time.monotonic() - began >= 0.49


@pytest.mark.parametrize(
    ("key", "failure"),
    [pytest.param("wrong", "403 ", id="a wrong key")],
)
def test_a_refused_request_is_a_failure_with_its_answer(
    url: str, transactions: Transactions, key: str, failure: str
) -> None:
    sent = stream(url, transactions, key, batch=100).run()
    assert (sent.answered, len(sent.failures)) == (0, 3)
    assert all(line.startswith(failure) for line in sent.failures)


def test_a_server_that_is_away_is_a_failure_of_every_request(transactions: Transactions) -> None:
    sent = stream(f"http://127.0.0.1:{free_port()}", transactions, batch=100).run()
    assert (sent.answered, len(sent.failures)) == (0, 3)
    assert all("ConnectError" in line for line in sent.failures)


def test_rows_have_the_types_of_the_contract_and_unique_ids(transactions: Transactions) -> None:
    requests = rows(transactions, made.FRAUD, tag="-x")
    assert len({row[made.FRAUD.transaction_id] for row in requests}) == 300
    kinds = {"int": int, "bool": bool, "float": float, "category": str}
    for feature in made.FRAUD.features:
        assert type(requests[0][feature.name]) in (kinds[feature.type], int), feature.name
    assert all(row[made.FRAUD.event_time].endswith("Z") for row in requests)


def test_a_draw_in_order_is_ordered_by_time_and_the_same_again() -> None:
    first, second = (
        draw(100, days=DAYS, drift=frozenset(), seed=3, shuffle=False) for _ in range(2)
    )
    assert (first.event_time[1:] >= first.event_time[:-1]).all()
    assert (first.transaction_id == second.transaction_id).all()


def test_more_transactions_than_the_days_have_are_refused() -> None:
    with pytest.raises(DataError, match=r"1 days have .* fewer than 10,000,000: increase --days"):
        draw(10_000_000, days=1, drift=frozenset(), seed=None, shuffle=True)
