"""What must not be lost, and what must not be there twice, whatever became of phone and server: both could agree on a loss."""


class Violation(Exception):
    """Of what is promised to a phone."""


class Ledger:
    def __init__(self, user, broken):
        self.user, self.count = user, 0
        self.broken = broken    # processes die, servers do not answer
        self.edited = set()     # tokens of Adds that were edited between two tries
        self.renamed = set()    # tokens of Adds that got another ClientId between two tries
        self.certain = set()    # tokens of what is known to be there
        self.gone = set()       # tokens of what somebody has wanted to delete for good
        self.values = {}        # token: values that `mine` may have
        self.ever = {}          # token: all that was tried
        self.sent = {}          # token: is it known to be sent? False: tried

    def token(self, kind):
        self.count += 1
        return f"{kind}-{self.user}-{self.count}"

    def made(self, token, mine):
        self.certain.add(token)
        self.values[token] = {mine}

    def tried(self, token, mine):
        self.values.setdefault(token, set()).add(mine)
        self.ever.setdefault(token, set()).add(mine)

    def acknowledged(self, token, values):
        """The phone was told that its edit is done; the tries that it made of it are all that can be there now."""
        self.certain.add(token)
        self.values[token] = set(values)

    def delete(self, token):
        self.gone.add(token)

    def most(self, token):
        """An Add whose process died before it was written down is found again by what it said: after an edit both versions are there. So it
        is where one try changes the text, the next one the ClientId, and the server had only the first and the last."""
        return len(self.ever[token]) if token in self.edited and (self.broken or token in self.renamed) else 1

    def check(self, server, sink):
        """Complaints. server: {folder: contents}; sink: tokens of what was sent."""
        tokens = [c[0] for contents in server.values() for c in contents]
        out = [f"{t} is on the server {tokens.count(t)} times" for t in sorted(set(tokens)) if tokens.count(t) > self.most(t)]
        may = {t: self.ever[t] if self.most(t) > 1 else values for t, values in self.values.items()}
        out += [f"{t} is lost" for t in sorted(self.certain - self.gone - set(tokens))]
        for folder, contents in server.items():     # of a draft that lies elsewhere `mine` is something else
            out += [f"{t} is {mine} and not one of {sorted(may[t])}" for t, mine, _ in contents
                    if t in may and mine not in may[t] and (folder == "Drafts") == t.startswith("draft")]
        out += [f"{t} was not sent" for t, known in self.sent.items() if known and t not in sink]
        return out
