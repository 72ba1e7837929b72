#!/usr/bin/env python3
"""Injects faults under load and checks that the store keeps every acknowledged change.

    run.py kill sqlite|postgres|redis     kills the server with SIGKILL and starts it again
    run.py restart postgres|redis         stops the database as hard as a crash, and starts it again
    run.py cut postgres|redis             cuts all connections between server and database
    run.py full sqlite                    fills the disk for a while
    run.py short                          a short run of every fault

Options: --times N repeats the fault; --registrations N waits for at least N acknowledged registrations; --most N limits
the number of clients, the oldest of which is evicted; --uses N registers with an initial access token of N uses.
Build the server first: cargo build --example server --features sqlite,postgres,redis
"""

import argparse
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time
import typing

from audit import settle
from faults import FAULTS
from load import Load
from services import STORES, Server, eventually


class Run(typing.NamedTuple):
    fault: str
    store: str
    times: int
    registrations: int
    most: int | None = None
    uses: int | None = None

    def options(self):
        """The options of the server that limit registrations."""
        # All callers here are one network, but the key of the network hashes is drawn anew at each start of a server. So a
        # server that was killed could not evict the young clients of the one before it.
        most = ["--max-clients", str(self.most), "--eviction-grace", "0"] if self.most else []
        uses = ["--access", "tokens", "--initial-access-token-uses", str(self.uses)] if self.uses else []
        return most + uses


def more(load, number):
    """Waits for so many more acknowledged registrations: the service is there, or there again."""
    goal = load.counts["registered"] + number
    eventually(f"another {number} registrations", lambda: load.counts["registered"] >= goal, 120)


def strike(run, fault, server):
    """The load and what it did while things broke, all callers being at their end and the server started anew."""
    server.start()
    load = Load(server, run.most)
    load.start()
    for _ in range(run.times):
        more(load, max(20, -(-run.registrations // run.times)))
        fault.strike(server, load)
    more(load, 20)
    load.stop()
    server.kill()
    server.start()
    return load


def perform(run):
    began = time.monotonic()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tower-dcr-faults-"))
    database = STORES[run.store](folder)
    fault = FAULTS[run.fault](database, folder)
    server = Server(fault.store, folder, run.options())
    try:
        load = strike(run, fault, server)
        counts = load.counts.copy()
        outcome, found = settle(load, run.uses)
    except BaseException as failure:
        print(f"{run.fault} {run.store} failed: {failure!r}; see {folder}", flush=True)
        Server.kill_all()
        fault.end()
        database.end()
        os._exit(1)  # The callers still wait for answers.
    server.kill()
    fault.end()
    database.end()
    lost, back, locked_out = (outcome[what] for what in ("lost", "back", "locked out"))
    print(
        f"{run.fault} {run.store}{fault.how}: {run.times} times, {counts['registered']} registrations,"
        f" {counts['updated']} updates and {counts['deleted']} deletions acknowledged, {counts['unavailable']} refused"
        f" with 503, {counts['unanswered']} unanswered; lost {lost}, back {back}, locked out {locked_out}{found}"
        f" ({time.monotonic() - began:.0f} s)",
        flush=True,
    )
    for complaint in load.complaints[:10]:
        print(f"  {complaint}")
    good = not (lost or back or locked_out or load.complaints) and counts["registered"] >= run.registrations
    if good:
        shutil.rmtree(folder)
    return good


SHORT = [
    Run("kill", "sqlite", 3, 150),
    Run("kill", "sqlite", 3, 150, most=40, uses=500),
    Run("full", "sqlite", 2, 100),
    Run("full", "sqlite", 2, 100, uses=3000),
    Run("kill", "postgres", 3, 150),
    Run("kill", "postgres", 3, 150, most=40),
    Run("restart", "postgres", 2, 100, uses=500),
    Run("cut", "postgres", 5, 150),
    Run("cut", "postgres", 5, 150, most=40, uses=500),
    Run("kill", "redis", 3, 150),
    Run("kill", "redis", 3, 150, most=40),
    Run("restart", "redis", 2, 100, uses=500),
    Run("cut", "redis", 5, 150),
    Run("cut", "redis", 5, 150, most=40, uses=500),
]


def terminated(*_):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # Another one would disturb the end.
    sys.exit("terminated")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", choices=[*FAULTS, "short"])
    parser.add_argument("store", choices=STORES, nargs="?", default="sqlite")
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--registrations", type=int, default=0)
    parser.add_argument("--most", type=int)
    parser.add_argument("--uses", type=int)
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, terminated)
    one = Run(given.run, given.store, given.times, given.registrations, given.most, given.uses)
    sys.exit(not all([perform(run) for run in (SHORT if given.run == "short" else [one])]))


main()
