"""A repository that is told what to do: `maker.py FOLDER` reads lines `[VERB, {ARGUMENTS}]` and answers `done` or an error.

Times are `YYYY-MM-DDTHH:MM:SSZ`. The top-level roles are root, timestamp, snapshot and targets; every other is delegated.
"""

import json
import sys
from datetime import datetime, timezone

from tuf.api.metadata import TargetFile

from repository import FAR, Repository


def time(text):
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)


class Maker:
    def __init__(self, folder):
        self.folder = folder

    def new(self, consistent=True, expires=None, seed="", hashes=("sha256",)):
        """An empty repository that is not written yet."""
        self.repo = Repository(self.folder, consistent, time(expires) if expires else FAR, hashes, seed=seed)

    def metadata(self, role):
        return getattr(self.repo, role) if role in ("root", "timestamp", "snapshot") else self.repo.targets[role]

    def add(self, role, path, content):
        """A target and its file."""
        self.repo.add(role, path, content.encode())

    def fill(self, role, path, length):
        """A target of so many bytes."""
        self.repo.add(role, path, (b"0123456789abcdef" * (length // 16 + 1))[:length])

    def many(self, role, count):
        """So many targets, `file-0` and on, whose files nobody has."""
        targets = self.repo.targets[role].signed.targets
        for number in range(count):
            path = f"file-{number}"
            targets[path] = TargetFile.from_data(path, path.encode(), ["sha256"])

    def remove(self, role, path):
        """No target any more; its file stays."""
        del self.repo.targets[role].signed.targets[path]

    def delegate(self, parent, name, paths=None, prefixes=None, terminating=False, keys=1, threshold=1):
        """A delegation to a role with new keys, if it has none yet."""
        signers = self.repo.signers.get(name) or [self.repo.new_key(name) for _ in range(keys)]
        self.repo.delegate(parent, name, paths, prefixes, terminating, threshold, signers)

    def rotate(self, role, keys=1, threshold=1, keep=False):
        """New keys for a top-level role, beside the old ones or in their place, and the next root."""
        old = self.repo.signers["root"]
        kept = self.repo.signers[role] if keep else []
        self.repo.give(role, [*kept, *(self.repo.new_key(role) for _ in range(keys))], threshold)
        self.repo.publish_root(also=old)

    def root(self):
        """The next root, signed by the root role's keys alone."""
        self.repo.publish_root()

    def signs(self, role, strangers=0, keys=None):
        """From now on a role is signed by so many of its keys, and by so many keys that nobody delegated to."""
        own = self.repo.signers[role]
        self.repo.signers[role] = own[:keys] + [self.repo.new_key("stranger") for _ in range(strangers)]

    def version(self, role, version):
        """The next version of a role is the one after this."""
        self.metadata(role).signed.version = version

    def expires(self, role, at):
        """When what is signed next expires."""
        self.metadata(role).signed.expires = time(at)

    def unlist(self, role):
        """The snapshot forgets a role."""
        del self.repo.snapshot.signed.meta[f"{role}.json"]

    def publish(self, roles=None, lengths=True):
        """New versions of these targets roles (of all that were never written, if not told), of snapshot and timestamp."""
        self.repo.publish(roles, lengths)

    def timestamp(self):
        """A new version of the timestamp alone."""
        self.repo.publish_timestamp()


def main():
    maker = Maker(sys.argv[1])
    for line in sys.stdin:
        verb, arguments = json.loads(line)
        try:
            getattr(maker, verb)(**arguments)
            print("done", flush=True)
        except Exception as error:
            print(f"{type(error).__name__}: {error}".replace("\n", " "), flush=True)


main()
