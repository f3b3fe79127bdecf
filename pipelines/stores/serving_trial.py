"""The scoring server as a process of its own, which tries a model: the lifecycle never imports what serves."""

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from pipelines.errors import ModelRejected
from pipelines.rules.promotion.serving_trial import REFUSED, ServingTrial
from pipelines.rules.use_case.contract import Contract

TIMEOUT = 120  # seconds


def run_trial(
    contract: Contract, files: Mapping[str, bytes], requests: list[dict[str, object]]
) -> ServingTrial:
    """Let the server's own code load and prove the files and answer the requests; ModelRejected says why it would not.

    A process that is killed or too slow raises something else, as it may do better when tried again.
    """
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        (Path(folder) / "requests.jsonl").write_bytes(msgspec.json.Encoder().encode_lines(requests))
        (Path(folder) / "contract.json").write_bytes(msgspec.json.encode(contract))
        command = [sys.executable, "-m", "serving.trial", folder]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
    said = (done.stderr.strip() or "nothing").splitlines()[-1]
    if done.returncode == REFUSED:
        raise ModelRejected(f"the server does not take the model: {said}")
    if done.returncode:
        raise RuntimeError(
            f"the trial ended with {done.returncode} and said: {done.stderr[-2000:]}"
        )
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=ServingTrial)
