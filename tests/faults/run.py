#!/usr/bin/env python3
"""Breaks things under load and looks whether the store kept its word.

    run.py kill sqlite|postgres|redis     kills the server with SIGKILL and starts it again
    run.py restart postgres|redis         stops the database as hard as a crash, and starts it again
    run.py cut postgres|redis             cuts all connections between server and database
    run.py full sqlite                    lets the disk be full for a while
    run.py short                          a little of everything

Options: --times N, --registrations N (at least so many acknowledged ones). Build the server first:
cargo build --example server --features sqlite,postgres,redis
"""

import argparse
import os
import pathlib
import shutil
import sys
import tempfile
import time

from load import Load
from services import STORES, Proxy, Server, eventually


def more(load, number):
    """Waits for so many more acknowledged registrations: the service is there, or there again."""
    goal = load.registered() + number
    eventually(f"another {number} registrations", lambda: load.registered() >= goal, 120)


def kill(database, folder, times, registrations):
    server = Server(database.store, folder)
    server.start()
    load = Load(server.endpoint)
    load.start()
    for _ in range(times):
        more(load, -(-registrations // times))
        load.serving.clear()
        server.kill()
        server.start()
        load.endpoint = server.endpoint
        load.serving.set()
    return server, load


def restart(database, folder, times, registrations):
    server = Server(database.store, folder)
    server.start()
    load = Load(server.endpoint)
    load.start()
    for _ in range(times):
        more(load, -(-registrations // times))
        database.stop()
        seen = load.counts["unavailable"] + load.counts["unanswered"]
        eventually("a refusal", lambda: load.counts["unavailable"] + load.counts["unanswered"] > seen)
        database.start()
    more(load, 20)
    return server, load


def cut(database, folder, times, registrations):
    proxy = Proxy(database.port)
    server = Server(database.store.replace(f":{database.port}", f":{proxy.port}"), folder)
    server.start()
    load = Load(server.endpoint)
    load.start()
    for _ in range(times):
        more(load, -(-registrations // times))
        proxy.cut()
    more(load, 20)
    return server, load


def full(database, folder, times, registrations):
    """No file may grow until the load has met that a hundred times; then there is room again."""
    server = Server(database.store, folder)
    server.start()
    load = Load(server.endpoint)
    load.start()
    for _ in range(times):
        more(load, max(20, -(-registrations // times)))
        seen = load.counts["unavailable"]
        server.limit_files(max(file.stat().st_size for file in folder.iterdir()))
        eventually("a full disk", lambda: load.counts["unavailable"] >= seen + 100, 300)
        server.limit_files(None)
    more(load, 20)
    return server, load


RUNS = {"kill": kill, "restart": restart, "cut": cut, "full": full}


def run(name, store, times, registrations):
    began = time.monotonic()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tower-dcr-faults-"))
    database = STORES[store](folder)
    try:
        server, load = RUNS[name](database, folder, times, registrations)
        load.stop()
        server.kill()
        server.start()
        load.endpoint = server.endpoint
        outcome = load.audit()
    except BaseException as failure:
        print(f"{name} {store} failed: {failure}; see {folder}", flush=True)
        Server.kill_all()
        database.end()
        os._exit(1)  # The callers still wait for answers.
    server.kill()
    database.end()
    lost, back, locked_out = (outcome[what] for what in ("lost", "back", "locked out"))
    counts = load.counts
    print(
        f"{name} {store}: {times} times, {counts['registered']} registrations, {counts['updated']} updates and"
        f" {counts['deleted']} deletions acknowledged, {counts['unavailable']} refused with 503,"
        f" {counts['unanswered']} unanswered; lost {lost}, back {back}, locked out {locked_out}"
        f" ({time.monotonic() - began:.0f} s)",
        flush=True,
    )
    for complaint in load.complaints[:10]:
        print(f"  {complaint}")
    good = not (lost or back or locked_out or load.complaints) and counts["registered"] >= registrations
    if good:
        shutil.rmtree(folder)
    return good


SHORT = [
    ("kill", "sqlite", 3, 150),
    ("kill", "postgres", 3, 150),
    ("restart", "postgres", 2, 100),
    ("cut", "postgres", 5, 150),
    ("full", "sqlite", 2, 100),
    ("kill", "redis", 3, 150),
    ("restart", "redis", 2, 100),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", choices=[*RUNS, "short"])
    parser.add_argument("store", choices=STORES, nargs="?", default="sqlite")
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--registrations", type=int, default=0)
    given = parser.parse_args()
    runs = SHORT if given.run == "short" else [(given.run, given.store, given.times, given.registrations)]
    sys.exit(not all([run(*one) for one in runs]))


main()
