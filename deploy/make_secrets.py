"""Makes what `docker compose up` needs and git never sees: passwords in .env, and the broker's users with them.

Names that .env has already keep their values, so it may be run again at any time. Standard library alone.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DEFINITIONS = ROOT / "deploy" / "rabbitmq" / "definitions.json"
MADE = ROOT / "deploy" / "made"
ROLES = ("OWNER", "API", "WORKER", "LOG")


def main() -> None:
    definitions = json.loads(DEFINITIONS.read_text())
    services = [user["name"] for user in definitions["users"]]
    env = fill(ROOT / ".env", names(services))
    for user in definitions["users"]:
        user["password_hash"] = password_hash(env[f"DUEBOOK_{user['name'].upper()}_BROKER_PASSWORD"])
    MADE.mkdir(mode=0o700, exist_ok=True)
    # readable by the broker's own user within its container; on this machine the folder is closed to others
    (MADE / "rabbitmq-definitions.json").write_text(json.dumps(definitions, indent=2))


def names(services: list[str]) -> list[str]:
    """Every secret of the installation."""
    per_service = [f"DUEBOOK_{service.upper()}_{kind}_PASSWORD" for service in services for kind in (*ROLES, "BROKER")]
    return ["DUEBOOK_POSTGRES_PASSWORD", "DUEBOOK_PROVISION_PASSWORD", "DUEBOOK_INTERNAL_SECRET", *per_service]


def fill(file: Path, wanted: list[str]) -> dict[str, str]:
    """Adds the names that `file` lacks, each with a fresh secret that fits into a URL. Returns all that it holds."""
    kept = file.read_text() if file.exists() else ""
    known = dict(line.split("=", 1) for line in kept.splitlines() if "=" in line and not line.startswith("#"))
    missing = {name: secrets.token_urlsafe(32) for name in wanted if not known.get(name)}
    if missing:
        text = kept + ("" if not kept or kept.endswith("\n") else "\n") + "".join(f"{n}={v}\n" for n, v in missing.items())
        draft = file.with_name(file.name + ".new")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
            opened.write(text)
        draft.rename(file)
        print(f"{len(missing)} secrets were made in {file.name}; keep it, it is the only copy")
    return {**known, **missing}


def password_hash(password: str) -> str:
    """As RabbitMQ keeps it: base64 of a salt of four bytes and SHA-256 over salt and password."""
    salt = secrets.token_bytes(4)
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


if __name__ == "__main__":
    main()
