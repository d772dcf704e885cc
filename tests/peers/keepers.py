"""What keepers of a repository do, for better or worse: one change after the other, all from one seed."""

import random
from datetime import datetime, timedelta, timezone

from memory import Memory
from repository import TOP, ecdsa, ed25519

HOUR = timedelta(hours=1)
NAMES = ("alpha", "beta", "group/one", "with space", "é", "9999.root", "..", "50%")
PATTERNS = (["*"], ["a/*"], ["a/*", "b/?"], ["[ab]/*"], ["*/*"], ["a/1"], ["c/**"], ["none"])
PATHS = tuple(f"{part}{number}" for part in ("", "a/", "b/", "c/d/") for number in range(3))


class Keepers:
    """The repository, its web server's files, and the time."""

    def __init__(self, web, seed):
        self.web, self.rng = web, random.Random(seed)
        self.now = datetime(2030, 1, 1, tzinfo=timezone.utc)
        hashes = self.rng.choice((("sha256",), ("sha512",), ("sha256", "sha512")))
        consistent = self.rng.random() < 0.7
        self.repo = Memory(web.files, self.rng, consistent=consistent, expires=self.far(), hashes=hashes, seed=str(seed))
        self.lengths = self.rng.random() < 0.7
        self.count = 0
        self.change_target()
        self.publish(list(self.repo.targets))

    # Small choices.

    def far(self):
        return self.now + 2000 * 24 * HOUR

    def soon(self):
        """When something expires: usually late, sometimes soon, seldom before now."""
        return self.now + self.rng.choices((-1, 0, 1, 5, 24, 24 * 30, 24 * 365), (1, 1, 2, 4, 8, 40, 40))[0] * HOUR

    def key(self, name):
        return self.repo.new_key(name, ecdsa if self.rng.random() < 0.2 else ed25519)

    def role(self):
        return self.rng.choice(list(self.repo.targets))

    def publish(self, roles):
        """Signs these roles and what names them, each valid for a while."""
        repo = self.repo
        for role in roles:
            repo.targets[role].signed.expires = self.soon()
        repo.snapshot.signed.expires = self.soon()
        repo.timestamp.signed.expires = self.soon()
        repo.publish(roles, self.lengths)

    # What keepers do.

    def change(self):
        """One thing that keepers of a repository do, for better or worse; says what."""
        weights = {
            self.change_target: 6, self.renew: 3, self.nothing: 2, self.rotate: 5, self.next_root: 1, self.delegate: 4,
            self.rekey_delegate: 2, self.reorder: 1, self.undelegate: 1, self.fast_forward: 1, self.recover: 2,
            self.rename_files: 1, self.odd_signatures: 1, self.forget_signers: 1,
        }
        action = self.rng.choices(list(weights), list(weights.values()))[0]
        action()
        return action.__name__

    def nothing(self):
        pass

    def renew(self):
        self.repo.timestamp.signed.expires = self.soon()
        self.repo.publish_timestamp()

    def change_target(self):
        role = self.role()
        targets = self.repo.targets[role].signed.targets
        if targets and self.rng.random() < 0.3:
            del targets[self.rng.choice(list(targets))]
        for path in self.rng.sample(PATHS, 2):
            self.count += 1
            self.repo.add(role, path, f"content {self.count}".encode())
        if self.repo.written:
            self.publish([role, *self.rng.sample(list(self.repo.targets), self.rng.random() < 0.3)])

    def new_signers(self, name, old):
        """Keys and a threshold in place of the old ones, some of which may stay."""
        kept = self.rng.sample(old, self.rng.randrange(len(old) + 1))
        fresh = [self.key(name) for _ in range(self.rng.randint(0 if kept else 1, 2))]
        signers = kept + fresh
        return signers, self.rng.randint(1, len(signers))

    def rotate(self):
        """New keys or thresholds for top-level roles, in one root or several; signed anew at once, or not."""
        for _ in range(self.rng.choice((1, 1, 1, 2, 3))):
            old = self.repo.signers["root"]
            for role in self.rng.sample(TOP, self.rng.choice((1, 1, 2, 4))):
                self.repo.give(role, *self.new_signers(role, self.repo.signers[role]))
            self.repo.root.signed.expires = self.far() if self.rng.random() < 0.9 else self.soon()
            self.repo.publish_root(also=old)
        if self.rng.random() < 0.8:
            self.publish(["targets"])

    def next_root(self):
        """A root that changes nothing but its expiry."""
        self.repo.root.signed.expires = self.far()
        self.repo.publish_root()

    def rename_files(self):
        """Consistent snapshots begin or end."""
        self.repo.root.signed.consistent_snapshot ^= True
        self.next_root()

    def delegate(self):
        parent = self.role()
        name = self.rng.choice([name for name in NAMES if name != parent])
        bins = {"prefixes": self.rng.sample("0123456789abcdef", 8)} if self.rng.random() < 0.2 else {"paths": self.rng.choice(PATTERNS)}
        signers = self.repo.signers.get(name)
        if signers is None or self.rng.random() < 0.2:
            signers, threshold = self.new_signers(name, signers or [self.key(name)])
        else:
            threshold = self.rng.randint(1, len(signers))
        self.repo.delegate(parent, name, terminating=self.rng.random() < 0.3, threshold=threshold, signers=signers, **bins)
        self.publish(list({parent, name}) if self.rng.random() < 0.9 else [parent])

    def delegations(self):
        """A role that delegates, if there is one, and the roles it delegates to."""
        found = [(name, role.signed) for name, role in self.repo.targets.items() if role.signed.delegations and role.signed.delegations.roles]
        return self.rng.choice(found) if found else (None, None)

    def rekey_delegate(self):
        parent, signed = self.delegations()
        if parent:
            name = self.rng.choice(list(signed.delegations.roles))
            for keyid in list(signed.delegations.roles[name].keyids):
                signed.revoke_key(keyid, name)
            signers, threshold = self.new_signers(name, self.repo.signers[name])
            for signer in signers:
                signed.add_key(signer.public_key, name)
            signed.delegations.roles[name].threshold = threshold
            self.repo.signers[name] = signers
            self.publish([parent, name] if self.rng.random() < 0.7 and parent != name else [parent])

    def reorder(self):
        parent, signed = self.delegations()
        if parent:
            roles = list(signed.delegations.roles.items())
            self.rng.shuffle(roles)
            signed.delegations.roles = dict(roles)
            self.publish([parent])

    def undelegate(self):
        parent, signed = self.delegations()
        if parent:
            del signed.delegations.roles[self.rng.choice(list(signed.delegations.roles))]
            self.publish([parent])

    def fast_forward(self):
        """Somebody has keys and pushes versions up."""
        for role in self.rng.choice((["timestamp"], ["snapshot", "timestamp"], [*self.repo.targets, "snapshot", "timestamp"])):
            metadata = getattr(self.repo, role) if role in ("snapshot", "timestamp") else self.repo.targets[role]
            metadata.signed.version += 1000
        self.publish(list(self.repo.targets))

    def recover(self):
        """Versions start lower, under new keys of timestamp and snapshot or, by mistake, under keys that were only added."""
        old = self.repo.signers["root"]
        for role in self.rng.choice((("timestamp",), ("snapshot",), ("timestamp", "snapshot"))):
            kept = self.repo.signers[role] if self.rng.random() < 0.3 else []
            self.repo.give(role, [*kept, self.key(role)])
        self.repo.publish_root(also=old)
        for metadata in (self.repo.timestamp, self.repo.snapshot, *self.repo.targets.values()):
            if metadata.signed.version > 1000 and self.rng.random() < 0.9:
                metadata.signed.version %= 1000
        self.publish(list(self.repo.targets))

    def odd_signatures(self):
        self.repo.spoil = 0.7
        self.publish(self.rng.sample(list(self.repo.targets), self.rng.randint(1, len(self.repo.targets))))
        self.repo.spoil = 0.0

    def forget_signers(self):
        """A role is signed by too few of its keys, or by somebody else's."""
        name = self.rng.choice(["timestamp", "snapshot", *self.repo.targets])
        signers = self.repo.signers[name]
        self.repo.signers[name] = self.rng.choice((signers[:-1], [self.key(name)], [*signers, self.key(name)]))
        self.publish([name] if name in self.repo.targets else [])
        self.repo.signers[name] = signers

    def mend(self, versions):
        """Everything is signed anew, above these versions and valid for long: an end to any trouble.

        `versions` are the highest that a client keeps, by role; roles that are gone come back.
        """
        repo = self.repo
        for name, version in versions.items():
            metadata = {"snapshot": repo.snapshot, "timestamp": repo.timestamp}.get(name) or repo.targets.get(name)
            if metadata is not None:
                metadata.signed.version = max(metadata.signed.version, version)
        repo.root.signed.expires = self.far()
        repo.publish_root()
        for metadata in (*repo.targets.values(), repo.snapshot, repo.timestamp):
            metadata.signed.expires = self.far()
        repo.publish(list(repo.targets), self.lengths)
