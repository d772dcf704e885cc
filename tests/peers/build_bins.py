"""Builds a repository of hash bins with python-tuf: `build_bins.py FOLDER BITS TARGETS`; prints the seconds that it took.

The same work as `trust tuf delegate --bins` and `add --list`: 2^BITS bins with one key, targets by path, signed and written.
"""

import hashlib
import sys
import time

from tuf.api.metadata import TargetFile

from repository import Repository


def main():
    folder, bits, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    repo = Repository(folder, seed="bins")
    begun = time.monotonic()
    width = (bits + 3) // 4
    signer = repo.new_key("bins")
    for number in range(2**bits):
        # Whole digits at a time: a bin of 2^BITS has this prefix, or 2^k of one digit more.
        low, high = number << (4 * width - bits), (number + 1) << (4 * width - bits)
        repo.delegate("targets", f"bin-{number:0{width}x}", prefixes=[f"{value:0{width}x}" for value in range(low, high)], signers=[signer])
    for number in range(count):
        path = f"file-{number}"
        digest = hashlib.sha256(path.encode()).hexdigest()
        index = int(digest[:width], 16) >> (4 * width - bits)
        repo.targets[f"bin-{index:0{width}x}"].signed.targets[path] = TargetFile(1, {"sha256": digest}, path)
    repo.publish(lengths=False)
    print(time.monotonic() - begun)


main()
