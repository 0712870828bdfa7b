"""Migrations of every service run through here: alembic, one numbered tree a service, one environment for all."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config

ROOT = Path(__file__).resolve().parents[2]


def alembic_config(service: str, owner_url: str = "") -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("version_locations", str(ROOT / "services" / service / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = owner_url
    return config


def upgrade(service: str, owner_url: str) -> None:
    """Brings the service's database to the newest migration. Safe to run again, and by two at once (the second waits)."""
    command.upgrade(alembic_config(service, owner_url), "head")
