"""python-tuf's client, driven as public conformance tools drive clients.

python_tuf.py --metadata-dir DIR init TRUSTED_ROOT
python_tuf.py --metadata-dir DIR --metadata-url URL refresh
python_tuf.py --metadata-dir DIR --metadata-url URL --target-name PATH ... --target-dir DIR --target-base-url URL download
"""

import argparse
import shutil
import sys
from pathlib import Path

from tuf.ngclient import Updater


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--metadata-dir", required=True)
    parser.add_argument("--metadata-url")
    parser.add_argument("--target-name", action="append", default=[])
    parser.add_argument("--target-dir")
    parser.add_argument("--target-base-url")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("init").add_argument("root")
    verbs.add_parser("refresh")
    verbs.add_parser("download")
    arguments = parser.parse_args()

    if arguments.verb == "init":
        shutil.copy(arguments.root, Path(arguments.metadata_dir) / "root.json")
        return
    updater = Updater(
        arguments.metadata_dir, arguments.metadata_url, arguments.target_dir, arguments.target_base_url, bootstrap=None
    )
    updater.refresh()
    if arguments.verb == "download":
        for name in arguments.target_name:
            info = updater.get_targetinfo(name)
            if info is None:
                raise KeyError(f"no target {name}")
            if updater.find_cached_target(info) is None:
                updater.download_target(info)


try:
    main()
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
