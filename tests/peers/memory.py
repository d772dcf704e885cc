"""A repository shown out of memory."""

import json

from repository import Repository


class Memory(Repository):
    """A repository shown out of memory, under the names of both conventions, with odd signatures now and then."""

    def __init__(self, files, rng, **more):
        super().__init__("memory", **more)
        self.files, self.rng, self.spoil = files, rng, 0.0
        self.history = {}

    def put(self, name, data):
        self.files[name] = data

    def write(self, name, version, data, versioned):
        super().write(name, version, data, True)
        super().write(name, version, data, False)
        self.history.setdefault(name, []).append(data)

    def add(self, role, path, content, custom=None, hashes=None):
        file = super().add(role, path, content, custom, hashes)
        for name in (path, *file.get_prefixed_paths()):
            self.put(f"targets/{name}", content)
        return file

    def sign(self, metadata, signers):
        data = super().sign(metadata, signers)
        if self.rng.random() >= self.spoil:
            return data
        envelope = json.loads(data)
        signatures = envelope["signatures"]
        odd = self.rng.choice(("stranger", "empty", "odd hex", "upper case", "broken", "repeated", "missing"))
        if metadata is self.root and odd not in ("stranger", "upper case"):
            odd = "stranger"
        if odd == "stranger":
            signatures.insert(0, {"keyid": "ab" * 32, "sig": "00" * 64})
        elif odd == "empty":
            signatures.append({"keyid": "cd" * 32, "sig": ""})
        elif odd == "odd hex":
            signatures[0]["sig"] = "abc"
        elif odd == "upper case":
            signatures[0]["sig"] = signatures[0]["sig"].upper()
        elif odd == "broken":
            signatures[-1]["sig"] = "00" * 64
        elif odd == "repeated":
            signatures.append(dict(signatures[0]))
        else:
            signatures.pop()
        return json.dumps(envelope).encode()
