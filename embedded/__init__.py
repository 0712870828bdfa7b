"""The whole of Duebook on one machine with nothing installed: PostgreSQL, the services and their workers under one command.

The only package that may import every service. It holds no business: what it can do, separately deployed services can too.
"""
