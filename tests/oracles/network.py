"""A running server and those who talk to it, by Python's standard library alone: a second reading of the public interface."""

import base64
import hashlib
import hmac
import http.client
import json
import os
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


class Server:
    """`ristourne serve` on a database of its own. `env`: where it is, and what the time is."""

    def __init__(self, program, folder, **env):
        self.program = program
        self.env = os.environ | {"DATABASE_URL": f"sqlite://{folder}/oracle.db", "RISTOURNE_LOG": "warn"} | env
        self.command = [program, "serve", "--listen", "127.0.0.1:0", "--spool-dir", f"{folder}/spool"]
        self.start()
        self.key = json.loads(self.run("key", "create", "--role", "operator"))["key"]

    def start(self):
        self.process = subprocess.Popen(self.command, env=self.env, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline().strip()
        if not line.startswith("listening on http://"):
            raise SystemExit(f"the server did not start: {line!r}")
        self.address = line.removeprefix("listening on http://")
        self.connections = threading.local()

    def run(self, *command):
        """A command of the program; gives what it printed."""
        return subprocess.run([self.program, *command], env=self.env, check=True, capture_output=True, text=True).stdout

    def request(self, method, path, body=None, headers=None):
        """Status, headers and body of an answer, over this thread's own connection."""
        if not hasattr(self.connections, "http"):
            self.connections.http = http.client.HTTPConnection(self.address, timeout=60)
        connection = self.connections.http
        try:
            connection.request(method, path, body=body, headers=headers or {})
        except (BrokenPipeError, ConnectionResetError):
            # It was idle for so long that the server has closed it.
            connection.close()
            connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def api(self, method, path, body=None):
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        status, _, answer = self.request(method, "/api/v1" + path, json.dumps(body) if body is not None else None, headers)
        if status >= 300:
            raise SystemExit(f"{method} {path}: {status} {answer.decode()}")
        return json.loads(answer)

    def pages(self, path):
        """Every row of a list."""
        rows, after = [], ""
        while after is not None:
            page = self.api("GET", f"{path}{'&' if '?' in path else '?'}limit=500{after}")
            rows += page["data"]
            after = f"&after={page['next']}" if page["next"] else None
        return rows

    def click(self, slug, query="", headers=None):
        """Follows a link; gives the click id that the shop receives."""
        status, headers, _ = self.request("GET", f"/c/{slug}{query}", headers={"User-Agent": BROWSER} if headers is None else headers)
        assert status == 302, status
        return parse_qs(urlsplit(headers["Location"]).query)["rclid"][0]

    def stop(self):
        self.process.terminate()
        return self.process.wait(60)


def checked_exports(server, folder, currencies):
    """What hledger and beancount find wrong in the exported ledger, which must be in these currencies at least."""
    wrong = []
    for name, check in [("hledger", ["hledger", "check", "--strict", "ordereddates", "-f"]), ("beancount", ["bean-check"])]:
        text, file = server.run("export", "ledger", "--format", name), f"{folder}/checked.{name}"
        with open(file, "w", encoding="utf-8") as out:
            out.write(text)
        missing = [currency for currency in currencies if f" {currency}\n" not in text]
        done = subprocess.run([*check, file], capture_output=True, text=True)
        wrong += ([f"{name}: no {missing}"] if missing else []) + ([done.stdout + done.stderr] if done.returncode else [])
    return wrong


class Shop:
    """A merchant who signs as Standard Webhooks 1.0.0 says."""

    def __init__(self, server):
        self.server = server
        self.id = server.api("POST", "/merchants", {"name": "Shop"})["id"]
        secret = server.api("POST", f"/merchants/{self.id}/secrets", {})["secret"]
        self.secret = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        self.sent = 0
        self.lock = threading.Lock()

    def postback(self, body):
        with self.lock:
            self.sent += 1
            number = f"oracle_{self.sent}"
        text, now = json.dumps(body), str(int(time.time()))
        mac = hmac.digest(self.secret, f"{number}.{now}.{text}".encode(), hashlib.sha256)
        headers = {
            "Content-Type": "application/json",
            "webhook-id": number,
            "webhook-timestamp": now,
            "webhook-signature": "v1," + base64.b64encode(mac).decode(),
        }
        status, _, answer = self.server.request("POST", "/postback", text, headers)
        return status, json.loads(answer)

    def postbacks(self, bodies):
        """All of them, several at once; the answers in their order."""
        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(self.postback, bodies))
