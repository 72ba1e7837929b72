"""Clients that register, rotate their tokens and delete themselves, and keep a ledger of what was acknowledged."""

import collections
import dataclasses
import http.client
import json
import random
import threading
import time
import urllib.parse

DOCUMENT = {"redirect_uris": ["https://app.example.com/cb"], "client_name": "Fault run"}
ALIVE, DELETED, UNKNOWN, DISPLACED = "alive", "deleted", "unknown", "displaced"
CALLERS = 8


@dataclasses.dataclass
class Client:
    """A registration that was acknowledged; it took place between two times."""

    name: str
    token: str
    asked: float
    answered: float
    state: str = ALIVE
    updates: int = 0


class Load:
    """So many callers at once. A caller that gets no answer, or 503, does not know what happened and goes on."""

    def __init__(self, server, most=None):
        self.server, self.most = server, most
        self.lock = threading.Lock()
        self.clients = []
        self.counts = collections.Counter()
        self.complaints = []
        self.stopped, self.serving = threading.Event(), threading.Event()
        self.serving.set()
        self.threads = [threading.Thread(target=self._caller, args=(seed,)) for seed in range(CALLERS)]

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.stopped.set()
        self.serving.set()
        for thread in self.threads:
            thread.join()

    def count(self, what):
        with self.lock:
            self.counts[what] += 1

    def refused(self):
        return self.counts["unavailable"] + self.counts["unanswered"]

    def complain(self, text):
        with self.lock:
            self.complaints.append(text)

    def _caller(self, seed):
        # With a limit of clients the oldest are evicted, so the youngest are likely to be in the store.
        own = collections.deque(maxlen=self.most and max(1, self.most // CALLERS))
        chance, line = random.Random(seed), Line(self)
        while not self.stopped.is_set():
            self.serving.wait()
            act = chance.random()
            if not own or act < 0.7:
                client = self.register(line)
                own.extend([client] if client else [])
                continue
            place = chance.randrange(len(own))
            if act < 0.9:
                self._update(line, own[place])
            else:
                self._delete(line, own[place])
            if own[place].state != ALIVE:
                del own[place]
        line.close()

    def register(self, line):
        """The new client, if it was acknowledged."""
        asked = time.monotonic()
        status, reply = line.ask("POST", "", self.server.initial_access_token, DOCUMENT)
        self.count({201: "registered", 401: "not admitted"}.get(status, "in doubt"))
        if status != 201:
            return None
        client = Client(reply["client_id"], reply["registration_access_token"], asked, time.monotonic())
        with self.lock:
            self.clients.append(client)
        return client

    def _update(self, line, client):
        status, reply = line.ask("PUT", f"/{client.name}", client.token, DOCUMENT)
        client.updates += 1
        if status == 200:
            client.token = reply["registration_access_token"]
            self.count("updated")
        elif status == 401:
            self._missing(client, "was locked out by an update")

    def _delete(self, line, client):
        status, _ = line.ask("DELETE", f"/{client.name}", client.token, None)
        client.state = DELETED if status == 204 else UNKNOWN
        self.count(client.state)
        if status == 401:
            self._missing(client, "was missing before it was deleted")

    def _missing(self, client, otherwise):
        if self.most:
            client.state = DISPLACED
        else:
            self.complain(f"{client.name} {otherwise}")


class Line:
    """A connection that is opened again after it broke."""

    def __init__(self, load):
        self.load, self.connection, self.endpoint = load, None, None

    def ask(self, method, path, token, document):
        """Status and document of the answer; 0 if none came."""
        endpoint = self.load.server.endpoint
        address = urllib.parse.urlsplit(endpoint)
        if self.connection is None or self.endpoint != endpoint:
            self.close()
            self.connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
            self.endpoint = endpoint
        headers = {"content-type": "application/json"}
        if token:
            headers["authorization"] = f"Bearer {token}"
        try:
            body = json.dumps(document) if document else None
            self.connection.request(method, address.path + path, body, headers)
            reply = self.connection.getresponse()
            text = reply.read()
        except (OSError, http.client.HTTPException):
            self.close()
            self.load.count("unanswered")
            return 0, None
        if reply.status == 503:
            self.load.count("unavailable")
            if not reply.headers["retry-after"]:
                self.load.complain("503 without Retry-After")
        elif reply.status not in (200, 201, 204, 401):
            self.load.complain(f"{method} was answered with {reply.status}: {text[:200]}")
        return reply.status, json.loads(text) if text else None

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None
