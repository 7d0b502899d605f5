#!/usr/bin/env python3
"""Torture: random sessions of phones and other people while something hurts cpush, then phone and server are compared.

    run.py --runs 100 --store mariadb --responders 2 --hurt lost,repeat,twice
    run.py --store sqlite --hurt kill --points 20        until each named point has killed it 20 times
    run.py --store sqlite --hurt full --runs 50          with a disk that is full now and then (root may mount one)
    run.py --runs 1 --seed 4711 --hurt lost,repeat       one case again

Session n of a run has the seed SEED + n, which is printed where it fails, with what happened in it. What the servers do at the same moment
is chance still: a case that depends on it may take some tries. Environment: CPUSH_BUILD, CPUSH_SOURCE, CPUSH_KEEP (leaves the directory).
"""
import argparse
import concurrent.futures
import pathlib
import signal
import sys
import threading
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from yard import Yard           # noqa: E402
from ledger import Violation    # noqa: E402
from session import EXCUSES, Session    # noqa: E402

TRACE = 400     # lines shown of a session that failed


class Run:
    def __init__(self, yard, hurt, seed, turns):
        self.yard, self.hurt, self.seed, self.turns = yard, hurt, seed, turns
        self.failed, self.done, self.requests, self.again, self.lock = {}, 0, 0, 0, threading.Lock()
        self.stopped = False

    def one(self, n):
        session = Session(self.yard, self.seed + n, self.hurt, self.turns)
        wrong = None
        try:
            session.run()
        except Violation as error:
            wrong = str(error)
        except Exception:       # of the bench itself, or of a server: as bad
            wrong = traceback.format_exc()
        if wrong:
            session.trace += self.yard.said_of(session.user)
        with self.lock:
            self.done += 1
            self.requests += session.requests
            self.again += session.again
            if wrong:
                self.failed[session.seed] = (wrong, session.trace)

    def all(self, runs, jobs, enough, seconds):
        """Sessions until there were `runs` of them, and enough(); or until the time is over."""
        end = time.monotonic() + seconds
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            n, waiting = 0, set()
            while (n < runs or not enough()) and len(self.failed) < 10 and not self.stopped and not self.yard.failure:
                if time.monotonic() > end:
                    break
                waiting.add(pool.submit(self.one, n))
                n += 1
                if len(waiting) >= jobs:
                    _, waiting = concurrent.futures.wait(waiting, return_when=concurrent.futures.FIRST_COMPLETED)

    def stop(self, *_):
        self.stopped = True


def arguments(argv):
    args = argparse.ArgumentParser(description="Torture: see the head of this file.")
    args.add_argument("--runs", type=int, default=20)
    args.add_argument("--store", choices=("sqlite", "mariadb"), default="sqlite")
    args.add_argument("--responders", type=int, default=1)
    args.add_argument("--hurt", default="lost,repeat,twice", help="of " + ",".join(EXCUSES) + "; empty: nothing")
    args.add_argument("--points", type=int, default=0, help="with kill: each named point so many times, instead of at random")
    args.add_argument("--kills", type=int, default=0, help="go on until there were so many")
    args.add_argument("--seconds", type=float, default=float("inf"), help="no new session after that")
    args.add_argument("--seed", type=int, default=int(time.time()))
    args.add_argument("--turns", type=int, default=14, help="of a session")
    args.add_argument("--jobs", type=int, default=4, help="sessions at once")
    args.add_argument("--log", default="info", help="level of the server's log")
    return args.parse_args(argv)


def main(argv=None):
    args = arguments(argv)
    hurt = [h for h in args.hurt.split(",") if h]
    unknown = set(hurt) - set(EXCUSES)
    if unknown:
        raise SystemExit(f"no such way to hurt: {', '.join(sorted(unknown))}")
    yard = Yard(args.store, hurt, args.responders, args.points, args.seed, args.log).start()
    run, start = Run(yard, hurt, args.seed, args.turns), time.monotonic()
    signal.signal(signal.SIGTERM, run.stop)
    try:
        run.all(args.runs, args.jobs, lambda: yard.kills >= max(args.kills, yard.kills_wanted), args.seconds)
    finally:
        try:
            yard.stop()
        except AssertionError as error:
            run.failed["servers"] = (str(error), [])
    for seed, (wrong, trace) in run.failed.items():
        print(f"==== seed {seed}: {wrong}")
        print("".join(f"    {line}\n" for line in trace[-TRACE:]))
        print(f"again: run.py --runs 1 --seed {seed} --store {args.store} --responders {args.responders} --hurt {','.join(hurt)}")
    print(f"seed {args.seed}, {args.store}, {args.responders} responders, hurt: {', '.join(hurt) or 'nothing'}: {run.done} sessions, "
          f"{run.requests} requests, {run.again} told to try again, {yard.kills} kills, {yard.cuts + sum(p.cuts for p in yard.proxies)} cuts, "
          f"{yard.twice} mails twice as their submission was interrupted, {len(run.failed)} failed, {time.monotonic() - start:.0f} s",
          flush=True)
    return 1 if run.failed else 0


if __name__ == "__main__":
    sys.exit(main())
