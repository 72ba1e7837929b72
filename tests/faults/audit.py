"""The checks after a fault: no client is lost, no deleted client is back, and limits and token uses are exact."""

import collections
import threading

from load import ALIVE, CALLERS, DELETED, UNKNOWN, Line

# Two clients whose registrations are not so many seconds apart may have come in the order of neither.
APART = 0.005


def at_once(load, work):
    """Calls this from as many threads, each with a connection of its own, until it has nothing to do any more."""

    def until_done():
        line = Line(load)
        while work(line):
            pass
        line.close()

    threads = [threading.Thread(target=until_done) for _ in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def present(load):
    """Asks for every client; the names of those that are there."""
    todo, there = list(load.clients), set()

    def look(line):
        with load.lock:
            if not todo:
                return False
            client = todo.pop()
        status, _ = line.ask("GET", f"/{client.name}", client.token, None)
        if status == 200:
            with load.lock:
                there.add(client.name)
        return True

    at_once(load, look)
    return there


def verdicts(load, there):
    """How many clients are lost, locked out or back.

    With a limit of clients the oldest client is evicted first. So a client that is missing was not evicted if an older
    one is in the store. An older client that was updated proves nothing: eviction skips a client that an update locks.
    """
    proof = (client.answered for client in load.clients if client.name in there and not client.updates)
    oldest = min(proof, default=float("inf")) if load.most else 0
    outcome = collections.Counter()
    for client in load.clients:
        if client.name in there:
            outcome["back"] += client.state not in (ALIVE, UNKNOWN)
        elif client.state not in (DELETED, UNKNOWN) and client.asked > oldest + APART:
            outcome["locked out" if client.updates else "lost"] += 1
    return outcome


def fill(load, uses):
    """Registers until the initial access token is spent or, without one, as many clients as there may be."""
    begun = load.counts["registered"]

    def register(line):
        enough = not uses and load.counts["registered"] - begun >= load.most
        return not enough and load.register(line) is not None

    at_once(load, register)
    return load.counts["registered"] - begun


def settle(load, uses):
    """How many are lost, locked out or back, and what was found about the limit and the uses of the token."""
    outcome, found = verdicts(load, present(load)), ""
    if not (load.most or uses):
        return outcome, found
    doubts, filled = load.counts["in doubt"], fill(load, uses)
    there = present(load)
    outcome += verdicts(load, there)
    if load.counts["in doubt"] > doubts:
        load.complain("a registration was refused when all was quiet")
    if load.most:
        found += f", {len(there)} of at most {load.most} there after {filled} more"
        if len(there) != load.most or filled < load.most:
            load.complain("the limit does not hold")
    if uses:
        unknown = uses - load.counts["registered"]
        found += f", {load.counts['registered']} of {uses} uses acknowledged and {unknown} of {doubts} in doubt"
        if not 0 <= unknown <= doubts:
            load.complain("the uses do not add up")
    return outcome, found
