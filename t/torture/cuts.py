"""TCP proxies that cut connections: before, in or after an answer of the server behind them. Each answer is hit by chance."""
import contextlib
import random
import socket
import threading

CHUNK = 1 << 16


class Proxy:
    chance = 0.01       # per chunk that the server sends

    def __init__(self, port, rng):
        self.behind, self.rng, self.cuts, self.stopped = port, random.Random(rng.random()), 0, False
        self.resting = 0        # sessions that want no trouble now
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.accept)
        self.thread.start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.stopped:
                client.close()
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.behind))
            except OSError:
                client.close()
                continue
            for s in (client, server):
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            state = {}
            threading.Thread(target=self.pump, args=(client, server, self.forth, state), daemon=True).start()
            threading.Thread(target=self.pump, args=(server, client, self.back, state), daemon=True).start()

    def pump(self, source, target, judge, state):
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                cut = judge(data, state)
                if cut == "before":
                    break
                target.sendall(data if cut != "in" else data[:len(data) // 2])
                if cut:
                    break
        for s in (source, target):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)
            if s is source:
                s.close()

    def forth(self, data, state):
        return None

    def back(self, data, state):
        return self.draw(self.chance)

    def draw(self, chance):
        if self.rng.random() >= chance:
            return None
        self.cuts += 1
        return self.rng.choice(["before", "in", "after"])

    def stop(self):
        self.stopped = True
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port)).close()
        self.thread.join()
        self.listener.close()


class ImapProxy(Proxy):
    """Not before the login is over: a server that hangs up at a login has said nothing of the password, but tests that elsewhere."""


class HttpProxy(Proxy):
    chance = 0.02


class StoreProxy(Proxy):
    """Cuts at COMMIT: before the server gets it, in its answer, or after that; and now and then elsewhere."""
    chance = 0.002
    at_commit = 0.03

    def forth(self, data, state):
        state["commit"] = data[4:5] == b"\x03" and data[5:].lower().startswith(b"commit")
        if state["commit"] and self.rng.random() < self.at_commit / 3:
            self.cuts += 1
            return "before"
        return None

    def back(self, data, state):
        if state.pop("commit", False) and self.rng.random() < self.at_commit:
            self.cuts += 1
            return self.rng.choice(["before", "in", "after"])
        return self.draw(self.chance)
