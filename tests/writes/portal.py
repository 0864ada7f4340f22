"""A small portal: POST /event/KEY/VALUE writes a row, 201 says that it is written.

Usage: portal.py PORT DSN.
"""

from __future__ import annotations

import sys
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg2


class Handler(BaseHTTPRequestHandler):
    """Answers 503 where it is certain that nothing was written, and 500 where nobody knows."""

    def do_POST(self):
        _, _, key, value = self.path.split("/")
        self.send_response(_write(key, int(value)))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def _write(key, value):
    try:
        connection = psycopg2.connect(sys.argv[2], application_name="portal")
    except psycopg2.OperationalError:
        return 503
    with closing(connection):
        try:
            with connection.cursor() as cursor:
                cursor.execute("INSERT INTO event VALUES (%s, %s)", (key, value))
        except psycopg2.Error:
            return 503
        try:
            connection.commit()
        except psycopg2.Error:
            return 500
    return 201


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
