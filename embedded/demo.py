"""The demo company: a small contractor's last three months, told through the API like anybody's books."""
