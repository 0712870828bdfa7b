"""Real processes under load, broken by a plan."""
