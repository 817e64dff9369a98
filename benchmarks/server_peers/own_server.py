"""A MariaDB server of our own, which may be killed: in a temporary folder, with a port and a socket of its own."""

from __future__ import annotations

import getpass
import shutil
import socket
import subprocess
import time
from pathlib import Path

import peewee

from server_peers import hosts

PATIENCE_S = 60.0
OPTIONS = (
    "--innodb-flush-log-at-trx-commit=1",
    "--innodb-buffer-pool-size=64M",
    "--innodb-log-file-size=64M",
    "--bind-address=127.0.0.1",
    "--skip-log-bin",
    "--skip-name-resolve",
)


class OwnServer:
    """Args:
    folder: an empty one, with a short path: a socket's may have 107 bytes.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = int(free.getsockname()[1])
        self.url = f"mysql://root@127.0.0.1:{self._port}/mysql"
        self._run("mariadb-install-db", "--auth-root-authentication-method=normal", "--skip-test-db")

    def _arguments(self, program: str) -> list[str]:
        path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin:/usr/libexec")
        if path is None:
            raise FileNotFoundError(f"{program} is not installed: apt install mariadb-server")
        # As root, too: the server does that only where it is told the user by name.
        return [path, "--no-defaults", f"--datadir={self._folder / 'data'}", f"--user={getpass.getuser()}"]

    def _run(self, program: str, *options: str) -> None:
        done = subprocess.run([*self._arguments(program), *options], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stdout[-500:]}{done.stderr[-500:]}")

    def start(self) -> None:
        """Start, and wait until it answers; after a kill this is what recovers."""
        place = (f"--port={self._port}", f"--socket={self._folder / 's'}", f"--pid-file={self._folder / 'pid'}")
        with open(self._folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                [*self._arguments("mariadbd"), *OPTIONS, *place], stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                hosts.connected(self.url).close()
            except peewee.PeeweeException:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"mariadbd did not start:\n{self._log()}") from None
                time.sleep(0.05)
            else:
                return

    def kill(self) -> None:
        """SIGKILL: nothing is flushed, nobody is told."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _log(self) -> str:
        return (self._folder / "log").read_text(errors="replace")[-2000:]
