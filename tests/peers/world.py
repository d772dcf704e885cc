"""A random history of one repository: what its keepers do, and what an attacker or an accident makes of it.

Everything comes from one seed. A step is some changes and perhaps one fault, which lasts until the next step.
Not played, because clients part ways there (docs/divergences.md): keys of kinds that python-tuf does not know, one key under two
ids, hash algorithms that are not known, repeated member names, dates with fractions, more than 32 roles for one target.
"""

import copy
from urllib.parse import quote

from tuf.api.metadata import MetaFile

from keepers import Keepers


class World(Keepers):
    """Keepers, and what goes wrong on the way to their readers."""

    def fault(self):
        """Perhaps something goes wrong until the next step; says what."""
        self.web.faults.clear()
        if self.rng.random() < 0.45:
            return "no fault"
        return self.rng.choice((self.file_fault, self.file_fault, self.swap, self.old_timestamp, self.bad_root, self.bad_names, self.bad_artifact))()

    def current(self):
        """The names under which clients ask for what is newest."""
        repo = self.repo
        versions = {"root": repo.root.signed.version, "snapshot": repo.snapshot.signed.version, "timestamp": None}
        versions |= {name: role.signed.version for name, role in repo.targets.items() if name in repo.history}
        return {name: self.named(name, version) for name, version in versions.items()}

    def named(self, name, version):
        versioned = version is not None and (name == "root" or self.repo.root.signed.consistent_snapshot)
        return f"metadata/{version}.{quote(name, '')}.json" if versioned else f"metadata/{quote(name, '')}.json"

    def spoilt(self, data):
        """Bytes that are not what they were."""
        match self.rng.randrange(6):
            case 0:
                return data[: len(data) // 2]
            case 1:
                return data + b" " * self.rng.choice((1, 10_000, 6_000_000))
            case 2:
                return data.replace(b'"version":', b'"version": ', 1)
            case 3:
                place = self.rng.randrange(len(data))
                return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
            case 4:
                return self.rng.choice((b"", b"{}", b"[]", b"null", b'{"signed":{},"signatures":[]}', b"\xff\xfe", b"[" * 5000))
            case _:
                return data.replace(b"20", b"21", 1)

    def file_fault(self):
        name = self.rng.choice(list(self.current().values()))
        fault = self.rng.choice((404, 403, 500, "cut", "spoilt", "spoilt", "spoilt"))
        self.web.faults[name] = self.spoilt(self.web.files[name]) if fault == "spoilt" else fault
        return f"{fault} for {name}"

    def swap(self):
        """One role's file under another's name; or an older file of the same role."""
        names = self.current()
        one = self.rng.choice(list(names))
        other = self.rng.choice(list(names))
        data = self.rng.choice(self.repo.history[one]) if one == other or self.rng.random() < 0.5 else self.web.files[names[other]]
        self.web.faults[names[one]] = data
        return f"another file for {names[one]}"

    def old_timestamp(self):
        self.web.faults["metadata/timestamp.json"] = self.rng.choice(self.repo.history["timestamp"])
        return "an old timestamp"

    def bad_root(self):
        """A next root that nobody may take."""
        root = copy.deepcopy(self.repo.root)
        root.signed.version += self.rng.choice((0, 1, 1, 2))
        signers = list(self.repo.signers["root"])
        own = self.key("root")
        match self.rng.randrange(3):
            case 0:
                signers = [own]
            case 1:
                for keyid in list(root.signed.roles["root"].keyids):
                    root.signed.revoke_key(keyid, "root")
                root.signed.add_key(own.public_key, "root")
                root.signed.roles["root"].threshold = 1
                signers = self.rng.choice(([own], signers))
            case _:
                # Well signed: only a wrong version makes it bad.
                root.signed.version = self.repo.root.signed.version + self.rng.choice((0, 2))
        self.web.faults[f"metadata/{self.repo.root.signed.version + 1}.root.json"] = self.repo.sign(root, signers)
        return "a bad root"

    def bad_names(self):
        """A well-signed timestamp, and perhaps snapshot, that does not name what is there."""
        repo = self.repo
        snapshot, timestamp = copy.deepcopy(repo.snapshot), copy.deepcopy(repo.timestamp)
        timestamp.signed.version += 1
        kind = self.rng.choice(("lower snapshot", "hash", "length", "version", "unlisted", "lower role", "wrong role", "same version"))
        meta = timestamp.signed.snapshot_meta
        if kind == "lower snapshot":
            meta.version = max(1, meta.version - 1)
        elif kind == "hash":
            meta.hashes = {"sha256": "00" * 32}
        elif kind == "length":
            meta.length = self.rng.choice((1, len(repo.written["snapshot"]) + 1))
        elif kind == "version":
            meta.version += 1
        elif kind == "same version":
            timestamp.signed.version -= 1
            timestamp.signed.expires = self.soon()
        else:
            snapshot.signed.version += 1
            listed = snapshot.signed.meta
            name = self.rng.choice([name for name in repo.targets if f"{name}.json" in listed])
            if kind == "unlisted":
                del listed[f"{name}.json"]
            elif kind == "lower role":
                listed[f"{name}.json"].version = max(1, listed[f"{name}.json"].version - 1)
            else:
                listed[f"{name}.json"] = MetaFile(listed[f"{name}.json"].version + self.rng.choice((0, 1)), hashes={"sha256": "11" * 32})
            data = repo.sign(snapshot, repo.signers["snapshot"])
            self.web.faults[self.named("snapshot", snapshot.signed.version)] = data
            timestamp.signed.snapshot_meta = repo.meta(data, snapshot.signed.version, self.lengths)
            # What keepers sign next has another number than what the attacker showed, usually.
            if self.rng.random() < 0.7:
                repo.snapshot.signed.version += 1
        if self.rng.random() < 0.7:
            repo.timestamp.signed.version += 1
        self.web.faults["metadata/timestamp.json"] = repo.sign(timestamp, repo.signers["timestamp"])
        return f"bad names: {kind}"

    def bad_artifact(self):
        """Target files that are not what metadata says."""
        names = [name for name in self.web.files if name.startswith("targets/")]
        for name in self.rng.sample(names, min(len(names), 6)):
            self.web.faults[name] = self.rng.choice((404, "cut", self.spoilt(self.web.files[name])))
        return "bad artifacts"
