#!/usr/bin/env python3
"""A small SMTP server for tests: takes mail, stores it, and can be told to misbehave.

    smtpsink.py DIR [--port N] [--tls-cert PEM --tls-key PEM] [--user NAME --password WORD] [--no-auth]
                [--deliver-port N] [--deliver-password WORD]

Prints "SMTP_PORT=N" once it listens. Each mail becomes DIR/0001.eml and DIR/0001.json (from, to, options, auth, helo).
With --deliver-port each mail is also put into the Inbox of its recipients (their local part is the login) by IMAP on 127.0.0.1;
recipients that cannot be delivered to are refused after the text.
Its behaviour is read from DIR/mode before every command; a line of words, the file may be missing:

    rcpt=550          answer every RCPT so (also mail=, data= before the text, end= after it, auth=); 4xx or 5xx, optionally
                      "rcpt=550:bob" for addresses that contain the text only
    hang=rcpt         answer nothing from that command on (mail, rcpt, data, end)
    drop=end          close the connection instead of answering (the mail is stored when it is end)
"""
import argparse
import asyncio
import base64
import imaplib
import json
import os
import re
import ssl
import sys


class Sink:
    def __init__(self, args):
        self.args = args
        self.count = 0

    def mode(self):
        try:
            with open(os.path.join(self.args.dir, "mode"), encoding="utf-8") as f:
                return [word.split("=", 1) for word in f.read().split() if "=" in word]
        except FileNotFoundError:
            return []

    def store(self, envelope, data):
        self.count += 1
        base = os.path.join(self.args.dir, f"{self.count:04}")
        with open(base + ".eml.new", "wb") as f:
            f.write(data)
        with open(base + ".json", "w", encoding="utf-8") as f:
            json.dump(envelope, f)
        os.rename(base + ".eml.new", base + ".eml")


    def deliver(self, to, data):
        """Puts the mail into the Inboxes; what went wrong, or None."""
        for address in to if self.args.deliver_port else ():
            try:
                with imaplib.IMAP4("127.0.0.1", self.args.deliver_port) as imap:
                    imap.login(address.split("@")[0], self.args.deliver_password)
                    imap.append("INBOX", None, None, data)
            except (imaplib.IMAP4.error, OSError) as e:
                return f"{address}: {e}".replace("\r", " ").replace("\n", " ")
        return None


class Session:
    def __init__(self, sink, reader, writer):
        self.sink, self.reader, self.writer = sink, reader, writer
        self.helo, self.auth = "", None
        self.reset()

    def reset(self):
        self.sender, self.options, self.to = None, "", []

    async def say(self, text):
        self.writer.write(text.encode() + b"\r\n")
        await self.writer.drain()

    async def line(self):
        line = await self.reader.readuntil(b"\n")
        return line.rstrip(b"\r\n")

    async def prescribed(self, step, about=""):
        """What the mode file says of this step: True if the normal answer is not to be given."""
        for key, value in self.sink.mode():
            if key == "hang" and value == step:
                await asyncio.sleep(3600)
            if key == "drop" and value == step:
                raise ConnectionResetError
            code, _, only = value.partition(":")
            if key == step and only in about:
                await self.say(f"{code} <{about}>: as told to" if about else f"{code} as told to")
                return True
        return False

    def allowed(self, user, password):
        args = self.sink.args
        return args.user is None or (user == args.user and password == args.password)

    async def do_auth(self, words):
        if await self.prescribed("auth"):
            return
        mechanism = words[1].upper() if len(words) > 1 else ""
        try:
            if mechanism == "PLAIN":
                if len(words) < 3:
                    await self.say("334 ")
                    words.append((await self.line()).decode())
                _, user, password = base64.b64decode(words[2]).decode().split("\0")
            elif mechanism == "LOGIN":
                if len(words) < 3:
                    await self.say("334 VXNlcm5hbWU6")
                    words.append((await self.line()).decode())
                user = base64.b64decode(words[2]).decode()
                await self.say("334 UGFzc3dvcmQ6")
                password = base64.b64decode(await self.line()).decode()
            else:
                return await self.say("504 unknown mechanism")
        except ValueError:
            return await self.say("501 malformed")
        if not self.allowed(user, password):
            return await self.say("535 5.7.8 credentials invalid")
        self.auth = user
        await self.say("235 welcome")

    async def text(self):
        data = bytearray()
        while True:
            line = await self.reader.readuntil(b"\n")
            if line == b".\r\n":
                return bytes(data)
            data += line[1:] if line.startswith(b".") else line

    async def do_data(self):
        if not self.to:
            return await self.say("503 RCPT first")
        if await self.prescribed("data"):
            return
        await self.say("354 go ahead")
        data = await self.text()
        modes = self.sink.mode()
        failed = await asyncio.to_thread(self.sink.deliver, self.to, data)
        if failed:
            self.reset()
            return await self.say("550 " + failed)
        if not any(key == "end" for key, _ in modes):
            self.sink.store({"from": self.sender, "to": self.to, "options": self.options, "auth": self.auth, "helo": self.helo}, data)
        self.reset()
        if not await self.prescribed("end"):
            await self.say("250 stored")

    async def command(self, line):
        text = line.decode("utf-8", "replace")
        words = text.split()
        verb = words[0].upper() if words else ""
        if verb in ("EHLO", "HELO"):
            self.helo = " ".join(words[1:])
            extensions = ["smtpsink", "SIZE 100000000", "8BITMIME", "SMTPUTF8"]
            if not self.sink.args.no_auth:
                extensions.append("AUTH PLAIN LOGIN")
            if verb == "HELO":
                extensions = extensions[:1]
            for i, word in enumerate(extensions):
                await self.say(f"250{' ' if i == len(extensions) - 1 else '-'}{word}")
        elif verb == "AUTH":
            await self.do_auth(words)
        elif verb == "MAIL":
            found = re.match(r"MAIL FROM:\s*<([^>]*)>\s*(.*)", text, re.I)
            if not found:
                await self.say("501 malformed")
            elif not await self.prescribed("mail", found[1]):
                self.sender, self.options = found[1], found[2]
                await self.say("250 ok")
        elif verb == "RCPT":
            found = re.match(r"RCPT TO:\s*<([^>]+)>", text, re.I)
            if not found:
                await self.say("501 malformed")
            elif not await self.prescribed("rcpt", found[1]):
                self.to.append(found[1])
                await self.say("250 ok")
        elif verb == "DATA":
            await self.do_data()
        elif verb == "RSET":
            self.reset()
            await self.say("250 ok")
        elif verb == "QUIT":
            await self.say("221 bye")
            return False
        else:
            await self.say("250 ok" if verb == "NOOP" else "502 unknown")
        return True

    async def run(self):
        try:
            await self.say("220 smtpsink")
            while await self.command(await self.line()):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            self.writer.close()


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("dir")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tls-cert")
    parser.add_argument("--tls-key")
    parser.add_argument("--user")
    parser.add_argument("--password", default="")
    parser.add_argument("--no-auth", action="store_true")
    parser.add_argument("--deliver-port", type=int)
    parser.add_argument("--deliver-password", default="secret")
    args = parser.parse_args()
    os.makedirs(args.dir, exist_ok=True)
    context = None
    if args.tls_cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(args.tls_cert, args.tls_key)
    sink = Sink(args)
    server = await asyncio.start_server(lambda r, w: Session(sink, r, w).run(), "127.0.0.1", args.port, ssl=context, limit=1 << 20)
    print(f"SMTP_PORT={server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(0)
