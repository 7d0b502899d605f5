"""The short form of t/torture: some sessions of each kind on both stores. The long form is in t/full.sh."""
import os
import pathlib
import subprocess
import sys
import unittest

RUN = pathlib.Path(__file__).resolve().parent.parent / "torture" / "run.py"


class Torture(unittest.TestCase):
    def torture(self, *arguments):
        done = subprocess.run([sys.executable, str(RUN), "--jobs", str(2 * os.cpu_count()), *arguments], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        print(done.stdout.splitlines()[-1])

    def test_lost_answers_and_repeats(self):
        self.torture("--runs", "10", "--hurt", "lost,repeat,twice")

    def test_kills(self):
        self.torture("--runs", "6", "--hurt", "lost,repeat,kill", "--points", "1")

    def test_two_responders(self):
        self.torture("--runs", "10", "--hurt", "lost,repeat,twice,kill", "--store", "mariadb", "--responders", "2")


if __name__ == "__main__":
    unittest.main()
