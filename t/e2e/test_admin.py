"""What an admin does: checks of the configuration, cpush-admin, the log, traces."""
import itertools
import re
import subprocess
import unittest

import bench as benches
from bench import wait_for
from case import Case, both
from wbxml import children, find, text

FOLDER_SYNC = "FolderHierarchy:FolderSync"


class Tool(Case):
    """Runs the programs of the bench's build."""

    def cpush(self, *arguments, config=None, **more):
        return self.run_program("cpush", "-c", str(config or self.bench.config), *arguments, **more)

    def admin(self, *arguments):
        return self.run_program("cpush-admin", "-c", str(self.bench.config), *arguments)

    def run_program(self, name, *arguments, password=None):
        return subprocess.run([str(self.bench.build / "bin" / name), *arguments], text=True, timeout=60,
                              input="" if password is None else password + "\n", capture_output=True)

    def variant(self, old, new):
        """The bench's configuration with something replaced: the file, and the number of the line."""
        was = self.bench.config.read_text()
        self.assertIn(old, was)
        path = self.bench.dir / "variant.conf"
        path.write_text(was.replace(old, new, 1))
        return path, was[:was.index(old)].count("\n") + 1

    def lines(self, pattern):
        return [line for line in self.bench.log_text().splitlines() if re.search(pattern, line)]


class Check(Tool):
    backends = ("imap", "caldav", "carddav")

    def test_good(self):
        done = self.cpush("-t")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn(f"the store ({self.store}) answers", done.stdout)
        self.assertRegex(done.stdout, r"\d+ waiting phones")

    def test_faults_have_file_and_line(self):
        for old, new in (("domain = example.org", "domian = example.org"), ("log = debug", "log = loud"),
                         ("[imap]", "[imap]\nport = 143\n[imap]"), ("[imap]", "[no such section]\nx = 1\n[imap]"),
                         ("[imap]", "just words\n[imap]"), ("[state]", "[eas]\nheartbeat_max = 7\n[state]"),
                         ("[state]", "[policy]\nAllowCamera = 2\n[state]"), ("[state]", "[trace alice]\n[state]"),
                         ("[state]", "[trace alice]\ndir = /nonexistent\n[state]"), (f"log_to = {self.bench.log}", "log_to = /nonexistent/log")):
            with self.subTest(new):
                path, line = self.variant(old, new)
                done = self.cpush("-t", config=path)
                self.assertEqual(done.returncode, 1, done.stdout)
                found = re.search(re.escape(str(path)) + r":(\d+): ", done.stderr)
                self.assertTrue(found, done.stderr)
                self.assertIn(int(found[1]), (line, line + 1))
                self.assertIn("test failed", done.stderr)

    def test_password_that_everyone_can_read(self):
        path, _ = self.variant("[state]\n", "[state]\npassword = sesame\n" if self.store == "sqlite" else "[state]\n")
        for mode, warned in ((0o644, True), (0o640, False)):
            path.chmod(mode)
            done = self.cpush("-t", config=path)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual("can be read by everyone" in done.stderr, warned, done.stderr)

    def test_makes_no_store(self):
        if self.store != "sqlite":
            self.skipTest("the unit tests show it of MariaDB")
        path, _ = self.variant(f"path = {self.bench.dir}/state.db", f"path = {self.bench.dir}/empty/state.db")
        (self.bench.dir / "empty").mkdir()
        done = self.cpush("-t", config=path)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("empty/state.db is not there yet", done.stdout)
        self.assertEqual(list((self.bench.dir / "empty").iterdir()), [])
        (self.bench.dir / "empty").rmdir()
        self.assertEqual(self.cpush("-t", config=path).returncode, 1)

    def test_mailer_that_would_have_no_rights(self):
        smtp = re.search(r"\nsmtp = \S+", self.bench.config.read_text())[0]
        program = self.bench.dir / "mailer"
        program.write_text("#!/bin/sh\n")
        for mode, warned in ((0o755, False), (0o2755, True), (0o4755, True)):
            with self.subTest(oct(mode)):
                program.chmod(mode)
                path, _ = self.variant(smtp, f"\nsendmail = {program}")
                done = self.cpush("-t", "-u", self.user, config=path, password="secret")
                self.assertEqual(done.returncode, 1 if warned else 0, done.stdout)
                self.assertEqual("setuid or setgid" in done.stderr, warned)

    def test_missing_file_and_bad_usage(self):
        done = self.cpush("-t", config="/nonexistent/cpush.conf")
        self.assertEqual(done.returncode, 1)
        self.assertIn("/nonexistent/cpush.conf", done.stderr)
        self.assertEqual(self.cpush("-u", "alice").returncode, 2)
        self.assertEqual(self.cpush("-x").returncode, 2)

    def test_does_not_start_without_a_socket(self):
        done = self.cpush()
        self.assertEqual(done.returncode, 2)
        self.assertIn("descriptor 0", done.stderr)

    def test_login(self):
        done = self.cpush("-t", "-u", self.user, password="secret")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertNotIn("FAIL", done.stdout)
        for what in (r"mail +.* = inbox", r"calendar +\S", r"tasks +\S", r"contacts +\S", r"All is well\."):
            self.assertRegex(done.stdout, what)
        for name in self.backends:
            self.assertEqual(done.stdout.count(f"{name}: logged in"), 1, done.stdout)

    def test_wrong_password(self):
        done = self.cpush("-t", "-u", self.user, password="not-that-one")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, rf"FAIL +login of {self.user}: ")
        self.assertNotIn("not-that-one", done.stdout + done.stderr)

    def test_backend_that_is_down(self):
        url = re.search(r"\[caldav\]\nurl = (\S+)", self.bench.config.read_text())[1]
        path, _ = self.variant(f"[caldav]\nurl = {url}", f"[caldav]\nurl = http://127.0.0.1:{benches.free_port()}/")
        done = self.cpush("-t", "-u", self.user, config=path, password="secret")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"FAIL  not reached: .*caldav")
        self.assertRegex(done.stdout, r"mail +.* = inbox")


CheckMariaDB = both(Check)


class CheckLocal(Tool):
    backends = ("local",)

    def test_login(self):
        done = self.cpush("-t", "-u", "alice", password="secret")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("All is well.", done.stdout)
        for user, password in (("alice", "wrong"), ("nobody", "secret"), ("../alice", "secret"), ("alice", "")):
            with self.subTest(user=user, password=password):
                done = self.cpush("-t", "-u", user, password=password)
                self.assertEqual(done.returncode, 1)
                self.assertRegex(done.stdout, r"FAIL +login of ")


class Devices(Tool):
    backends = ("local",)

    def ready(self, version="14.1"):
        p = self.phone(version)
        inbox = p.folder(type=2)
        p.sync(inbox)
        return p, inbox

    def say(self, *arguments):
        done = self.admin(*arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def sync_status(self, p, folder):
        answer = p.post("Sync", p.sync_tree(p.collection(folder)))
        self.assertEqual(answer.status, 200)
        if not answer.body:
            return "1"
        return (text(answer.tree, "AirSync:Collections", "AirSync:Collection", "AirSync:Status")
                or text(answer.tree, "AirSync:Status"))

    def test_usage(self):
        for arguments in ((), ("device",), ("device", "dance"), ("device", "show"), ("device", "list", "a", "b"), ("folder", "list")):
            self.assertEqual(self.admin(*arguments).returncode, 2, arguments)

    def test_list_and_show(self):
        p, _ = self.ready("16.1")
        rows = [line for line in self.say("device", "list").splitlines() if p.device in line]
        self.assertEqual(len(rows), 1)
        self.assertRegex(rows[0], rf"^{self.user} +{p.device} +iPhone +16\.1 +\d{{4}}-\d\d-\d\d \d\d:\d\d$")
        self.assertEqual(self.say("device", "list", self.user).splitlines(), rows)
        shown = self.say("device", "show", self.user, p.device)
        for part in (self.user, p.device, "iPhone", "Test/1.0", "16.1"):
            self.assertIn(part, shown)

    def test_unknown_device(self):
        p, _ = self.ready()
        for verb in ("show", "remove", "resync", "wipe"):
            for user, device in ((self.user, "NOSUCHDEVICE"), ("nosuchuser", p.device)):
                done = self.admin("device", verb, user, device)
                self.assertEqual(done.returncode, 1, (verb, done.stdout))
                self.assertIn("no such device", done.stderr)

    def test_folder_list(self):
        p, inbox = self.ready()
        rows = self.say("folder", "list", self.user).splitlines()
        self.assertEqual(len(rows), len(p.folders))
        self.assertTrue(any(re.match(rf"{inbox.id} +type 2 ", row) for row in rows), rows)

    def refused(self, *arguments):
        done = self.admin(*arguments)
        self.assertEqual((done.returncode, done.stdout), (1, ""), arguments)
        return done.stderr

    def test_folder_list_of_nobody(self):
        for _ in range(2):      # the question makes no user
            self.assertIn("no such user", self.refused("folder", "list", "nosuchuser"))

    def test_control_characters_do_not_reach_the_terminal(self):
        self.ready()
        for part in ("cur", "new", "tmp"):
            (self.bench.parts["local"].path / self.user / "mail" / ".red&ABs-[31m" / part).mkdir(parents=True)
        self.phone().folder_sync()
        listed = self.say("folder", "list", self.user)
        self.assertIn("red\\x1b[31m", listed)
        checked = self.cpush("-t", "-u", self.user, password="secret").stdout
        self.assertIn("red\\x1b[31m", checked)
        self.assertNotIn("\x1b", listed + checked)

    def test_resync(self):
        p, inbox = self.ready()
        calendar = p.folder(type=8)
        p.sync(calendar)
        self.assertEqual([self.sync_status(p, f) for f in (inbox, calendar)], ["1", "1"])
        for wrong in ("Inbox", "0", "", f"{inbox.id}x", "999999999"):
            self.assertIn(f"no folder {wrong}", self.refused("device", "resync", self.user, p.device, wrong))
        self.assertEqual([self.sync_status(p, f) for f in (inbox, calendar)], ["1", "1"])
        self.say("device", "resync", self.user, p.device, inbox.id)
        self.assertEqual([self.sync_status(p, f) for f in (inbox, calendar)], ["3", "1"])
        inbox.key, inbox.items = "0", {}
        p.sync(inbox)
        self.say("device", "resync", self.user, p.device)
        self.assertEqual([self.sync_status(p, f) for f in (inbox, calendar)], ["3", "3"])

    def test_remove(self):
        p, inbox = self.ready()
        self.say("device", "remove", self.user, p.device)
        self.assertNotIn(p.device, self.say("device", "list"))
        # It comes back as a device that nobody knows, with keys that nobody knows.
        self.assertIn(self.sync_status(p, inbox), ("3", "12"))
        self.assertIn(p.device, self.say("device", "list"))

    def wipe_phase(self, p, *more):
        page = "Provision"
        return p.post("Provision", ("Provision:Provision", list(more) or [("Provision:Policies", [("Provision:Policy", [
            (f"{page}:PolicyType", "MS-EAS-Provisioning-WBXML")])])])).tree

    def refusal(self, p):
        answer = p.post("FolderSync", (FOLDER_SYNC, [("FolderHierarchy:SyncKey", p.hierarchy_key)]))
        return str(answer.status) if answer.status != 200 else text(answer.tree, "FolderHierarchy:Status")

    def test_wipe(self):
        for version in ("14.1", "16.1"):
            with self.subTest(version):
                p, _ = self.ready(version)
                other, _ = self.ready(version)
                self.say("device", "wipe", self.user, p.device)
                self.assertEqual((self.refusal(p), self.refusal(other)), ("140", "1"))
                self.assertIn("wipe pending", self.say("device", "list", self.user))
                p.policy_key = 0
                tree = self.wipe_phase(p)
                self.assertIsNotNone(find(tree, "Provision:RemoteWipe"))
                self.wipe_phase(p, ("Provision:RemoteWipe", [("Provision:Status", "1")]))
                self.assertRegex(self.say("device", "list", self.user), rf"{p.device} .* wiped\n")
                self.assertNotEqual(self.refusal(p), "1")
                self.assertTrue(wait_for(lambda: self.lines(f"the device was wiped: cpush-admin device remove .*{p.device}")))
                self.assertEqual(self.refusal(other), "1")

    def test_wipe_taken_back(self):
        p, _ = self.ready()
        self.say("device", "wipe", self.user, p.device)
        self.assertEqual(self.refusal(p), "140")
        self.say("device", "unwipe", self.user, p.device)
        self.assertEqual(self.refusal(p), "1")


DevicesMariaDB = both(Devices)


class Log(Tool):
    backends = ("local",)

    def test_a_line_per_request(self):
        p = self.phone("16.1")
        pattern = rf" info .*device={p.device}( |$)"
        wait_for(lambda: self.lines(pattern))
        line = self.lines(pattern)[0]
        for field in (rf"user={self.user}", r"cmd=FolderSync|command=FolderSync", r"version=16\.1", r"http=200", r"status=\d+",
                      r"in=[1-9]\d*", r"out=[1-9]\d*", r"ms=\d+", r"client=127\.0\.0\.1"):
            self.assertRegex(line, rf"( |^)({field})( |$)")

    def test_no_password(self):
        p = self.phone(folders=False)
        p.password = "Correct-Horse-Battery"
        self.assertEqual(p.post("FolderSync", (FOLDER_SYNC, [("FolderHierarchy:SyncKey", "0")])).status, 401)
        wait_for(lambda: self.lines(rf"authentication failed.*user={self.user}"))
        said = self.bench.log_text()
        login = p.headers()["Authorization"].split()[1]
        for secret in (p.password, login, "secret", login[:20]):
            self.assertNotIn(secret, said)

    def test_fail2ban_sees_a_refused_login(self):
        p = self.phone(folders=False)
        p.password = "wrong"
        for _ in range(2):      # the second is answered from memory, and counts as well
            self.assertEqual(p.post("FolderSync", (FOLDER_SYNC, [("FolderHierarchy:SyncKey", "0")])).status, 401)
        text_of = (benches.SOURCE / "etc/fail2ban-filter.conf").read_text()
        block = re.search(r"^failregex = (.*\n(?:\s+\S.*\n)*)", text_of, re.M)[1]
        patterns = [line.strip().replace("<HOST>", r"(?P<host>\S+)") for line in block.splitlines()]
        wait_for(lambda: len(self.lines(rf"authentication failed.*user={self.user}")) >= 2)
        for line in self.lines(rf"authentication failed.*user={self.user}"):
            hosts = [found["host"] for found in (re.search(p, line) for p in patterns) if found]
            self.assertIn("127.0.0.1", hosts, line)
            # fail2ban takes out the time, and syslog has another one and who speaks in front of the level; what the journal has from
            # standard error, keeps its time.
            said = line.split(" ", 1)[1]
            for form in (f" {said}", f" host cpush[123]: {said}", f"host cpush[123]: {said}", f"host cpush[123]: {line}"):
                self.assertTrue(any(re.search(p, form) for p in patterns), form)
            # What a phone says of itself is no failure of the address that it names.
            for other in (f"notice x: authentication failed: {said}", f"{line.split(' ', 1)[0]} notice x: {said}"):
                self.assertFalse(any(re.search(p, f" host cpush[123]: {other}") for p in patterns), other)


class Stats(Tool):
    """A bench of its own: nobody else makes requests."""
    backends = ("imap", "caldav", "carddav")

    def setUp(self):
        self.bench = benches.Bench("sqlite", self.backends).start()
        self.addCleanup(self.bench.stop)
        self.addCleanup(self.check_log)
        self.phones = itertools.count(1)
        self.user = "alice"
        for part in self.bench.parts.values():
            part.add_user(self.user)

    def test_counters(self):
        done = self.admin("stats")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, rf"^process {self.bench.cpush.pid}, since \d{{4}}-\d\d-\d\d \d\d:\d\d *\n")
        self.assertEqual(self.bench.stats()["requests"], 0)
        p = self.phone()
        p.sync(p.folder(type=2))
        p.sync(p.folder(type=8))
        waiting = p.start_ping([p.folder(type=2)], 60)
        self.addCleanup(waiting.close)
        stats = wait_for(lambda: (s := self.bench.stats())["watches.now"] and s)
        self.assertEqual((stats["parked.now"], stats["parked"], stats["watched.now"]), (1, 1, 1))
        for name in ("phone.in", "phone.out", "imap.in", "imap.out", "dav.in", "dav.out", "store.statements", "store.rows", "imap.call.login",
                     "imap.call.changes", "imap.command.SELECT", "caldav.request.PROPFIND", "caldav.call.changes", "sessions.now", "jobs"):
            self.assertGreater(stats.get(name, 0), 0, name)
        self.assertNotIn("others", stats)
        # Each is explained, and what is explained is there.
        table = (benches.SOURCE / "doc/statistics.md").read_text().split("Others come")[0]
        fixed = set(re.findall(r"^\| `([a-z.-]+)` \|", table, re.M))
        self.assertEqual(fixed, {name for name in stats if not re.search(r"\.(call|command|request)\.", name)})

    def test_nobody_there(self):
        self.bench.stop_cpush()
        done = self.admin("stats")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn(str(self.bench.dir / "stats"), done.stderr)


class Trace(Tool):
    """A bench of its own: the trace is a part of the configuration."""
    backends = ("local",)

    def setUp(self):
        super().setUp()
        self.user = "tracy"
        self.bench = benches.Bench("sqlite", ("local",))
        self.traces = self.bench.dir / "traces"
        self.traces.mkdir()
        self.bench.extra = (f"[trace TRACEPRIVATE]\ndir = {self.traces}\n"
                            f"[trace TRACEALL]\ndir = {self.traces}\nprivate = no\n")
        self.bench.start()
        self.addCleanup(self.bench.stop)
        self.bench.parts["local"].add_user(self.user)

    def trace_of(self, device):
        p = self.phone("14.1", folders=False)
        p.device = device
        self.assertEqual(p.folder_sync(), "1")
        home = self.bench.parts["local"].path / self.user
        (home / "mail/new" / f"1.{device}.host").write_bytes(
            b"From: Eve <eve@elsewhere.example>\r\nTo: tracy@example.org\r\nSubject: Sesame\r\n"
            b"Date: Mon, 05 Jan 2026 10:00:00 +0000\r\n\r\nAbracadabra\r\n")
        inbox = p.folder(type=2)
        p.sync(inbox)
        self.assertIn("Sesame", [text(d, "Email:Subject") for d in inbox.items.values()])
        path = self.traces / f"{device}.xml"
        return path.read_text() if path.exists() else None

    def test_traces(self):
        said = self.trace_of("TRACEPRIVATE")
        self.assertRegex(said, r"<!-- \S+ request FolderSync 14\.1")
        self.assertRegex(said, r"<!-- \S+ answer Sync 14\.1")
        self.assertIn("Subject", said)
        for secret in ("Sesame", "Abracadabra", "eve@elsewhere.example", "Eve", "secret"):
            self.assertNotIn(secret, said)
        self.assertEqual((self.traces / "TRACEPRIVATE.xml").stat().st_mode & 0o077, 0)
        said = self.trace_of("TRACEALL")
        for wanted in ("Sesame", "Abracadabra", "eve@elsewhere.example"):
            self.assertIn(wanted, said)
        self.assertIsNone(self.trace_of("TRACENOBODY"))


if __name__ == "__main__":
    unittest.main()
