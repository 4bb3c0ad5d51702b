"""PostgreSQL: connection, sessions, binary COPY, migrations; the embedded server, and the upkeep of any."""
