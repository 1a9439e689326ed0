"""A PostgreSQL server of our own, from the system's packages, gone when the tests are."""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

DEBIAN = Path("/usr/lib/postgresql")
PREFIX = "deepguard-postgres-"
READY = "database system is ready to accept connections"


def programs() -> Path | None:
    """The folder of the newest server's programs; None where there is none, or no way to end it for sure."""
    if not (shutil.which("setpriv") and shutil.which("psql")):
        return None
    debian = sorted(DEBIAN.glob("*/bin"), key=lambda folder: float(folder.parent.name), reverse=True)
    found = [*debian, *(Path(path).resolve().parent for path in [shutil.which("initdb")] if path)]
    return next((folder for folder in found if (folder / "postgres").exists() and (folder / "initdb").exists()), None)


class PostgresServer:
    """A server on a socket in a folder that only its user may enter.

    Attributes:
        folder: Holds the socket and the data.
        log: What the server has said so far.
    """

    def __init__(self, binaries: Path, *, durable: bool = True) -> None:
        """Make the folder and its data; ``start`` starts the server.

        Args:
            binaries: What ``programs`` found.
            durable: Whether a commit waits for the disk, as in production.
        """
        self._binaries = binaries
        self._durable = durable
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._ready = threading.Event()
        self.log: list[str] = []
        remove_what_killed_runs_left()
        self.folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        # The server refuses to run as root.
        self._user = _other_user() if os.geteuid() == 0 else None
        if self._user:
            os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)
        options = ("--no-sync", "--no-locale", "--encoding=UTF8", "--auth=trust", "--username=postgres")
        try:
            subprocess.run(
                self._command("initdb", f"--pgdata={self.folder / 'data'}", *options),
                cwd=self.folder,
                check=True,
                capture_output=True,
                text=True,
            )
        except subprocess.CalledProcessError as error:
            self.remove()
            raise RuntimeError(f"initdb failed:\n{error.stderr}") from None

    def _command(self, program: str, *arguments: str) -> list[str]:
        user = self._user
        becoming = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"] if user else []
        # The kernel tells it when we are gone, however that came about. QUIT: at once, and its children with it.
        return ["setpriv", *becoming, "--pdeathsig=QUIT", str(self._binaries / program), *arguments]

    def start(self) -> None:
        """Start it, on the data that are there; returns when it takes connections."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "fsync": "on" if self._durable else "off",
            "lc_messages": "C",
            "logging_collector": "off",
            "log_destination": "stderr",
            "shared_buffers": "32MB",
        }
        self._ready.clear()
        self._process = subprocess.Popen(
            self._command(
                "postgres", "-D", str(self.folder / "data"), *(f"--{name}={value}" for name, value in settings.items())
            ),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            # An interrupt at the keyboard is for us; we end it when its last test has let go.
            start_new_session=True,
        )
        assert self._process.stderr is not None
        self._reader = threading.Thread(target=self._read, args=(self._process.stderr,), name="postgres log")
        self._reader.start()
        self._ready.wait(60)
        if not any(READY in line for line in self.log[-3:]):
            self.stop()
            raise RuntimeError("the PostgreSQL server did not start:\n" + "\n".join(self.log))

    def _read(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                self.log.append(line.rstrip())
                if READY in line:
                    self._ready.set()
        self._ready.set()

    def stop(self) -> None:
        """End it at once, as a loss of power would; what was committed is there after the next ``start``."""
        if self._process is None or self._reader is None:
            return
        self._process.send_signal(signal.SIGQUIT)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        # Its children hold the other end until they have ended too.
        self._reader.join()
        self._process = self._reader = None

    def remove(self) -> None:
        """Remove the folder and all data."""
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """A fresh database, for as long as it is needed.

        Yields:
            Its URL, as ``store.url`` takes it.
        """
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        try:
            yield f"postgresql+asyncpg://postgres@/{name}?host={self.folder}"
        finally:
            if self._process is not None:
                self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def execute(self, statement: str) -> None:
        """Run one statement as the server's administrator.

        Raises:
            RuntimeError: It failed.
        """
        where = ("--host", str(self.folder), "--username=postgres", "--dbname=postgres")
        command = ["psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", *where, "--command", statement]
        done = subprocess.run(command, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise RuntimeError(f"{statement}: {done.stderr}")


@contextlib.contextmanager
def running_postgres(binaries: Path, *, durable: bool = True) -> Iterator[PostgresServer]:
    """A server for as long as it is needed.

    Args:
        binaries: What ``programs`` found.
        durable: Whether a commit waits for the disk, as in production.
    """
    server = PostgresServer(binaries, durable=durable)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        server.remove()


def _other_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def remove_what_killed_runs_left() -> None:
    """Remove the folders of servers that nobody could remove."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        owner = folder.name.removeprefix(PREFIX).partition("-")[0]
        if not Path("/proc", owner).exists():
            shutil.rmtree(folder, ignore_errors=True)


__all__ = ["PREFIX", "PostgresServer", "programs", "remove_what_killed_runs_left", "running_postgres"]
