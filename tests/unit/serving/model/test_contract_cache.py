"""The accepted contracts are on the local disk, for a start without the database."""

from __future__ import annotations

import msgspec

from serving.model.contract_cache import ContractCache
from tests.unit.serving import made

FORMER = msgspec.structs.replace(made.FRAUD, features=made.FRAUD.features[1:], derived=())


def test_what_was_stored_last_is_read_in_its_order(tmp_path):
    cache = ContractCache(tmp_path / "contracts")
    assert cache.get("fraud") == []
    cache.put([FORMER])
    cache.put([made.FRAUD, FORMER])
    assert ContractCache(tmp_path / "contracts").get("fraud") == [made.FRAUD, FORMER]


def test_a_damaged_file_holds_no_contract(tmp_path):
    (tmp_path / "fraud.json").write_text("[{")
    assert ContractCache(tmp_path).get("fraud") == []


def test_a_disk_that_can_not_be_written_is_logged_and_stops_nothing(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    ContractCache(tmp_path / "file").put([made.FRAUD])
    assert "can't be stored" in caplog.text
