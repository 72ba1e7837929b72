"""The processes that a fault run starts and ends: the server example, a database of its own, a proxy in between."""

import os
import pathlib
import resource
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def eventually(what, condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"{what} took more than {seconds} s")
        time.sleep(0.02)


class Server:
    """The server example over one store. It may be killed and started again; its address changes then."""

    running = set()

    def __init__(self, store, folder, options):
        self.store, self.folder, self.options = store, folder, options
        self.process, self.endpoint, self.initial_access_token = None, None, None

    def start(self):
        def ignoring():
            # A file that may not grow is a full disk; this signal would end the process.
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

        target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
        command = [target / "debug/examples/server", "--listen", "127.0.0.1:0", "--secrets", "hashed"]
        command += ["--rotate-registration-tokens", "--store", self.store, *self.options]
        log = open(self.folder / "server.log", "a")
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, preexec_fn=ignoring, restore_signals=False
        )
        Server.running.add(self.process)
        for line in self.process.stdout:
            what, value = line.strip().split(": ", 1)
            if what == "initial access token":
                # A server that starts again issues another token; the first one remains valid.
                self.initial_access_token = self.initial_access_token or value
            if what == "registration endpoint":
                self.endpoint = value
                return
        raise SystemExit(f"the server did not start; see {self.folder}/server.log")

    def limit_files(self, size):
        """No file may grow beyond this size, as if the disk were full; None lifts the limit."""
        limit = resource.RLIM_INFINITY if size is None else size
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        Server.running.discard(self.process)

    @classmethod
    def kill_all(cls):
        for process in cls.running:
            process.kill()
            process.wait()


class Sqlite:
    """A file in the folder of the run."""

    def __init__(self, folder):
        self.store = f"sqlite:{folder}/clients.db"

    def end(self):
        pass


class Postgres:
    """A cluster of its own from the installed programs, made as a user that may run one."""

    def __init__(self, folder):
        self.data, self.port = folder / "postgres", free_port()
        self.log = folder / "postgres.log"
        self.user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        self.bin = self._bin()
        folder.chmod(0o777)
        self._run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust")
        self.store = f"postgres://postgres@127.0.0.1:{self.port}/postgres"
        self.start()

    @staticmethod
    def _bin():
        versions = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
        found = shutil.which("initdb") or (versions and versions[-1] / "initdb")
        if not found:
            raise SystemExit("the programs of a PostgreSQL server are needed")
        return pathlib.Path(found).resolve().parent

    def _run(self, program, *arguments):
        command = [*self.user, self.bin / program, *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/tmp")

    def start(self):
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        self._run("pg_ctl", "-D", self.data, "-w", "-l", self.log, "-o", options, "start")

    def stop(self):
        """As hard as a crash: nothing is written out before the end."""
        self._run("pg_ctl", "-D", self.data, "-m", "immediate", "stop")

    def end(self):
        self.stop()


class Redis:
    """A server of its own that writes every change to its disk before it answers."""

    def __init__(self, folder):
        self.folder, self.port = folder, free_port()
        self.store = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self):
        command = ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder)]
        command += ["--save", "", "--appendonly", "yes", "--appendfsync", "always"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        eventually("the start of Redis", self._answers)

    def _answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False

    def stop(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        self.stop()


STORES = {"sqlite": Sqlite, "postgres": Postgres, "redis": Redis}


class Proxy:
    """Passes bytes on to a port, and cuts all connections on request."""

    def __init__(self, port):
        self.target = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.lock, self.sockets = threading.Lock(), set()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            near, _ = self.listener.accept()
            far = socket.create_connection(("127.0.0.1", self.target))
            with self.lock:
                self.sockets |= {near, far}
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    def _pass_on(self, source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        self._reset(source)
        self._reset(sink)

    def _reset(self, connection):
        with self.lock:
            if connection not in self.sockets:
                return
            self.sockets.discard(connection)
        try:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        connection.close()

    def cut(self):
        with self.lock:
            cut = list(self.sockets)
        for connection in cut:
            self._reset(connection)
