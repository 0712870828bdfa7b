"""Why Duebook cannot run on this machine: one line for the person at the terminal, with what to do where we know it."""


class ServerFailed(Exception):
    """PostgreSQL cannot be started."""


class HomeInUse(ServerFailed):
    """Another running Duebook works in this home."""
