"""Plays random histories and holds a client against python-tuf's, step by step.

simulation.py --seed N --steps N CLIENT...

After every step both read the same repository, each with a folder of its own, at the same time on the same clock. They must come
to the same verdict, keep the same metadata byte for byte, and have the same targets. CLIENT... speaks the command line of the
public conformance suite. The first difference ends the run with an error that says all there is to know.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tuf.api.metadata import Root, Targets
from tuf.ngclient import Updater

from keepers import HOUR, PATHS
from web import Web
from world import World

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
# After so many failures in a row the keepers mend everything.
PATIENCE = 6


class Reader:
    """A client's folders."""

    def __init__(self, home, web, root):
        self.home, self.web = Path(home), web
        self.metadata, self.targets = self.home / "metadata", self.home / "targets"
        for folder in (self.metadata, self.targets):
            folder.mkdir(parents=True)
        self.init(root)

    def kept(self):
        """The metadata that is trusted, by name."""
        return {file.name: file.read_bytes() for file in self.metadata.glob("*.json")}

    def artifacts(self):
        """The contents of all targets."""
        return sorted(file.read_bytes() for file in self.targets.rglob("*") if file.is_file())


class Reference(Reader):
    """python-tuf's client, in this process."""

    def init(self, root):
        (self.metadata / "root.json").write_bytes(root)

    def read(self, paths, now):
        """Brings itself up to date and gets targets; nothing, or what went wrong."""
        url = self.web.url
        try:
            updater = Updater(str(self.metadata), f"{url}/metadata", str(self.targets), f"{url}/targets", bootstrap=None)
            updater._trusted_set.reference_time = now
            first = updater._trusted_set.root.version
            # These four are what `refresh` does. Between them stands the one rule in which we take another choice: what
            # was signed by keys that roots retired is forgotten, whether or not it still meets a threshold.
            try:
                updater._load_root()
            finally:
                self.forget_retired(first)
            updater._load_timestamp()
            updater._load_snapshot()
            updater._load_targets(Targets.type, Root.type)
            for path in paths:
                info = updater.get_targetinfo(path)
                if info is None:
                    return f"no target {path}"
                if updater.find_cached_target(info) is None:
                    updater.download_target(info)
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return None

    def forget_retired(self, first):
        history = self.metadata / "root_history"
        online = []
        while (file := history / f"{first}.root.json").exists():
            signed = json.loads(file.read_bytes())["signed"]
            online.append([set(signed["roles"][role]["keyids"]) for role in ("timestamp", "snapshot")])
            first += 1
        if any(start - later for roles in online[1:] for start, later in zip(online[0], roles)):
            for role in ("timestamp", "snapshot"):
                (self.metadata / f"{role}.json").unlink(missing_ok=True)


class Other(Reader):
    """The client that is held against it, a process for every step."""

    program = []

    def init(self, root):
        file = self.home / "first.root"
        file.write_bytes(root)
        self.call(None, "init", str(file)).check_returncode()

    def read(self, paths, now):
        where = ["--metadata-url", f"{self.web.url}/metadata"]
        if paths:
            where += ["--target-dir", str(self.targets), "--target-base-url", f"{self.web.url}/targets"]
            for path in paths:
                where += ["--target-name", path]
        done = self.call(now, *where, "download" if paths else "refresh")
        if done.returncode not in (0, 1):
            raise AssertionError(f"exit code {done.returncode}: {done.stderr}")
        return done.stderr.strip() or "failed without a word" if done.returncode else None

    def call(self, now, *words):
        env = {"PATH": os.environ["PATH"], "TZ": "UTC", "HOME": str(self.home)}
        if now:
            env |= {"LD_PRELOAD": FAKETIME, "FAKETIME": f"@{now:%Y-%m-%d %H:%M:%S}"}
        command = [*self.program, "--metadata-dir", str(self.metadata), *words]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)


class Simulation:
    def __init__(self, seed, folder):
        self.rng = random.Random(f"readers {seed}")
        self.web = Web()
        self.world = World(self.web, seed)
        root = self.web.files["metadata/1.root.json"]
        self.readers = [Reference(f"{folder}/reference", self.web, root), Other(f"{folder}/other", self.web, root)]
        self.log, self.failures, self.good = [], 0, 0

    def step(self, number):
        world = self.world
        world.now += self.rng.choices((0, 1, 4, 24, 24 * 40), (40, 20, 20, 20, 3))[0] * HOUR
        done = [world.change() for _ in range(self.rng.choice((0, 1, 1, 1, 2)))]
        done.append(world.fault())
        if self.failures >= PATIENCE:
            self.web.faults.clear()
            world.mend(self.versions())
            done = ["mend"]
        if self.rng.random() < 0.1:
            done.append(self.tamper())
        listed = sorted({path for role in world.repo.targets.values() for path in role.signed.targets})
        paths = self.rng.sample(listed if len(listed) > 1 and self.rng.random() < 0.8 else PATHS, self.rng.choice((0, 1, 2)))
        self.log.append(f"{number}: {world.now:%Y-%m-%d %H:%M} {', '.join(done)}; get {paths}")
        verdicts, asked = [], []
        for reader in self.readers:
            self.web.asked.clear()
            verdicts.append(reader.read(paths, world.now))
            asked.append(list(self.web.asked))
        self.log[-1] += f" -> {verdicts[0]}"
        self.compare(verdicts, asked)
        self.failures = self.failures + 1 if verdicts[0] else 0
        self.good += not verdicts[0]

    def versions(self):
        """The highest versions that the reference keeps or expects, by role."""
        versions = {}
        for data in self.readers[0].kept().values():
            try:
                signed = json.loads(data)["signed"]
            except (ValueError, KeyError):
                continue
            if signed["_type"] in ("timestamp", "snapshot"):
                versions[signed["_type"]] = max(signed["version"], versions.get(signed["_type"], 0))
            for name, meta in signed.get("meta", {}).items():
                name = name.removesuffix(".json")
                versions[name] = max(meta["version"], versions.get(name, 0))
        return versions

    def tamper(self):
        """Something happens to the same file in both folders."""
        names = sorted(name for name in self.readers[0].kept() if name != "root.json")
        if not names:
            return "nothing to spoil"
        name = self.rng.choice(names)
        kept = self.readers[0].kept()
        data = self.rng.choice((None, b"", b"{", kept[name][:-20], kept[self.rng.choice(names)]))
        for reader in self.readers:
            if data is None:
                (reader.metadata / name).unlink()
            else:
                (reader.metadata / name).write_bytes(data)
        return f"spoil the kept {name}"

    def compare(self, verdicts, asked):
        """Fails at the first difference."""
        reference, other = self.readers
        differences = []
        if bool(verdicts[0]) != bool(verdicts[1]):
            differences.append("the verdicts differ")
        kept = [reader.kept() for reader in self.readers]
        for name in sorted(kept[0].keys() | kept[1].keys()):
            if kept[0].get(name) != kept[1].get(name):
                differences.append(f"{name} differs: {short(kept[0].get(name))} and {short(kept[1].get(name))}")
        if reference.artifacts() != other.artifacts():
            differences.append("the targets differ")
        if verdicts == [None, None] and asked[0] != asked[1]:
            differences.append("the requests differ")
        if differences:
            said = [f"reference: {verdicts[0]} after {asked[0]}", f"other: {verdicts[1]} after {asked[1]}"]
            raise AssertionError("\n".join([*self.log[-8:], *differences, *said]))


def short(data):
    """What a metadata file is, in a few words."""
    if data is None:
        return "none"
    try:
        signed = json.loads(data)["signed"]
        return f"{signed['_type']} {signed['version']} until {signed['expires']}"
    except (ValueError, KeyError, TypeError):
        return f"{len(data)} bytes that are not metadata"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--keep", help="a folder that stays")
    parser.add_argument("--verbose", action="store_true", help="print every step")
    parser.add_argument("client", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    Other.program = arguments.client
    folder = arguments.keep or tempfile.mkdtemp()
    simulation = Simulation(arguments.seed, folder)
    try:
        for number in range(arguments.steps):
            simulation.step(number)
    except AssertionError as error:
        sys.exit(f"seed {arguments.seed}, step {len(simulation.log) - 1}:\n{error}")
    finally:
        if not arguments.keep:
            shutil.rmtree(folder)
    if arguments.verbose:
        print("\n".join(simulation.log))
    print(f"seed {arguments.seed}: {len(simulation.log)} steps, {simulation.good} of them good")


main()
