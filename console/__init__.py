"""The console: pages for people, rendered on the server. A client of the API; it owns nothing and has no database."""
