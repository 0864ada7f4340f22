"""A job server on loopback: takes a job, runs it in a thread, tells its state and its log."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOKEN = "the-loaders-token"


class JobServer:
    """``work(log)`` is what a job does; it returns the state that the job ends in."""

    def __init__(self, work):
        self.work = work
        self.posts = []
        self.polls = 0
        self.answers = {}  # method and path: (code, headers) that are answered once
        self.state, self.lines = "", []
        self.threads = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/api/jobs/ingest"

    def wrap(self, context):
        """Speak TLS from now on."""
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = self.url.replace("http:", "https:")

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        for thread in [self._thread, *self.threads]:
            thread.join()

    def _run(self):
        self.state = self.work(self.lines.append)

    def _handler(self):
        jobs = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                jobs.posts.append(body)
                if self._other():
                    return
                jobs.state = "running"
                jobs.threads.append(threading.Thread(target=jobs._run))
                jobs.threads[-1].start()
                self._json({"job": {"id": 17}}, 202)

            def do_GET(self):
                jobs.polls += 1
                if self._other():
                    return
                if self.path == "/api/jobs/17":
                    self._json({"status": jobs.state})
                elif self.path == "/api/jobs/17/log":
                    self._json({"lines": list(jobs.lines)})
                elif self.path == "/api/jobs/17/log.txt":
                    self._send(200, "\n".join(jobs.lines).encode())
                else:
                    self._json({"detail": "no such job"}, 404)

            def _other(self):
                """Answer what the test put in the way, or refuse a wrong token."""
                if self.headers["Authorization"] != f"Bearer {TOKEN}":
                    self._json({"detail": "who are you"}, 401)
                    return True
                code, headers = jobs.answers.pop(f"{self.command} {self.path}", (0, {}))
                if code == 0:
                    return False
                if code > 0:
                    self._send(code, b"", headers)
                self.close_connection = True
                return True

            def _json(self, value, code=200):
                self._send(code, json.dumps(value).encode())

            def _send(self, code, body, headers=()):
                self.send_response(code)
                for name, value in dict(headers).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        return Handler
