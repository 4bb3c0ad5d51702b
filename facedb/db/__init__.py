"""PostgreSQL: connection, embedded server, binary COPY, stores."""
