"""What is shipped beside the program: the nginx configuration, the systemd units, the ways to be started."""
import base64
import contextlib
import http.client
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import unittest

import bench as benches
import wbxml
from bench import free_port, listens, wait_for
from case import Case
from wbxml import text

PATH = "/Microsoft-Server-ActiveSync"
LOGIN = {"Authorization": "Basic " + base64.b64encode(b"alice:secret").decode()}


def options(connection):
    """Status and version list of an OPTIONS request."""
    with contextlib.closing(connection) as c:
        c.request("OPTIONS", PATH, headers=LOGIN)
        answer = c.getresponse()
        answer.read()
        return answer.status, answer.headers["MS-ASProtocolVersions"]


class Install(Case):
    backends = ("local",)

    def setUp(self):
        super().setUp()
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="cpush-install-"))
        self.dir.chmod(0o755)
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    # -- nginx

    def certificate(self):
        made = [self.dir / "cert.pem", self.dir / "key.pem"]
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=DNS:localhost", "-out", str(made[0]), "-keyout", str(made[1])], check=True,
                       stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return made

    def example(self, http_port, https_port):
        """nginx.conf.example with names, ports, certificate and paths replaced, and nothing else."""
        certificate, key = self.certificate()
        text = (benches.SOURCE / "nginx.conf.example").read_text()
        changes = [(r"^user www-data;$", "user root;" if os.geteuid() == 0 else ""),
                   (r"^pid \S+;", f"pid {self.dir}/nginx.pid;"),
                   (r"/var/log/nginx/", f"{self.dir}/"),
                   (r"unix:/run/cpush/cpush\.sock", f"unix:{self.bench.socket}"),
                   (r"listen 80;", f"listen 127.0.0.1:{http_port};"),
                   (r"listen 443 ssl", f"listen 127.0.0.1:{https_port} ssl"),
                   (r"^ *listen \[::\]:\d+.*;\n", ""),
                   (r"mail\.example\.org;", "localhost;"),
                   (r"/etc/ssl/certs/mail\.example\.org\.pem", str(certificate)),
                   (r"/etc/ssl/private/mail\.example\.org\.key", str(key))]
        for pattern, by in changes:
            text, n = re.subn(pattern, by, text, flags=re.M)
            self.assertGreater(n, 0, f"nginx.conf.example has no {pattern} any more")
        if os.geteuid() != 0:       # what the package makes for root's nginx
            text = text.replace("http {", "http {\n" + self.temp_paths(), 1)
        path = self.dir / "nginx.conf"
        path.write_text(text)
        # It is included from where the configuration is.
        shutil.copy("/etc/nginx/fastcgi_params", self.dir)
        return path

    def temp_paths(self):
        return "".join(f"{kind}_temp_path {self.dir}/{kind}; " for kind in ("client_body", "fastcgi", "proxy", "uwsgi", "scgi"))

    def nginx(self, config, *arguments):
        return ["nginx", "-c", str(config), "-p", str(self.dir), "-e", str(self.dir / "error.log"), *arguments]

    def test_nginx_example_serves_over_tls(self):
        plain, tls = free_port(), free_port()
        config = self.example(plain, tls)
        done = subprocess.run(self.nginx(config, "-t"), capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("[emerg]", done.stderr)
        process = subprocess.Popen(self.nginx(config, "-g", "daemon off;"), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait, 20)
        self.addCleanup(process.terminate)
        wait_for(lambda: listens(tls) and listens(plain))
        context = ssl.create_default_context(cafile=str(self.dir / "cert.pem"))
        for path in (PATH, PATH.lower()):
            with contextlib.closing(http.client.HTTPSConnection("localhost", tls, context=context, timeout=30)) as c:
                c.request("OPTIONS", path, headers=LOGIN)
                answer = c.getresponse()
                answer.read()
                self.assertEqual(answer.status, 200, path)
                self.assertIn("14.1", answer.headers["MS-ASProtocolVersions"])
        # Without TLS nothing is served, and no password is asked for.
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", plain, timeout=30)) as c:
            c.request("OPTIONS", PATH)
            answer = c.getresponse()
            answer.read()
            self.assertEqual(answer.status, 301)
            self.assertTrue(answer.headers["Location"].startswith("https://"))
        # A body larger than nginx keeps in memory arrives whole: cpush is who refuses it, for what is in it.
        with contextlib.closing(http.client.HTTPSConnection("localhost", tls, context=context, timeout=30)) as c:
            c.request("POST", f"{PATH}?Cmd=FolderSync&User=alice&DeviceId=TLSPHONE&DeviceType=Test", body=b"x" * 2000000,
                      headers=LOGIN | {"MS-ASProtocolVersion": "14.1", "Content-Type": "application/vnd.ms-sync.wbxml"})
            answer = c.getresponse()
            self.assertEqual(answer.status, 200)
            self.assertEqual(text(wbxml.decode(answer.read()), "FolderHierarchy:Status"), "102")     # it says that it is WBXML

    def test_nginx_waits_longer_than_phones(self):
        text = (benches.SOURCE / "nginx.conf.example").read_text()
        config = (benches.SOURCE / "eas/config.c").read_text()
        longest = int(re.search(r'"heartbeat_max", CONF_SECONDS, heartbeat_max, "(\d+)"', config)[1])
        self.assertGreater(int(re.search(r"fastcgi_read_timeout (\d+)s;", text)[1]), longest)
        self.assertEqual(re.search(r"client_max_body_size (\d+)m;", text)[1],
                         re.search(r'"request_size", CONF_SIZE, request_max, "(\d+)M"', config)[1])

    # -- systemd

    def test_units_verify(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("there is no systemd-analyze here")
        units = self.dir / "units"
        units.mkdir()
        # The units name the program where it will be installed; here it is somewhere else, and so is spawn-fcgi perhaps.
        for path in (self.bench.build / "etc/cpush.service", self.bench.build / "etc/cpush-spawn.service", benches.SOURCE / "etc/cpush.socket"):
            text = path.read_text()
            self.assertNotIn("@", re.sub(r"@(system-service|privileged|resources)\b", "", text), f"{path.name} is not filled in")
            text = re.sub(r"/\S*/s?bin/cpush\b", str(self.bench.build / "bin/cpush"), text)
            text = text.replace("/usr/bin/spawn-fcgi", shutil.which("spawn-fcgi") or "/bin/true")
            text = re.sub(r"^Documentation=.*\n", "", text, flags=re.M)
            (units / path.name).write_text(text)
        done = subprocess.run(["systemd-analyze", "verify", *map(str, sorted(units.iterdir()))], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=60, env=dict(os.environ, SYSTEMD_UNIT_PATH=f"{units}:"))
        complaints = [line for line in done.stderr.splitlines() if "cpush" in line]
        self.assertEqual((done.returncode, complaints), (0, []), done.stderr)

    # -- ways to be started

    def config(self):
        """The bench's, but for the log and the store: two responders on one are for another test."""
        text = self.bench.config.read_text()
        text = text.replace(str(self.bench.log), str(self.dir / "cpush.log")).replace(f"{self.bench.dir}/state.db", f"{self.dir}/state.db")
        path = self.dir / "cpush.conf"
        path.write_text(text)
        return path

    def serves(self, address):
        """One OPTIONS through an nginx of its own."""
        port = free_port()
        config = self.dir / "nginx.conf"
        user = "user root;" if os.geteuid() == 0 else ""
        config.write_text(f"daemon off; {user} pid {self.dir}/nginx.pid; events {{ }} http {{ access_log off; {self.temp_paths()} server {{ "
                          f"listen 127.0.0.1:{port}; location / {{ include /etc/nginx/fastcgi_params; "
                          f"fastcgi_param HTTP_AUTHORIZATION $http_authorization; fastcgi_pass {address}; }} }} }}")
        process = subprocess.Popen(self.nginx(config), stdin=subprocess.DEVNULL)
        try:
            wait_for(lambda: listens(port))
            status, versions = options(http.client.HTTPConnection("127.0.0.1", port, timeout=30))
            self.assertEqual(status, 200)
            self.assertIn("16.1", versions)
        finally:
            process.terminate()
            process.wait(20)

    def ends_well(self, process):
        process.terminate()
        self.assertEqual(process.wait(30), 0)
        self.assertIn("stopped", (self.dir / "cpush.log").read_text())

    def test_started_by_spawn_fcgi(self):
        path = self.dir / "spawn.sock"
        # As in cpush-spawn.service, but for the users: -n keeps it in the foreground, so that its process is cpush's.
        process = subprocess.Popen(["spawn-fcgi", "-n", "-M", "0666", "-s", str(path), "-b", "4096", "--", str(self.bench.build / "bin/cpush"),
                                    "-c", str(self.config())], stdin=subprocess.DEVNULL)
        self.addCleanup(lambda: process.poll() is None and process.kill())
        wait_for(path.exists)
        self.serves(f"unix:{path}")
        self.ends_well(process)

    def test_started_with_a_socket_as_descriptor_0(self):
        for family, address in ((socket.AF_UNIX, str(self.dir / "given.sock")), (socket.AF_INET, ("127.0.0.1", 0))):
            with self.subTest(family), socket.socket(family) as listener:
                listener.bind(address)
                listener.listen(100)
                process = subprocess.Popen([str(self.bench.build / "bin/cpush"), "-c", str(self.config())], stdin=listener)
                self.addCleanup(lambda p=process: p.poll() is None and p.kill())
                self.serves(f"unix:{address}" if family == socket.AF_UNIX else f"127.0.0.1:{listener.getsockname()[1]}")
                self.ends_well(process)
                if family == socket.AF_UNIX:    # the socket outlives the process, for the next one
                    with socket.socket(family) as again:
                        again.connect(address)

    # -- what is installed

    def test_install_tree(self):
        tree = self.dir / "tree"
        done = subprocess.run(["cmake", "--install", str(self.bench.build)], env=dict(os.environ, DESTDIR=str(tree)), capture_output=True,
                              text=True, stdin=subprocess.DEVNULL, timeout=120)
        if done.returncode and "No such file" in done.stderr + done.stdout:
            self.skipTest("the build tree is not built as a whole")
        self.assertEqual(done.returncode, 0, done.stderr)
        names = {p.name for p in tree.rglob("*") if p.is_file()}
        for name in ("cpush", "cpush-admin", "imap.so", "caldav.so", "carddav.so", "local.so", "cpush.service", "cpush-spawn.service",
                     "cpush.socket", "cpush.conf", "mariadb.sql", "fail2ban-filter.conf", "nginx.conf.example", "README.md", "configuration.md", "statistics.md"):
            self.assertIn(name, names)
        # The installed program is the one that the unit starts, and its modules find the libraries that stand beside them.
        unit = next(tree.rglob("cpush.service")).read_text()
        started = re.search(r"^ExecStart=(\S+)", unit, re.M)[1]
        self.assertTrue((tree / started.lstrip("/")).is_file(), started)
        for module, library in (("caldav", "dav"), ("caldav", "tls"), ("imap", "tls")):
            linked = subprocess.run(["ldd", str(next(tree.rglob(f"{module}.so")))], capture_output=True, text=True).stdout
            self.assertRegex(linked, rf"libcpush-{library}\.so => \S*" + re.escape(str(tree)))


if __name__ == "__main__":
    unittest.main()
