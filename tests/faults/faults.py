"""What breaks. Each of these is between a server and its database, or is what happens to one of them."""

import errno
import subprocess

from services import Proxy, eventually


class Fault:
    """The server keeps its clients at `store`; `strike` breaks something once."""

    how = ""

    def __init__(self, database, folder):
        self.database, self.folder, self.store = database, folder, database.store

    def end(self):
        """Leaves nothing behind."""


class Kill(Fault):
    """The server is killed with SIGKILL, and starts again."""

    def strike(self, server, load):
        load.serving.clear()
        server.kill()
        server.start()
        load.serving.set()


class Restart(Fault):
    """The database is stopped as hard as a crash, and starts again."""

    def strike(self, server, load):
        self.database.stop()
        seen = load.refused()
        eventually("a refusal", lambda: load.refused() > seen)
        self.database.start()


class Cut(Fault):
    """All connections between server and database are cut."""

    def __init__(self, database, folder):
        super().__init__(database, folder)
        self.proxy = Proxy(database.port)
        self.store = self.store.replace(f":{database.port}", f":{self.proxy.port}")

    def strike(self, server, load):
        self.proxy.cut()


class Full(Fault):
    """There is no room until the load has met that a hundred times; then there is room again."""

    size = "32m"

    def __init__(self, database, folder):
        super().__init__(database, folder)
        self.disk = folder / "disk"
        self.disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={self.size}", "tower-dcr-faults", self.disk]
        self.mounted = subprocess.run(mount, stderr=subprocess.DEVNULL, check=False).returncode == 0
        self.how = f" on a disk of its own of {self.size} (ENOSPC)" if self.mounted else " by a bound on files (EFBIG)"
        self.store = f"sqlite:{self.disk}/clients.db"

    def strike(self, server, load):
        seen = load.counts["unavailable"]
        filler = self.disk / "filler"
        if self.mounted:
            self._fill(filler)
        else:
            server.limit_files(max(file.stat().st_size for file in self.disk.iterdir()))
        eventually("a full disk", lambda: load.counts["unavailable"] >= seen + 100, 60)
        if self.mounted:
            filler.unlink()
        else:
            server.limit_files(None)

    @staticmethod
    def _fill(filler):
        with filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def end(self):
        if self.mounted:
            subprocess.run(["umount", "--lazy", self.disk], check=True)
            self.mounted = False


FAULTS = {"kill": Kill, "restart": Restart, "cut": Cut, "full": Full}
