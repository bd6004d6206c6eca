"""What the benches measure with: servers in processes of their own, their CPU time from /proc, and machines' facts. Standard library only."""

import glob
import json
import os
import pwd
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TICK_US = 1_000_000 // os.sysconf("SC_CLK_TCK")
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
TERMS = {"commission": [{"when": {"category": ["books"]}, "pay": {"percent": "8"}}, {"pay": {"percent": "5"}}],
         "split": {"publisher": "60", "buyer": "30", "platform": "10"}}


# What was started and has to end, in whatever way this does.
RUNNING = []


def stop_all():
    while RUNNING:
        RUNNING.pop().stop()


def say(text):
    print(text, file=sys.stderr, flush=True)


def debian(package, found):
    """Installs a package of Debian unless what it is for is there."""
    if found():
        return
    if os.geteuid() != 0:
        raise SystemExit(f"missing; run as root: apt-get install {package}")
    say(f"installing {package}")
    quiet = {"stdout": subprocess.DEVNULL, "check": True}
    subprocess.run(["apt-get", "update", "-q"], **quiet)
    subprocess.run(["apt-get", "install", "-q", "-y", "--no-install-recommends", package], **quiet,
                   env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"})
    if not found():
        raise SystemExit(f"{package} is installed, but what it is for is not there")


def postgres_bin():
    """The folder of the newest PostgreSQL's programs: Debian keeps them out of the PATH."""
    folders = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[4]))
    return Path(folders[-1]) if folders and (Path(folders[-1]) / "initdb").exists() else None


def program(name):
    """A program by name, also where only root looks."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def build():
    """The release build: the server, and the benches' own two programs. RISTOURNE_BENCH_BIN names a folder that has them already."""
    if folder := os.environ.get("RISTOURNE_BENCH_BIN"):
        return {name: f"{folder}/{name}" for name in ("ristourne", "load", "floor")}
    command = ["cargo", "build", "--release", "--bin", "ristourne", "--bench", "load", "--bench", "floor", "--message-format=json-render-diagnostics"]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    built = {}
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable"):
            built[message["target"]["name"]] = message["executable"]
    return built


def stat(pid):
    """Parent, own CPU ticks and those of children that have ended; none if the process has gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(fields[1]), int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])


def cpu_us(pid):
    """CPU time of a process and of its children, those that have ended too, in microseconds."""
    _, own, ended = stat(pid)
    children = (stat(entry) for entry in os.listdir("/proc") if entry.isdigit())
    return (own + ended + sum(child[1] for child in children if child and child[0] == pid)) * TICK_US


def memory_mb(pid, what="VmHWM"):
    """Resident memory, VmRSS now or VmHWM at its highest, in MB."""
    found = re.search(rf"^{what}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.M)
    return int(found[1]) / 1024


class Server:
    """`ristourne serve`, or the floor, on a database."""

    def __init__(self, built, database, folder, floor=False, options=()):
        folder.mkdir(parents=True, exist_ok=True)
        self.built, self.database = built, database
        self.env = os.environ | {"DATABASE_URL": database, "RISTOURNE_LOG": "warn"}
        if floor:
            command = [built["floor"], database, "127.0.0.1:0", str(folder / "clicks.raw")]
        else:
            command = [built["ristourne"], "serve", "--listen", "127.0.0.1:0", "--spool-dir", str(folder / "spool"), *options]
        self.process = subprocess.Popen(command, env=self.env, stdout=subprocess.PIPE, text=True)
        RUNNING.append(self)
        line = self.process.stdout.readline().strip()
        if not line.startswith("listening on http://"):
            raise SystemExit(f"the server did not start: {line!r}")
        self.address = line.removeprefix("listening on http://")
        self.pid = self.process.pid
        self.key = None

    def run(self, *command):
        """A command of the program; gives what it printed."""
        done = subprocess.run([self.built["ristourne"], *command], env=self.env, check=True, stdout=subprocess.PIPE, text=True)
        return done.stdout

    def api(self, method, path, body=None):
        self.key = self.key or json.loads(self.run("key", "create", "--role", "operator"))["key"]
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://{self.address}/api/v1{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{method} {path}: {error.code} {error.read().decode()}") from None

    def network(self, programs=4, publishers=10, buyers=100, coupons=False):
        """Merchants, each with a program; publishers, two of them portals; links of each with each. Gives the load's view of them."""
        refs = [self.api("POST", "/buyers", {})["ref"] for _ in range(buyers)]
        made = []
        for n in range(publishers):
            portal = {"kind": "cashback", "portal": True} if n < 2 else {}
            made.append((self.api("POST", "/publishers", {"name": f"Publisher {n}"} | portal)["id"], bool(portal)))
        found = []
        for n in range(programs):
            merchant = self.api("POST", "/merchants", {"name": f"Merchant {n}"})["id"]
            secret = self.api("POST", f"/merchants/{merchant}/secrets", {})["secret"]
            body = {"merchant": merchant, "name": f"Program {n}", "currency": "EUR", "landing_url": "https://shop.example/offer",
                    "domains": ["shop.example"], "terms": TERMS}
            id = self.api("POST", "/programs", body)["id"]
            paths = []
            for publisher, portal in made:
                slug = self.api("POST", "/links", {"program": id, "publisher": publisher})["slug"]
                paths += [f"/c/{slug}?sub1=s{i}" + (f"&buyer={refs[(n * 29 + i) % buyers]}" if portal and buyers else "") for i in range(20)]
            codes = []
            for at, (publisher, _) in enumerate(made if coupons else []):
                codes.append(f"BENCH{n}X{at}")
                self.api("POST", "/coupons", {"program": id, "code": codes[-1], "publisher": publisher})
            # Side by side what follows side by side: every click another publisher.
            found.append({"id": id, "secret": secret, "paths": [path for i in range(20) for path in paths[i::20]], "coupons": codes})
        return found

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()

    def cpu_us(self):
        return cpu_us(self.pid)


class Postgres:
    """A cluster of our own: everything that makes it durable is on."""

    SETTINGS = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "shared_buffers": "512MB", "max_wal_size": "4GB",
                "max_connections": "200", "listen_addresses": "", "jit": "off"}

    def __init__(self, folder):
        self.bin, self.folder = postgres_bin(), folder
        folder.mkdir(parents=True)
        self.user = [] if os.geteuid() else ["runuser", "-u", "postgres", "--"]
        if self.user:
            os.chown(folder, pwd.getpwnam("postgres").pw_uid, -1)
        self.call("initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C")
        options = " ".join(f"-c {name}={value}" for name, value in self.SETTINGS.items() if value)
        self.call("pg_ctl", "-D", folder / "data", "-l", folder / "log", "-w", "-o", f"-k {folder} -c listen_addresses= {options}", "start")
        RUNNING.append(self)
        self.pid = int((folder / "data/postmaster.pid").read_text().split()[0])
        self.count = 0

    def call(self, name, *arguments):
        command = [*self.user, self.bin / name, *arguments]
        done = subprocess.run([str(part) for part in command], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            raise SystemExit(f"{name}: {done.stdout}")
        return done.stdout

    def create(self):
        self.count += 1
        self.call("createdb", "-h", self.folder, "-U", "postgres", f"bench{self.count}")
        return f"postgres://postgres@localhost/bench{self.count}?host={self.folder}"

    def sql(self, database, text):
        name = database.split("localhost/")[1].split("?")[0]
        return self.call("psql", "-h", self.folder, "-U", "postgres", "-d", name, "-v", "ON_ERROR_STOP=1", "-qAt", "-c", text).strip()

    def stop(self):
        if (self.folder / "data/postmaster.pid").exists():
            self.call("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "-w", "stop")

    def cpu_us(self):
        return cpu_us(self.pid)


class Nginx:
    """`return 302`, with an access log that is buffered: nothing is durable."""

    CONF = """worker_processes auto; pid {folder}/pid; error_log {folder}/error.log; worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
  access_log {folder}/access.log combined buffer=64k flush=1s;
  keepalive_requests 1000000000;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{
    listen 127.0.0.1:{port};
    location /c/ {{
      add_header Cache-Control no-store always;
      add_header X-Robots-Tag noindex always;
      return 302 https://shop.example/offer?rclid=AQFmfWmUlR2yqgzKxJ5HQhA1b2c3d4e5f6g7h8i9j0kAbCdEfGhIjKlMn;
    }}
  }}
}}
"""

    def __init__(self, folder, port):
        folder.mkdir(parents=True)
        (folder / "nginx.conf").write_text(self.CONF.format(folder=folder, port=port))
        command = [program("nginx"), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log"), "-g", "daemon off;"]
        self.process = subprocess.Popen(command)
        RUNNING.append(self)
        self.address, self.pid = f"127.0.0.1:{port}", self.process.pid
        time.sleep(1)
        if self.process.poll() is not None:
            raise SystemExit((folder / "error.log").read_text())

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(10)

    def cpu_us(self):
        return cpu_us(self.pid)


class Load:
    """The load of signed sales: `benches/load.rs`."""

    def __init__(self, built, server, network, connections, sales):
        plan = {"address": server.address, "connections": connections, "sales": sales, "programs": network}
        self.process = subprocess.Popen([built["load"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        RUNNING.append(self)
        self.tell(json.dumps(plan))
        self.hear()

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def hear(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("the load ended; it has said why")
        return json.loads(line)

    def run(self, seconds):
        self.tell(f"run {seconds}")
        return self.hear()

    def stop(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(10)


def alternate(rounds, subjects):
    """Measures each subject in turn, so often: what disturbs the machine disturbs all. Gives the measurements by subject."""
    found = {name: [] for name in subjects}
    for round in range(rounds):
        for name, measure in subjects.items():
            found[name].append(measure())
            figures = ", ".join(f"{value:,.1f} {key}" for key, value in found[name][-1].items())
            say(f"  {round + 1}/{rounds} {name}: {figures}")
    return found


def median(values):
    return statistics.median(values)


def spread(values):
    """Median, and how far the lowest and the highest lie from it, as text."""
    middle = median(values)
    digits = 0 if middle >= 100 else 1
    if len(values) == 1 or not middle:
        return f"{middle:,.{digits}f}"
    return f"{middle:,.{digits}f} ({min(values):,.{digits}f}–{max(values):,.{digits}f})"


def machine(folder):
    """What the figures were measured on."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())
    git = subprocess.run(["git", "describe", "--always", "--dirty", "--abbrev=12"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    return {
        "commit": git.stdout.strip() or "unknown",
        "cpu": cpu[1] if cpu else "unknown",
        "cores": os.cpu_count(),
        "memory_gb": round(int(memory[1]) / 1024 / 1024),
        "kernel": os.uname().release,
        "fdatasync_us": round(fdatasync_us(folder)),
        "load_before": os.getloadavg()[0],
    }


def fdatasync_us(folder, times=200):
    """The median time of a 4 KiB append that is on the disk when it returns."""
    path, took = folder / "fdatasync", []
    with open(path, "wb", buffering=0) as file:
        for _ in range(times):
            started = time.perf_counter()
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
            took.append((time.perf_counter() - started) * 1e6)
    path.unlink()
    return median(took)
