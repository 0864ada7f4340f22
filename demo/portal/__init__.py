"""The demo portal: a small site over the database that reingest rebuilds."""
