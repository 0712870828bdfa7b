"""The home folder: everything that one embedded installation keeps, and what a command finds there of a running one.

lock, postgres/      the database server's own (embedded.postgres)
secrets.json         passwords of the services' roles and the secret between services, readable by the owner alone
running.json         URL and process of the running installation
logs/                what web and worker processes say
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from embedded.assembly import Assembly
from shared.clock import clock_from_environment
from shared.config import SERVICES
from shared.db import ROLES, provision
from shared.migrations import ROOT, upgrade

PREFIX = "duebook_"


class NotRunning(Exception):
    """No installation runs from this home; start one with `duebook up`."""


class HomeUnusable(Exception):
    """The home folder cannot be read or written."""


@dataclass(frozen=True)
class Home:
    path: Path

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @cached_property
    def secrets(self) -> dict[str, Any]:
        """Passwords and the internal secret; made at the first start."""
        file = self.path / "secrets.json"
        try:
            if file.exists():
                known: dict[str, Any] = json.loads(file.read_text())
                return known
            made = {
                "internal_secret": secrets.token_urlsafe(48),
                "passwords": {name: {role: secrets.token_urlsafe(24) for role in ROLES} for name in SERVICES},
            }
            # written whole or not at all, and never readable by others, not even for a moment
            draft = file.with_suffix(".new")
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
                json.dump(made, opened, indent=1)
            draft.rename(file)
            return made
        except (OSError, ValueError) as error:
            raise HomeUnusable(f"cannot use {file}: {getattr(error, 'strerror', None) or error}") from error

    def database_urls(self, admin_url: str) -> dict[str, dict[str, str]]:
        """Service -> role -> URL on the running server."""
        host = urlsplit(admin_url).netloc.rpartition("@")[2]
        return {
            name: {
                role: f"postgresql://{PREFIX}{name}_{role}:{quote(passwords[role], safe='')}@{host}/{PREFIX}{name}"
                for role in ROLES
            }
            for name, passwords in self.secrets["passwords"].items()
        }

    def prepare_databases(self, admin_url: str) -> None:
        """Creates what is missing and brings every database to its newest migration; at once where that was done already."""
        done, state = self.path / "postgres" / "migrated", _migrations()
        if done.exists() and done.read_text() == state:
            return
        urls = self.database_urls(admin_url)
        for name in SERVICES:
            provision(admin_url, name, PREFIX, self.secrets["passwords"][name])
            upgrade(name, urls[name]["owner"])
        done.write_text(state)

    def write_running(self, url: str, admin_url: str) -> None:
        draft = self.path / "running.new"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
            json.dump({"url": url, "pid": os.getpid(), "server": urlsplit(admin_url).netloc.rpartition("@")[2]}, opened)
        draft.rename(self.path / "running.json")

    def clear_running(self) -> None:
        (self.path / "running.json").unlink(missing_ok=True)

    def running(self) -> dict[str, Any]:
        """URL, process and database address of the running installation. Raises NotRunning, HomeUnusable."""
        try:
            found: dict[str, Any] = json.loads((self.path / "running.json").read_text())
            os.kill(found["pid"], 0)
        except PermissionError as error:
            if error.filename is None:
                return found  # it runs, under another user
            raise HomeUnusable(f"cannot read {error.filename}: {error.strerror}") from error
        except (OSError, ValueError, KeyError):
            raise NotRunning(f"Duebook does not run from {self.path}; start it with: duebook up --home {self.path}") from None
        return found

    def assembly(self, admin_url: str | None = None, *, pool_size: int = 5) -> Assembly:
        """All services in this process, on the databases of this home."""
        address = admin_url or f"postgresql://{self.running()['server']}/"
        return Assembly(
            self.database_urls(address),
            self.secrets["internal_secret"],
            clock=clock_from_environment(),
            pool_size=pool_size,
        )


def _migrations() -> str:
    """Changes with any migration, and with what migrations are made of."""
    files = [*ROOT.glob("services/*/migrations/*.py"), *ROOT.glob("shared/migrations/*.py")]
    return hashlib.sha256(b"".join(file.read_bytes() for file in sorted(files))).hexdigest()
