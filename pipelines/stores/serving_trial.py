"""Load a model in the scoring server's code and score requests, in a process of its own.

The process keeps `serving` out of the imports of `pipelines`.
"""

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from pipelines.errors import ModelRejected
from pipelines.exit_codes import TRIAL_REJECTED
from pipelines.rules.promotion.serving_trial import ServingTrial
from pipelines.rules.use_case.contract import Contract

TIMEOUT = 120  # seconds


def run_trial(
    contract: Contract,
    files: Mapping[str, bytes],
    requests: list[dict[str, object]],
    *,
    own: Contract,
) -> ServingTrial:
    """Let the server's code verify the files and answer the requests; return what it measured.

    `contract` decodes the requests; `own` is the one that the model was trained under.

    Raises ModelRejected, with the server's reason, when it rejects the model. Raises another error
    when the process is killed or exceeds 120 s: a retry may succeed.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, content in files.items():
            (folder / file).write_bytes(content)
        lines = msgspec.json.Encoder().encode_lines(requests)
        (folder / "requests.jsonl").write_bytes(lines)
        (folder / "contract.json").write_bytes(msgspec.json.encode(contract))
        (folder / "model_contract.json").write_bytes(msgspec.json.encode(own))
        command = [sys.executable, "-m", "serving.trial", name]
        completed = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
    if completed.returncode == TRIAL_REJECTED:
        message = (completed.stderr.strip() or "nothing").splitlines()[-1]
        raise ModelRejected(f"the server does not take the model: {message}")
    if completed.returncode:
        raise RuntimeError(
            f"the trial ended with exit code {completed.returncode} and this output: "
            f"{completed.stderr[-2000:]}"
        )
    last_line = completed.stdout.splitlines()[-1]
    return msgspec.json.decode(last_line, type=ServingTrial)
