"""Where a life is played: PostgreSQL of our own, and a server whose clock is set by libfaketime, which it does not know of."""

import datetime
import glob
import json
import os
import re
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from life.world import DEBT_LIMIT
from network import Server

FAKETIME = "/usr/lib/*/faketime/libfaketime.so.1"
JOBS = re.compile(rb'^ristourne_job_last_success_timestamp_seconds\{job="(\w+)"\} (\d+)', re.MULTILINE)
# Stops when its standard input closes, in whatever way we end.
CLUSTER = """
cd "$1" && shift && bin=$1
"$bin/initdb" -D data -U postgres -A trust -E UTF8 --locale=C --no-sync >log 2>&1 &&
"$bin/pg_ctl" -D data -l log -w -o "-k '$PWD' -c listen_addresses= -c fsync=off -c full_page_writes=off -c jit=off" start >>log 2>&1 </dev/null || cat log >&2
echo started
cat >/dev/null
"$bin/pg_ctl" -D data -m immediate stop >>log 2>&1
"""


@contextmanager
def postgres(folder):
    """The URL of an empty database."""
    place = Path(tempfile.mkdtemp(prefix="pg", dir=folder))
    bin = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
    user = {}
    if os.geteuid() == 0:
        # It refuses to be root.
        subprocess.run(["chmod", "755", folder], check=True)
        subprocess.run(["chown", "postgres", place], check=True)
        user = {"user": "postgres"}
    owner = subprocess.Popen(["sh", "-c", CLUSTER, "cluster", place, bin], stdin=subprocess.PIPE, stdout=subprocess.PIPE, **user)
    try:
        assert owner.stdout.readline() == b"started\n", "PostgreSQL does not start"
        yield f"postgres://postgres@localhost/postgres?host={place}"
    finally:
        owner.stdin.close()
        owner.wait(30)


class Stage(Server):
    """A server at some moment. It is moved on by a restart, since a clock that is set at a stroke is another matter."""

    def __init__(self, program, folder, url, at):
        library = glob.glob(FAKETIME)
        assert library, "missing: apt-get install libfaketime"
        self.moment = self.faked(at) | {"LD_PRELOAD": library[0], "TZ": "UTC", "RISTOURNE_DEBT_LIMIT": str(DEBT_LIMIT), "RISTOURNE_LOG": "error"}
        super().__init__(program, folder, DATABASE_URL=url, **self.moment)
        self.worked()

    def faked(self, at):
        """The time goes on from there as usual; that of timers is left alone."""
        moment = datetime.datetime.fromtimestamp(at / 1000, datetime.UTC)
        self.at = at
        return {"FAKETIME": f"@{moment:%Y-%m-%d %H:%M:%S}", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}

    def move(self, at):
        """On to another time; returns when all that is due then is done."""
        assert self.stop() == 0
        self.env |= self.faked(at)
        self.start()
        self.worked()

    def worked(self):
        """Waits until every job came to its end once: the next run is a minute away."""
        seen, deadline = {}, time.monotonic() + 120
        while not ({"approve_due", "expire_unclaimed"} <= set(seen) and all(int(when) * 1000 >= self.at for when in seen.values())):
            assert time.monotonic() < deadline, f"jobs do not end: {seen}"
            time.sleep(0.02)
            seen = dict(JOBS.findall(self.request("GET", "/metrics")[2].replace(b"e0", b"")))
            seen = {name.decode(): when for name, when in seen.items()}

    def rested(self):
        """A new connection after a while of thinking: the server closes those that are idle."""
        self.connections.http.close()

    def post(self, path, body, key=None):
        """Status and answer of a JSON text, whatever it is."""
        headers = {"Authorization": f"Bearer {key or self.key}", "Content-Type": "application/json"}
        status, _, answer = self.request("POST", "/api/v1" + path, body, headers)
        return status, json.loads(answer)
