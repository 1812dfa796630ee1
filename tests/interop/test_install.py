"""What is committed of the npm packages says what they are, not where they came from."""

import json

from . import install


def test_the_lock_names_no_registry() -> None:
    packages = json.loads(install.LOCK.read_text())["packages"]
    installed = {name: package for name, package in packages.items() if name}

    assert "resolved" not in install.LOCK.read_text()
    assert all("integrity" in package for package in installed.values())
    assert "omit-lockfile-registry-resolved=true" in (install.SERVERS / ".npmrc").read_text().splitlines()
    assert "//" not in (install.SERVERS / ".npmrc").read_text()
