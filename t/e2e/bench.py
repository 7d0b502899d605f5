"""Private instances of everything, for one test class: nginx, cpush under spawn-fcgi, a store, and the backends' servers.

All below one temporary directory, on free ports of 127.0.0.1, stopped by pid. Environment: CPUSH_BUILD (the build tree), CPUSH_SOURCE.
"""
import base64
import contextlib
import http.client
import imaplib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.parse

import proxy

SOURCE = pathlib.Path(os.environ.get("CPUSH_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("CPUSH_BUILD", SOURCE / "build" / "dev"))
USERS = ("alice", "bob", "carol")
SANITIZED = re.compile(r"(ERROR: AddressSanitizer|ERROR: LeakSanitizer|WARNING: ThreadSanitizer|runtime error:)")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(what, seconds=30, every=0.02):
    """Polls until what() is true; its value."""
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {getattr(what, '__name__', what)}")
        time.sleep(every)


def listens(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def script(name, *args):
    """Runs t/lib/NAME, which prints NAME=value lines for what it started."""
    out = subprocess.run(["sh", str(SOURCE / "t/lib" / name), *map(str, args)], check=True, text=True, stdout=subprocess.PIPE,
                         stdin=subprocess.DEVNULL).stdout
    return dict(re.findall(r"^(\w+)='?([^'\n]*)'?$", out, re.M))


class Store:
    """[state] of the configuration."""
    def __init__(self, kind, dir, place=None):
        self.kind, self.dir, self.place = kind, dir, place or dir

    def start(self):
        if self.kind == "mariadb":
            self.values = script("mariadb.sh", "start", self.dir / "mariadb")

    def config(self):
        if self.kind == "sqlite":
            return f"[state]\ndriver = sqlite\npath = {self.place}/state.db\n"
        v = self.values
        return (f"[state]\ndriver = mariadb\nsocket = {v['MARIADB_SOCKET']}\ndatabase = {v.get('MARIADB_DATABASE', 'cpush')}\n"
                f"user = {v.get('MARIADB_USER', 'cpush')}\npassword = {v.get('MARIADB_PASSWORD', 'secret')}\n")

    def stop(self):
        if self.kind == "mariadb":
            script("mariadb.sh", "stop", self.dir / "mariadb")

    def kill(self):
        os.kill(int((self.dir / "mariadb/started.pid").read_text()), signal.SIGKILL)

    def again(self):
        script("mariadb.sh", "again", self.dir / "mariadb")

    def client(self):
        """mariadb as root, with its standard input and output as pipes."""
        return subprocess.Popen(["mariadb", "--no-defaults", f"--socket={self.values['MARIADB_SOCKET']}", "--user=root", "--batch",
                                 "--skip-column-names", "--unbuffered", "--force", "cpush"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                text=True)

    def sql(self, text):
        """What it answers, lines of columns."""
        client = self.client()
        out, _ = client.communicate(text + "\n")
        return [line.split("\t") for line in out.splitlines()]


class Local:
    """The embedded backend: Maildir and vdir."""
    def __init__(self, dir):
        self.dir = dir

    def start(self):
        self.path = self.dir / "local"
        self.path.mkdir()
        hashed = subprocess.run(["openssl", "passwd", "-6", "secret"], check=True, text=True, stdout=subprocess.PIPE).stdout.strip()
        (self.dir / "passwd").write_text("".join(f"{u}:{hashed}\n" for u in USERS))

    def add_user(self, user):
        line = (self.dir / "passwd").read_text().splitlines()[0].split(":", 1)[1]
        with open(self.dir / "passwd", "a") as f:
            f.write(f"{user}:{line}\n")

    def config(self):
        return (f"[local]\npath = {self.path}/%u\npasswd_file = {self.dir}/passwd\ndeliver_local = yes\n")

    def stop(self):
        pass


class Imap:
    """A private Dovecot, and a sink for what is sent."""
    wire = None

    def __init__(self, dir):
        self.dir, self.passwords = dir, {}

    def put_behind(self):
        self.wire = proxy.Wire(int(self.values["IMAP_PORT"]))

    def start(self):
        self.values = script("dovecot.sh", "start", self.dir / "dovecot")
        with open(self.dir / "dovecot/users", "a") as f:
            f.write("".join(f"u{n}:{{PLAIN}}secret\n" for n in range(1, 500)))
        self.sink = self.dir / "sink"
        self.sink.mkdir()
        self.smtp = subprocess.Popen(["python3", str(SOURCE / "t/lib/smtpsink.py"), str(self.sink)], stdout=subprocess.PIPE, text=True,
                                     stdin=subprocess.DEVNULL)
        self.smtp_port = int(self.smtp.stdout.readline().split("=")[1])

    def config(self):
        port = self.wire.port if self.wire else self.values["IMAP_PORT"]
        return (f"[imap]\nurl = imap://127.0.0.1:{port}/\ntls = off\nsmtp = smtp://127.0.0.1:{self.smtp_port}/\n"
                "poll = 5\n")

    def stop(self):
        if self.wire:
            self.wire.close()
        self.smtp.terminate()
        self.smtp.wait(10)
        self.smtp.stdout.close()
        script("dovecot.sh", "stop", self.dir / "dovecot")

    def add_user(self, user):
        pass        # all are there: Dovecot sees a changed file only a second later

    def client(self, user="alice"):
        c = imaplib.IMAP4("127.0.0.1", int(self.values["IMAP_PORT"]))
        c.login(user, self.passwords.get(user, "secret"))
        return c

    def change_password(self, user, password):
        """From now on this one is right, and only this one; who is logged in stays so."""
        users = self.dir / "dovecot/users"
        users.write_text(re.sub(rf"^{user}:.*$", f"{user}:{{PLAIN}}{password}", users.read_text(), flags=re.M))
        self.passwords[user] = password

        def is_right():
            with contextlib.suppress(imaplib.IMAP4.error):
                return bool(self.client(user).logout())
        wait_for(is_right, every=0.2)

    def deliver(self, message, user="alice", folder="INBOX", flags=None):
        c = self.client(user)
        c.append(folder, flags, None, message if isinstance(message, bytes) else message.encode())
        c.logout()

    def sent(self):
        """What the sink holds: (envelope, bytes)."""
        return [(json.loads(p.with_suffix(".json").read_text()), p.read_bytes()) for p in sorted(self.sink.glob("*.eml"))]


class Dav:
    """A private Radicale; both CalDAV and CardDAV."""
    servers = {}
    web = None

    def __init__(self, dir, name):
        self.dir, self.name = dir, name

    def start(self):
        if self.dir not in self.servers:
            self.servers[self.dir] = script("radicale.sh", "start", self.dir / "radicale")
        self.values = self.servers[self.dir]
        self.url = self.values["RADICALE_URL"]

    def put_behind(self):
        self.web = proxy.Web(self.url)

    def config(self):
        return f"[{self.name}]\nurl = {self.web.url if self.web else self.url}\npoll = 5\n"

    def stop(self):
        if self.web:
            self.web.close()
        if self.servers.pop(self.dir, None):
            script("radicale.sh", "stop", self.dir / "radicale")

    COLLECTIONS = (("calendar", "VCALENDAR", "VEVENT"), ("tasks", "VCALENDAR", "VTODO"), ("contacts", "VADDRESSBOOK", None))

    def add_user(self, user):
        users = self.dir / "radicale/users"
        if f"\n{user}:" in "\n" + users.read_text():
            return
        with open(users, "a") as f:
            f.write(f"{user}:secret\n")
        for name, tag, component in self.COLLECTIONS:
            d = pathlib.Path(self.values["RADICALE_DATA"]) / "collections/collection-root" / user / name
            if not d.parent.parent.is_dir():
                d = pathlib.Path(self.values["RADICALE_DATA"]) / "collection-root" / user / name
            d.mkdir(parents=True)
            props = {"tag": tag, "D:displayname": name.capitalize()}
            if component:
                props["C:supported-calendar-component-set"] = component
            (d / ".Radicale.props").write_text(json.dumps(props))

    def request(self, method, path, body=None, user="alice", **headers):
        base = urllib.parse.urlsplit(self.url)
        c = http.client.HTTPConnection(base.hostname, base.port, timeout=20)
        login = base64.b64encode(f"{user}:secret".encode()).decode()
        c.request(method, path, body=body.encode() if isinstance(body, str) else body,
                  headers={"Authorization": f"Basic {login}", **{k.replace("_", "-"): v for k, v in headers.items()}})
        r = c.getresponse()
        out = r.status, r.headers, r.read()
        c.close()
        return out


class Bench:
    def __init__(self, store="sqlite", backends=("local",), extra="", build=BUILD, server="", behind=False,
                 state=None):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="cpush-"))
        self.dir.chmod(0o755)
        self.build, self.extra, self.server = pathlib.Path(build), extra, server
        self.store = Store(store, self.dir, state)
        self.names, self.parts, self.behind = backends, {}, behind      # behind: proxies that can fail (proxy.py)
        self.expected = []      # patterns of log lines at warn or error that a test means to cause

    def start(self):
        try:
            return self.start_all()
        except BaseException:
            self.stop_parts()
            raise

    def start_all(self):
        self.store.start()
        for name in self.names:
            self.parts[name] = PARTS[name](self.dir)
            self.parts[name].start()
            if self.behind:
                self.parts[name].put_behind()
        self.port, self.socket, self.log = free_port(), self.dir / "cpush.sock", self.dir / "cpush.log"
        (self.dir / "stats").mkdir()
        self.write_config()
        self.start_cpush()
        self.start_nginx()
        return self

    def write_config(self):
        conf = (f"[server]\nbackends = {' '.join(self.names)}\nmodule_dir = {self.build}/lib\nlog = debug\nlog_to = {self.log}\n"
                f"domain = example.org\nstats = {self.dir}/stats\n{self.server}\n" + self.store.config())
        conf += "".join(p.config() for p in self.parts.values()) + self.extra
        self.config = self.dir / "cpush.conf"
        self.config.write_text(conf)
        self.config.chmod(0o640)

    def stats(self):
        """The counters of the running cpush (doc/statistics.md)."""
        out = subprocess.run([str(self.build / "bin/cpush-admin"), "-c", str(self.config), "stats"], check=True, text=True,
                             stdout=subprocess.PIPE, stdin=subprocess.DEVNULL).stdout
        return {name: int(value) for name, value in re.findall(r"^(\S+) +(\d+)$", out, re.M)}

    def start_cpush(self):
        listener = socket.socket(socket.AF_UNIX)
        with contextlib.suppress(FileNotFoundError):
            self.socket.unlink()
        listener.bind(str(self.socket))
        self.socket.chmod(0o777)
        listener.listen(1024)
        self.listener = listener        # kept, as systemd does: a restart loses nothing that queues
        self.spawn_cpush()

    def spawn_cpush(self):
        before = self.log_size()
        self.stderr = open(self.dir / "cpush.stderr", "ab")
        env = dict(os.environ, ASAN_OPTIONS="detect_stack_use_after_return=1:detect_leaks=1", UBSAN_OPTIONS="print_stacktrace=1",
                   TSAN_OPTIONS="report_thread_leaks=0",      # a stop does not wait for a look that hangs
                   G_SLICE="always-malloc")
        self.cpush = subprocess.Popen([str(self.build / "bin/cpush"), "-c", str(self.config)], stdin=self.listener,
                                      stdout=self.stderr, stderr=self.stderr, env=env)
        wait_for(lambda: "waiting phones, store" in self.log_text(before) or self.cpush.poll() is not None)
        if self.cpush.poll() is not None:
            raise AssertionError("cpush did not start:\n" + (self.dir / "cpush.stderr").read_text())

    def stop_cpush(self, how=signal.SIGTERM):
        if self.cpush.poll() is None:
            self.cpush.send_signal(how)
        return self.cpush.wait(30)

    def sockets(self):
        """Of the responders that nginx asks."""
        return [self.socket]

    def start_nginx(self):
        d = self.dir / "nginx"
        d.mkdir()
        user = "user root;" if os.geteuid() == 0 else ""
        servers = " ".join(f"server unix:{s} max_fails=0;" for s in self.sockets())
        (d / "nginx.conf").write_text(f"""
daemon off; {user} worker_processes 1; pid {d}/pid; error_log {d}/error.log crit;
events {{ worker_connections 8192; }}
http {{
  access_log off; client_body_temp_path {d}/body; fastcgi_temp_path {d}/fcgi; proxy_temp_path {d}/p; uwsgi_temp_path {d}/u; scgi_temp_path {d}/s;
  upstream cpush {{ {servers} }}
  server {{
    listen 127.0.0.1:{self.port};
    client_max_body_size 64m;
    location ~* ^/Microsoft-Server-ActiveSync {{
      include /etc/nginx/fastcgi_params;
      fastcgi_param HTTP_AUTHORIZATION $http_authorization;
      fastcgi_param REMOTE_USER "";
      fastcgi_read_timeout 3780s; fastcgi_send_timeout 300s; send_timeout 300s;
      fastcgi_ignore_client_abort off;
      fastcgi_next_upstream off;
      fastcgi_pass cpush;
    }}
  }}
}}
""")
        self.nginx = subprocess.Popen(["nginx", "-c", str(d / "nginx.conf"), "-p", str(d), "-e", str(d / "error.log")],
                                      stdin=subprocess.DEVNULL)
        wait_for(lambda: listens(self.port))

    def log_size(self):
        return self.log.stat().st_size if self.log.exists() else 0

    def log_text(self, since=0):
        """What was logged, from this byte on."""
        return self.log.read_bytes()[since:].decode(errors="replace") if self.log.exists() else ""

    def stop(self):
        try:
            code = self.stop_cpush()
        finally:
            self.listener.close()
            self.nginx.terminate()
            self.nginx.wait(10)
            self.stop_parts()
        self.stderr.close()
        said = (self.dir / "cpush.stderr").read_text(errors="replace")
        if SANITIZED.search(said) or code not in (0, -signal.SIGKILL):
            raise AssertionError(f"cpush ended with {code}:\n{said[-6000:]}\n{self.log_text()[-3000:]}")
        if not os.environ.get("CPUSH_KEEP"):
            shutil.rmtree(self.dir, ignore_errors=True)

    def stop_parts(self):
        for part in self.parts.values():
            part.stop()
        self.store.stop()

    def unexpected(self):
        """Lines of the log at error that no test announced."""
        lines = [l for l in self.log_text().splitlines() if re.search(r"^\S+ error ", l)]
        return [l for l in lines if not any(re.search(p, l) for p in self.expected)]


PARTS = {"local": Local, "imap": Imap, "caldav": lambda dir: Dav(dir, "caldav"), "carddav": lambda dir: Dav(dir, "carddav")}
