#!/usr/bin/env python3
"""What cpush costs, beside bare yardsticks on the same machine in the same run.

    t/bench/run.py [--store sqlite|mariadb] [--mailbox maildir|sdbox] [--build DIR] [--repeat N] [--scale F] PHASE... | all

Everything is private and below one temporary directory. Times are of this machine and this moment: look at the ratios. Phases:
"""
import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import phases       # noqa: E402


class Table:
    """Prints rows as they come: what, median, spread, ratio to its yardstick, and whatever else was counted."""

    def head(self, title):
        print(f"\n== {title}", flush=True)

    def row(self, what, values, unit="s", yardstick=None, **more):
        mid = statistics.median(values)
        text = f"{what:<46} {mid:>10.4g} {unit:<5}"
        if len(values) > 1:
            text += f" {min(values):.4g}..{max(values):.4g}"
        if yardstick:
            text += f"  x{mid / statistics.median(yardstick):.2f}"
        print(text + "".join(f"  {k}={v}" for k, v in more.items()), flush=True)

    def note(self, text):
        print(f"  {text}", flush=True)


def describe():
    cpu = next(line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
    memory = int(open("/proc/meminfo").readline().split()[1]) // 1024
    load = " ".join(f"{x:.1f}" for x in os.getloadavg())
    print(f"{os.cpu_count()} cores of {cpu}, {memory} MB, {os.uname().sysname} {os.uname().release}; load before: {load}")


def main():
    everything = phases.PHASES
    names = "".join(f"\n    {name:<12} {fn.__doc__.splitlines()[0]}" for name, fn in everything.items())
    p = argparse.ArgumentParser(description=__doc__ + names, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("phase", nargs="+", choices=[*everything, "all"], metavar="PHASE")
    p.add_argument("--store", default="sqlite", choices=("sqlite", "mariadb"))
    p.add_argument("--mailbox", default="maildir", choices=("maildir", "sdbox"), help="how Dovecot keeps mail")
    p.add_argument("--build", default=str(HERE.parents[1] / "build/release"))
    p.add_argument("--repeat", type=int, default=3)
    p.add_argument("--scale", type=float, default=1, help="of mailboxes and phones, to try a phase quickly")
    options = p.parse_args()
    if options.build.endswith("build/release"):
        source = HERE.parents[1]
        subprocess.run(["cmake", "--preset", "release"], cwd=source, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["cmake", "--build", "--preset", "release"], cwd=source, check=True, stdout=subprocess.DEVNULL)
    describe()
    print(f"store: {options.store}, mailboxes: {options.mailbox}")
    failed = 0
    for name in everything if "all" in options.phase else options.phase:
        try:
            phases.run(name, options, Table())
        except Exception:
            failed += 1
            traceback.print_exc(file=sys.stdout)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
