"""TUF repositories in a folder, made with python-tuf's metadata API.

A `Repository` keeps the keys and the newest metadata of every role in memory; `publish` signs what changed and writes it.
FOLDER/metadata and FOLDER/targets are what a web server shows.
"""

import hashlib
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    SuccinctRoles,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization.json import JSONSerializer

TOP = ("root", "timestamp", "snapshot", "targets")
FAR = datetime(2100, 1, 1, tzinfo=timezone.utc)


def ed25519(seed: str) -> CryptoSigner:
    """The Ed25519 key that belongs to a text: the same text, the same key."""
    return CryptoSigner(Ed25519PrivateKey.from_private_bytes(hashlib.sha256(seed.encode()).digest()))


def ecdsa(seed: str) -> CryptoSigner:
    """The P-256 key that belongs to a text."""
    return CryptoSigner(ec.derive_private_key(int(hashlib.sha256(seed.encode()).hexdigest(), 16) >> 1 | 1, ec.SECP256R1()))


def rsa_pss(_seed: str) -> CryptoSigner:
    """A new RSA key of 2048 bits for RSASSA-PSS."""
    return CryptoSigner(rsa.generate_private_key(65537, 2048))


def hashed(data: bytes, algorithms) -> MetaFile:
    """Version 1, length and hashes of some bytes."""
    return MetaFile(1, len(data), {name: hashlib.new(name, data).hexdigest() for name in algorithms})


class Repository:
    """A TUF repository and everybody's keys."""

    def __init__(self, folder, consistent=True, expires=FAR, hashes=("sha256",), compact=True, key=ed25519, seed=""):
        self.folder = Path(folder)
        self.expires = expires
        self.hashes = hashes
        self.seed = seed
        self.made = 0
        self.key = key
        self.serializer = JSONSerializer(compact=compact, validate=False)
        self.signers = {name: [self.new_key(name)] for name in TOP}
        self.root = Metadata(Root(expires=expires, consistent_snapshot=consistent))
        for name in TOP:
            self.root.signed.add_key(self.signers[name][0].public_key, name)
        self.targets = {"targets": Metadata(Targets(expires=expires))}
        self.snapshot = Metadata(Snapshot(expires=expires))
        self.timestamp = Metadata(Timestamp(expires=expires))
        self.written = {}

    # Keys.

    def new_key(self, name: str, make=None) -> CryptoSigner:
        """The next key of this repository."""
        self.made += 1
        return (make or self.key)(f"{self.seed} {self.made} {name}")

    def give(self, role: str, signers, threshold=1):
        """Gives a top-level role these keys and this threshold, for the next root."""
        root = self.root.signed
        for keyid in list(root.roles[role].keyids):
            root.revoke_key(keyid, role)
        for signer in signers:
            root.add_key(signer.public_key, role)
        root.roles[role].threshold = threshold
        self.signers[role] = list(signers)

    # What is signed.

    def sign(self, metadata: Metadata, signers) -> bytes:
        """The bytes of a role, signed anew by these keys."""
        metadata.signatures.clear()
        for signer in signers:
            metadata.sign(signer, append=True)
        return metadata.to_bytes(self.serializer)

    def write(self, name: str, version: int, data: bytes, versioned: bool):
        """Writes a metadata file under its name, with its version before it if names say versions."""
        encoded = quote(name, "")
        file = f"{version}.{encoded}.json" if versioned else f"{encoded}.json"
        self.put(f"metadata/{file}", data)
        self.written[name] = data

    def publish_root(self, also=()):
        """Signs the next root with the keys of the root role, and those of `also`, which the last root names."""
        if "root" in self.written:
            self.root.signed.version += 1
        signers = {signer.public_key.keyid: signer for signer in [*self.signers["root"], *also]}
        self.write("root", self.root.signed.version, self.sign(self.root, signers.values()), True)

    def publish(self, roles=None, lengths=True):
        """Signs these targets roles (all that are not written yet, if not told) and what names them."""
        consistent = self.root.signed.consistent_snapshot
        if "root" not in self.written:
            self.publish_root()
        for name in roles if roles is not None else [name for name in self.targets if name not in self.written]:
            role = self.targets[name]
            if name in self.written:
                role.signed.version += 1
            data = self.sign(role, self.signers[name])
            self.write(name, role.signed.version, data, consistent)
            self.snapshot.signed.meta[f"{name}.json"] = self.meta(data, role.signed.version, lengths)
        if "snapshot" in self.written:
            self.snapshot.signed.version += 1
        data = self.sign(self.snapshot, self.signers["snapshot"])
        self.write("snapshot", self.snapshot.signed.version, data, consistent)
        self.timestamp.signed.snapshot_meta = self.meta(data, self.snapshot.signed.version, lengths)
        self.publish_timestamp()

    def publish_timestamp(self):
        """Signs the next timestamp, which names the snapshot that was signed last."""
        if "timestamp" in self.written:
            self.timestamp.signed.version += 1
        self.write("timestamp", self.timestamp.signed.version, self.sign(self.timestamp, self.signers["timestamp"]), False)

    def meta(self, data: bytes, version: int, lengths: bool) -> MetaFile:
        """How a file is named by the next one up."""
        meta = hashed(data, self.hashes) if lengths else MetaFile(1)
        meta.version = version
        return meta

    def put(self, name: str, data: bytes):
        """Shows a file under a name that clients ask for."""
        place = self.folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)

    # What is in it.

    def add(self, role: str, path: str, content: bytes, custom=None, hashes=None) -> TargetFile:
        """Adds a target to a role and its file to the targets folder."""
        file = TargetFile.from_data(path, content, list(hashes or self.hashes))
        if custom is not None:
            file.unrecognized_fields["custom"] = custom
        self.targets[role].signed.targets[path] = file
        names = file.get_prefixed_paths() if self.root.signed.consistent_snapshot else [path]
        for name in names:
            self.put(f"targets/{name}", content)
        return file

    def delegate(self, parent: str, name: str, paths=None, prefixes=None, terminating=False, threshold=1, signers=None):
        """Lets a role delegate to another, which begins empty if it is not there yet."""
        signers = signers or self.signers.get(name) or [self.new_key(name)]
        delegator = self.targets[parent].signed
        if delegator.delegations is None:
            delegator.delegations = Delegations({}, {})
        delegator.delegations.roles[name] = DelegatedRole(name, [], threshold, terminating, paths, prefixes)
        for signer in signers:
            delegator.add_key(signer.public_key, name)
        self.signers[name] = list(signers)
        if name not in self.targets:
            self.targets[name] = Metadata(Targets(expires=self.expires))

    def succinct(self, parent: str, bits: int, prefix: str):
        """Lets a role delegate to 2^bits bins with one key."""
        signer = self.new_key(prefix)
        roles = SuccinctRoles([], 1, bits, prefix)
        delegator = self.targets[parent].signed
        delegator.delegations = Delegations({}, None, roles)
        delegator.add_key(signer.public_key)
        for name in roles.get_roles():
            self.signers[name] = [signer]
            self.targets[name] = Metadata(Targets(expires=self.expires))
        return roles
