"""Clients that register, rotate their tokens and delete themselves, and keep a ledger of what was acknowledged."""

import collections
import http.client
import json
import random
import threading
import urllib.parse

DOCUMENT = {"redirect_uris": ["https://app.example.com/cb"], "client_name": "Fault run"}
ALIVE, DELETED, UNKNOWN = "alive", "deleted", "unknown"


class Load:
    """So many callers at once. A caller that gets no answer, or 503, does not know what happened and goes on."""

    def __init__(self, endpoint, callers=8):
        self.endpoint = endpoint
        self.lock = threading.Lock()
        self.clients = {}
        self.counts = collections.Counter()
        self.complaints = []
        self.stopped, self.serving = threading.Event(), threading.Event()
        self.serving.set()
        self.threads = [threading.Thread(target=self._caller, args=(seed,)) for seed in range(callers)]

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.stopped.set()
        self.serving.set()
        for thread in self.threads:
            thread.join()

    def registered(self):
        with self.lock:
            return self.counts["registered"]

    def complain(self, text):
        with self.lock:
            self.complaints.append(text)

    def _caller(self, seed):
        chance, own, line = random.Random(seed), [], Line(self)
        while not self.stopped.is_set():
            self.serving.wait()
            act = chance.random()
            if not own or act < 0.7:
                self._register(line, own)
            elif act < 0.9:
                self._update(line, chance.choice(own))
            else:
                self._delete(line, own.pop(chance.randrange(len(own))))
        line.close()

    def _register(self, line, own):
        status, reply = line.ask("POST", "", None, DOCUMENT)
        if status == 201:
            with self.lock:
                self.counts["registered"] += 1
                client = self.clients[reply["client_id"]] = [ALIVE, reply["registration_access_token"], 0]
            own.append((reply["client_id"], client))

    def _update(self, line, one):
        name, client = one
        status, reply = line.ask("PUT", f"/{name}", client[1], DOCUMENT)
        client[2] += 1
        if status == 200:
            client[1] = reply["registration_access_token"]
            self.counts["updated"] += 1
        elif status == 401:
            self.complain(f"{name} was locked out by an update")

    def _delete(self, line, one):
        name, client = one
        status, _ = line.ask("DELETE", f"/{name}", client[1], None)
        client[0] = DELETED if status == 204 else UNKNOWN
        self.counts[client[0]] += 1
        if status == 401:
            self.complain(f"{name} was gone before it was deleted")

    def audit(self):
        """Asks for every client once more, now that all is quiet."""
        outcome, todo = collections.Counter(), list(self.clients.items())

        def look():
            line = Line(self)
            while True:
                with self.lock:
                    if not todo:
                        break
                    name, (state, token, updates) = todo.pop()
                status, _ = line.ask("GET", f"/{name}", token, None)
                verdict = None
                if state == ALIVE and status != 200:
                    verdict = "locked out" if updates else "lost"
                elif state == DELETED and status != 401:
                    verdict = "back"
                if verdict:
                    with self.lock:
                        outcome[verdict] += 1
            line.close()

        lookers = [threading.Thread(target=look) for _ in range(8)]
        for looker in lookers:
            looker.start()
        for looker in lookers:
            looker.join()
        return outcome


class Line:
    """A connection that is made anew when it broke."""

    def __init__(self, load):
        self.load, self.connection, self.endpoint = load, None, None

    def ask(self, method, path, token, document):
        """Status and document of the answer; 0 if none came."""
        endpoint = self.load.endpoint
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
            self.load.counts["unanswered"] += 1
            return 0, None
        if reply.status == 503:
            self.load.counts["unavailable"] += 1
            if not reply.headers["retry-after"]:
                self.load.complain("503 without Retry-After")
        elif reply.status not in (200, 201, 204, 401):
            self.load.complain(f"{method} was answered with {reply.status}: {text[:200]}")
        return reply.status, json.loads(text) if text else None

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None
