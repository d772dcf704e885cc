"""Writes the TUF fixtures: `fixtures.py FOLDER RUST-TUF-CLIENTS`, one folder for each maker and kind.

Beside each repository stands `verdicts.json`: for some target paths, in this order and each with a new client, what
python-tuf's own client answered and which files it asked for.
"""

import hashlib
import http.server
import json
import shutil
import subprocess
import sys
import tempfile
import threading
from datetime import datetime, timezone
from pathlib import Path

from tuf.ngclient import Updater

from repository import FAR, Repository, ecdsa, ed25519, rsa_pss

PAST = datetime(2020, 1, 1, tzinfo=timezone.utc)


def plain(folder):
    repo = Repository(folder, hashes=("sha256", "sha512"), seed="plain")
    repo.add("targets", "readme.txt", b"Read me.\n", custom={"kind": "text", "words": 2, "nested": {"list": [1, None, True]}})
    repo.add("targets", "programs/linux/tool", b"\x7fELF and so on")
    repo.add("targets", "empty", b"")
    repo.publish()
    repo.add("targets", "readme.txt", b"Read me, second edition.\n")
    repo.publish(["targets"])
    return ["readme.txt", "programs/linux/tool", "empty", "programs", "absent"]


def unknown_members(folder):
    repo = Repository(folder, compact=False, seed="unknown")
    repo.delegate("targets", "more", ["more/*"])
    for metadata in (repo.root, repo.snapshot, repo.timestamp, *repo.targets.values()):
        metadata.signed.unrecognized_fields["x-note"] = {"née": "Zürich \"quoted\" \\ \u2028 \U0001f511", "n": [1, -2, 0]}
        metadata.unrecognized_fields["x-outside"] = "not signed"
    for key in repo.root.signed.keys.values():
        key.unrecognized_fields["x-holder"] = "somebody"
    repo.root.signed.roles["targets"].unrecognized_fields["x-role"] = 1
    delegations = repo.targets["targets"].signed.delegations
    delegations.unrecognized_fields["x-delegations"] = True
    delegations.roles["more"].unrecognized_fields["x-delegation"] = ["a", {"b": None}]
    repo.add("more", "more/é.txt", "Composed.\n".encode()).unrecognized_fields["x-target"] = "kept"
    repo.add("more", "more/e\u0301.txt", "Decomposed.\n".encode())
    repo.add("more", "more/with space", b"Space.\n")
    repo.publish()
    return ["more/é.txt", "more/e\u0301.txt", "more/with space"]


def key_types(folder):
    repo = Repository(folder, seed="keys", key=ecdsa)
    repo.give("root", [repo.new_key("root", make) for make in (ed25519, ecdsa, rsa_pss)], 3)
    repo.give("targets", [repo.new_key("targets", make) for make in (rsa_pss, ecdsa, ed25519)], 2)
    repo.give("snapshot", [repo.new_key("snapshot", rsa_pss)])
    repo.delegate("targets", "rsa", ["rsa/*"], signers=[repo.new_key("rsa", rsa_pss)])
    repo.delegate("targets", "two of three", ["two/*"], threshold=2, signers=[repo.new_key("d", make) for make in (ed25519, ecdsa, rsa_pss)])
    repo.add("targets", "a", b"a")
    repo.add("rsa", "rsa/b", b"b")
    repo.add("two of three", "two/c", b"c")
    everyone = {name: list(signers) for name, signers in repo.signers.items()}
    # One of three is not there.
    repo.signers["targets"] = everyone["targets"][:2]
    repo.signers["two of three"] = everyone["two of three"][1:]
    repo.publish()
    return ["a", "rsa/b", "two/c"]


def rotations(folder):
    """Six roots: every role's keys change, thresholds go up and down, roots in between are expired."""
    repo = Repository(folder, seed="rotations")
    repo.add("targets", "file", b"through all rotations")
    repo.publish()
    first = repo.signers["root"]
    repo.give("root", [repo.new_key("root") for _ in range(3)], 2)
    repo.root.signed.expires = PAST
    repo.publish_root(also=first)
    repo.give("timestamp", [repo.new_key("timestamp")])
    repo.publish_root()
    repo.give("snapshot", [repo.new_key("snapshot"), repo.new_key("snapshot")], 2)
    repo.give("targets", [repo.new_key("targets")])
    repo.publish_root()
    several = repo.signers["root"]
    repo.give("root", [repo.new_key("root", ecdsa)], 1)
    repo.publish_root(also=several)
    # A key that signed nothing yet, and one that is in no role.
    repo.root.signed.expires = FAR
    repo.give("timestamp", [*repo.signers["timestamp"], repo.new_key("timestamp")])
    repo.publish_root()
    repo.publish(["targets"])
    return ["file"]


def delegations(folder):
    repo = Repository(folder, seed="delegations")
    repo.add("targets", "top", b"in the top role")
    repo.delegate("targets", "first", ["shared/*", "first/*/?.bin"])
    repo.delegate("targets", "ends here", ["final/*", "dots/*"], terminating=True)
    repo.delegate("targets", "second", ["shared/*", "final/*", "first/*/*", "deep/[ab]*/*", "lists/*"])
    repo.delegate("second", "second/a", ["deep/a*/*", "lists/*"])
    repo.delegate("second", "second/b", ["deep/[!a]*/*", "shared/*"])
    # Back to where it came from, and a second way to the same role.
    repo.delegate("second/a", "first", ["lists/*"], signers=repo.signers["first"])
    repo.delegate("second/a", "second", ["lists/*"], signers=repo.signers["second"])
    repo.add("first", "shared/both", b"from first")
    repo.add("second", "shared/both", b"from second")
    repo.add("second/b", "shared/late", b"from second/b")
    repo.add("first", "first/x/1.bin", b"matched by a question mark")
    repo.add("second", "first/x/22.bin", b"not matched by a question mark")
    repo.add("second", "final/hidden", b"behind a terminating delegation")
    repo.add("ends here", "final/seen", b"from the terminating role")
    repo.add("ends here", "dots/.hidden", b"a leading dot is nothing special")
    repo.add("second/a", "deep/apple/1", b"a")
    repo.add("second/b", "deep/banana/1", b"b")
    repo.add("first", "top", b"the top role comes first")
    repo.add("first", "given/to/nobody", b"listed without being delegated")
    repo.publish()
    return ["top", "shared/both", "shared/late", "first/x/1.bin", "first/x/22.bin", "first/x/y/1.bin", "final/hidden", "final/seen",
            "dots/.hidden", "deep/apple/1", "deep/banana/1", "given/to/nobody", "lists/absent"]


def broken_delegations(folder):
    """Delegations of which some are expired, short of signatures, not in the snapshot, or lost."""
    repo = Repository(folder, seed="broken")
    for name in ("expired", "unsigned", "unlisted", "lost", "fine"):
        repo.delegate("targets", name, [f"{name}/*", "all/*"], threshold=2 if name == "unsigned" else 1,
                      signers=[repo.new_key(name), repo.new_key(name)] if name == "unsigned" else None)
        repo.add(name, f"{name}/file", name.encode())
    repo.add("fine", "all/file", b"behind all of them")
    repo.targets["expired"].signed.expires = PAST
    repo.signers["unsigned"] = repo.signers["unsigned"][:1]
    repo.publish()
    del repo.snapshot.signed.meta["unlisted.json"]
    repo.publish([])
    (repo.folder / "metadata" / "1.lost.json").unlink()
    return [f"{name}/file" for name in ("expired", "unsigned", "unlisted", "lost", "fine", "all")]


def hash_prefixes(folder):
    repo = Repository(folder, seed="prefixes")
    for first in range(0, 16, 4):
        repo.delegate("targets", f"bin-{first:x}", prefixes=[f"{value:x}" for value in range(first, first + 4)])
    paths = [f"file-{number}" for number in range(12)]
    for path in paths:
        first = int(hashlib.sha256(path.encode()).hexdigest()[0], 16) & 12
        repo.add(f"bin-{first:x}", path, path.encode())
    repo.publish()
    return paths[:4] + ["absent"]


def succinct_bins(folder):
    repo = Repository(folder, seed="succinct")
    bins = repo.succinct("targets", 4, "bin")
    paths = [f"file-{number}" for number in range(12)]
    for path in paths:
        repo.add(bins.get_role_for_target(path), path, path.encode())
    repo.publish()
    return paths[:4] + ["absent"]


def plain_names(folder):
    """Without consistent snapshots: no versions and no hashes in names."""
    repo = Repository(folder, consistent=False, hashes=("sha512",), seed="plain names")
    repo.delegate("targets", "a/b ../%2e é", ["d/*"])
    repo.add("targets", "a/b", b"in a folder")
    repo.add("a/b ../%2e é", "d/e", b"from a role with an awkward name")
    repo.publish()
    repo.publish(["targets"])
    return ["a/b", "d/e"]


def without_lengths(folder):
    """Versions alone: neither lengths nor hashes of metadata."""
    repo = Repository(folder, seed="without")
    repo.delegate("targets", "more", ["more/*"])
    repo.add("more", "more/file", b"more")
    repo.publish(lengths=False)
    repo.publish(["more"], lengths=False)
    return ["more/file"]


KINDS = (plain, unknown_members, key_types, rotations, delegations, broken_delegations, hash_prefixes, succinct_bins, plain_names, without_lengths)


class Server:
    """A folder over HTTP on the loopback address, and what was asked for."""

    def __init__(self, folder):
        asked = self.asked = []

        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *arguments):
                super().__init__(*arguments, directory=str(folder))

            def do_GET(self):
                asked.append(self.path)
                super().do_GET()

            def translate_path(self, path):
                # Metadata files are kept under the name that is asked for, target files under their own.
                raw = Path(folder) / path.lstrip("/")
                return str(raw) if raw.exists() else super().translate_path(path)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"


def verdicts(folder, paths):
    """What python-tuf's client says to each path: the content's digest, nothing, or the kind of its error."""
    server = Server(folder)
    answers = []
    for path in paths:
        with tempfile.TemporaryDirectory() as local:
            Path(local, "metadata").mkdir()
            server.asked.clear()
            trusted = (Path(folder) / "metadata" / "1.root.json").read_bytes()
            answer = {"path": path}
            try:
                updater = Updater(local + "/metadata", server.url + "/metadata", local, server.url + "/targets", bootstrap=trusted)
                info = updater.get_targetinfo(path)
                if info is None:
                    answer["found"] = None
                else:
                    content = Path(updater.download_target(info)).read_bytes()
                    answer["found"] = hashlib.sha256(content).hexdigest()
            except Exception as error:
                answer["error"] = type(error).__name__
            answer["asked"] = list(server.asked)
            answer["kept"] = sorted(file.name for file in Path(local, "metadata").glob("*.json"))
            answers.append(answer)
    server.server.shutdown()
    return answers


def judge(folder, paths):
    text = json.dumps(verdicts(folder, paths), indent=1, ensure_ascii=False)
    (folder / "verdicts.json").write_text(text + "\n")


def listed(folder):
    """Every target path that any role of a repository lists, and one that none does."""
    roles = [json.loads(file.read_bytes())["signed"] for file in sorted((folder / "metadata").glob("*.json"))]
    return sorted({path for role in roles for path in role.get("targets", {})}) + ["absent"]


def main():
    out, tough = Path(sys.argv[1]), sys.argv[2]
    for maker in ("python-tuf", "tough"):
        shutil.rmtree(out / maker, ignore_errors=True)
    for kind in KINDS:
        folder = out / "python-tuf" / kind.__name__.replace("_", "-")
        judge(folder, kind(folder))
    subprocess.run([tough, "tough-repositories", out / "tough"], check=True)
    for folder in (out / "tough").iterdir():
        judge(folder, listed(folder))


main()
