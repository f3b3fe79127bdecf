"""The operator that runs a command of Sixgate that is not a step of one use case."""

import sys
from typing import Any

from airflow.providers.standard.hooks.subprocess import SubprocessHook
from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from pipelines.exit_codes import OK, REFUSED
from sixgate_airflow.step import environment


class CommandOperator(BaseOperator):  # type: ignore[misc]  # Airflow is not typed
    """Run `sixgate ARGUMENTS` in a separate process; exit code 2 fails without a retry."""

    ui_color = "#e8f1fb"

    def __init__(self, *, arguments: list[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.arguments = arguments
        self._hook = SubprocessHook()

    def execute(self, context: Context) -> str:
        """Return the last line of the command's output."""
        command = [sys.executable, "-m", "pipelines", *self.arguments]
        process = self._hook.run_command(command, env=environment())
        if process.exit_code == REFUSED:
            raise AirflowFailException(process.output)
        if process.exit_code != OK:
            shown = " ".join(self.arguments)
            raise AirflowException(
                f"sixgate {shown} failed with exit code {process.exit_code}: {process.output}"
            )
        return str(process.output)

    def on_kill(self) -> None:
        """End the process and its children."""
        self._hook.send_sigterm()
