"""``privacy``: the report, a withdrawal, the run, receipts, on the command line."""

import json
from pathlib import Path

from tests.conftest import SAMPLE, Command, on_sqlite


def told(command: Command, *words: str, code: int = 0) -> dict[str, object]:
    done = command("indexer.privacy", *words, "--json")
    assert done.returncode == code, done.stdout + done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_withdrawn_erased_and_the_receipt_checked_with_and_without_the_store(command: Command, tmp_path: Path) -> None:
    now = "--withdrawal-days", "0"
    command("indexer", "add", SAMPLE / "students.csv")
    withdrawn = told(command, "withdraw", "A0178")
    assert told(command, "plan")["withdrawn"] == 0
    assert told(command, "plan", *now)["withdrawn"] == 1
    assert told(command, "report", "--names", *now)["overdue"] == 1
    assert told(command, "run", *now)["withdrawn"] == 1 and told(command, "run", *now)["withdrawn"] == 0
    receipt = tmp_path / "receipt.json"
    receipt.write_text(json.dumps(told(command, "receipt", str(withdrawn["receipt_code"]))))
    assert told(command, "check-receipt", str(receipt), "--matricula", "A0178")["is_valid"] is True
    key = str(told(command, "receipt-key")["key"])
    offline = command("indexer.privacy", "check-receipt", receipt, "--key", key, "--store", "sqlite:////nowhere/x.db")
    assert offline.returncode == 0 and "VALID: a student was withdrawn" in offline.stdout
    assert told(command, "check-receipt", str(receipt), "--matricula", "A0184", code=1)["names"] is False
    receipt.write_text(receipt.read_text().replace('"asked": true', '"asked": false'))
    spoilt = command("indexer.privacy", "check-receipt", receipt)
    assert spoilt.returncode == 1 and "NOT VALID" in spoilt.stdout
    assert "it was changed" in spoilt.stdout
    empty = command("indexer.privacy", "check-receipt", receipt, "--matricula", "")
    assert empty.returncode == 2 and "invalid_parameter" in empty.stderr
    receipt.write_text("[1]")
    assert command("indexer.privacy", "check-receipt", receipt).returncode == 2
    assert told(command, "report")["erasures"] == {"withdrawn": 1}


@on_sqlite
def test_remove_writes_receipts(command: Command, tmp_path: Path) -> None:
    command("indexer", "add", SAMPLE / "students.csv")
    done = command("indexer", "remove", "A0178", "A0184", "NOBODY", "--asked", "--receipts", tmp_path / "receipts")
    assert done.returncode == 1 and "not found: NOBODY" in done.stdout
    written = sorted((tmp_path / "receipts").iterdir())
    assert len(written) == 2 and not any("A0178" in path.name + path.read_text() for path in written)
    for path in written:
        assert told(command, "check-receipt", str(path))["is_valid"] is True
    names = [command("indexer.privacy", "check-receipt", path, "--matricula", "A0178").returncode for path in written]
    assert sorted(names) == [0, 1]
    refused = command("indexer", "remove", "A0189", "--photo", "00", "--receipts", tmp_path)
    assert refused.returncode == 2 and "unsuitable_option" in refused.stderr
