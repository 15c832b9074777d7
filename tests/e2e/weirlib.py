"""What the end-to-end tests share: a weir, a Redis and a Flume client, each a real process or socket.

Everything lives below one temporary folder, listens on loopback or a unix socket, takes its ports from
the kernel, and is ended by its own pid. Nothing here knows how weir works inside: it sees the command
line, the wire, Redis and /status, as a user does.
"""

import atexit
import json
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request

FLUME_HASH = bytes.fromhex("86aadae2c45474c0fe93ffd0f2350a65")
BUILD = os.environ.get("WEIR_BUILD", os.getcwd())
SOURCE = os.environ.get("WEIR_SOURCE", os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
WEIR = os.environ.get("WEIR") or os.path.join(BUILD, "weir")


class Failure(Exception):
    """What a test found wrong."""


def wait_until(what, seconds, probe):
    """Polls until probe() gives something true; a bound on the wait, never an assertion about time."""
    deadline = time.monotonic() + seconds
    while True:
        result = probe()
        if result:
            return result
        if time.monotonic() > deadline:
            raise Failure(f"waited {seconds} s for {what}")
        time.sleep(0.01)


class Folder:
    """A temporary folder that goes away at exit (kept, and named, when WEIR_KEEP is set)."""

    def __init__(self, name):
        self.path = tempfile.mkdtemp(prefix=f"weir-{name}-")
        if os.environ.get("WEIR_KEEP"):
            print(f"keeping {self.path}", flush=True)
        else:
            atexit.register(shutil.rmtree, self.path, ignore_errors=True)

    def join(self, *parts):
        return os.path.join(self.path, *parts)


# ---------------------------------------------------------------------------------------- Avro

def avro_long(value):
    zigzag = (value << 1) ^ (value >> 63)
    zigzag &= (1 << 64) - 1
    out = bytearray()
    while zigzag > 0x7F:
        out.append(zigzag & 0x7F | 0x80)
        zigzag >>= 7
    out.append(zigzag)
    return bytes(out)


def avro_bytes(value):
    return avro_long(len(value)) + value


def avro_text(value):
    return avro_bytes(value.encode())


AD_SCHEMA = {
    "type": "record", "name": "AdEvent", "namespace": "weir.events",
    "fields": [
        {"name": "event_id", "type": "string"},
        {"name": "event_type", "type": "string"},
        {"name": "campaign_id", "type": "long"},
        {"name": "user_id", "type": "string"},
        {"name": "ip", "type": "string"},
        {"name": "event_ms", "type": "long"},
    ],
}


def ad_body(event):
    return b"".join((avro_text(event["event_id"]), avro_text(event["event_type"]), avro_long(event["campaign_id"]),
                     avro_text(event["user_id"]), avro_text(event["ip"]), avro_long(event["event_ms"])))


def flume_event(body, headers=()):
    out = b""
    if headers:
        out = avro_long(len(headers)) + b"".join(avro_text(k) + avro_text(v) for k, v in headers)
    return out + b"\0" + avro_bytes(body)


class FlumeClient:
    """One connection of an avro sink: handshake with the first call, stop-and-wait, buffers of 8192 bytes."""

    def __init__(self, address, bind=None, timeout=20.0):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        if bind:
            self.socket.bind((bind, 0))
        self.socket.connect(address)
        self.serial = 0
        self.handshaken = False

    def close(self):
        self.socket.close()

    def append_batch(self, bodies, headers=()):
        """Sends one appendBatch and returns the status text: "OK", "FAILED", or raises on a lost connection."""
        self.send_batch(bodies, headers)
        return self._answer()

    def send_batch(self, bodies, headers=()):
        """Sends one appendBatch and waits for nothing."""
        self.serial += 1
        head = b""
        if not self.handshaken:
            head = FLUME_HASH + b"\0" + FLUME_HASH + b"\2\0"
        head += b"\0" + avro_text("appendBatch")
        payload = avro_long(len(bodies)) + b"".join(flume_event(body, headers) for body in bodies) + b"\0"
        buffers = [head] + [payload[i:i + 8192] for i in range(0, len(payload), 8192)]
        frame = struct.pack(">ii", self.serial, len(buffers))
        frame += b"".join(struct.pack(">i", len(buffer)) + buffer for buffer in buffers)
        self.socket.sendall(frame)

    def _read(self, n):
        data = b""
        while len(data) < n:
            more = self.socket.recv(n - len(data))
            if not more:
                raise ConnectionError("weir closed the connection")
            data += more
        return data

    def _answer(self):
        serial, count = struct.unpack(">ii", self._read(8))
        if serial != self.serial or not 1 <= count <= 8:
            raise Failure(f"answer to call {serial} with {count} buffers, expected {self.serial}")
        body = b""
        for _ in range(count):
            (length,) = struct.unpack(">i", self._read(4))
            body += self._read(length)
        if not self.handshaken:
            if body[:4] != b"\0\0\0\0":
                raise Failure(f"handshake answered with {body[:4].hex()}, expected BOTH")
            body = body[4:]
            self.handshaken = True
        if body[1:2] == b"\0":
            return {0: "OK", 2: "FAILED", 4: "UNKNOWN"}[body[2]]
        return "ERROR " + body[4:].decode(errors="replace")


# ------------------------------------------------------------------------------------ processes

class Process:
    """A child ended by its own pid at exit, whatever happens to the test."""

    def __init__(self, arguments, log_path, **options):
        self.log_path = log_path
        self.log = open(log_path, "ab")
        self.child = subprocess.Popen(arguments, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL, **options)
        atexit.register(self.kill)

    @property
    def pid(self):
        return self.child.pid

    def alive(self):
        return self.child.poll() is None

    def kill(self):
        if self.alive():
            self.child.send_signal(signal.SIGKILL)
        self.child.wait()
        self.log.close()

    def terminate(self, seconds=30):
        self.child.send_signal(signal.SIGTERM)
        try:
            code = self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failure(f"pid {self.pid} did not end within {seconds} s of SIGTERM; log {self.log_path}") from None
        self.log.close()
        return code

    def log_text(self):
        with open(self.log_path, "rb") as log:
            return log.read().decode(errors="replace")


class RedisServer:
    """A real redis-server on a unix socket."""

    def __init__(self, folder, name="redis", options=()):
        self.folder = folder
        self.name = name
        self.path = folder.join(f"{name}.sock")
        self.options = list(options)
        self.process = None
        self.start()

    @property
    def url(self):
        return f"unix://{self.path}?db=0"

    def start(self):
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.process = Process(
            ["redis-server", "--port", "0", "--unixsocket", self.path, "--dir", self.folder.path, "--save", "",
             "--appendonly", "no", "--dbfilename", f"{self.name}.rdb", *self.options], self.folder.join(f"{self.name}.log"))
        wait_until("redis-server", 20, self._answers)

    def _answers(self):
        try:
            return self.client().ping()
        except Exception:  # not there yet
            return False

    def client(self):
        import redis
        return redis.Redis(unix_socket_path=self.path, decode_responses=True)

    def kill(self):
        self.process.kill()


class Weir:
    """A `weir run` with its own state folder; start() again after kill() is a restart."""

    def __init__(self, folder, job_text, settings=(), name="weir", program=None, prefix=()):
        self.folder = folder
        self.name = name
        self.program = program or WEIR
        self.prefix = list(prefix)  # taskset and the like
        self.job = folder.join(f"{name}.sql")
        self.state = folder.join(f"{name}-state")
        self.settings = dict(settings)
        self.process = None
        self.write_job(job_text)

    def write_job(self, job_text):
        with open(self.job, "w", encoding="utf-8") as job:
            job.write(job_text)

    def start(self, wait=True, seconds=60):
        arguments = [*self.prefix, self.program, "run"]
        settings = {"weir.state-dir": self.state, "weir.http.listen": "127.0.0.1:0", **self.settings}
        for key, value in settings.items():
            arguments += ["-D", f"{key}={value}"]
        endpoints = os.path.join(self.state, "endpoints.json")
        if os.path.exists(endpoints):
            os.unlink(endpoints)
        self.process = Process([*arguments, self.job], self.folder.join(f"{self.name}.log"))
        if wait:
            self.wait_ready(seconds)
        return self

    def wait_ready(self, seconds=60):
        def ready():
            if not self.process.alive():
                raise Failure(f"weir ended with {self.process.child.returncode}:\n{self.process.log_text()[-3000:]}")
            return os.path.exists(os.path.join(self.state, "endpoints.json"))
        wait_until("weir's endpoints.json", seconds, ready)

    def endpoints(self):
        with open(os.path.join(self.state, "endpoints.json"), encoding="utf-8") as file:
            return json.load(file)

    def address(self, table):
        host, port = self.endpoints()[table].rsplit(":", 1)
        return (host, int(port))

    def http(self, path):
        with urllib.request.urlopen(f"http://{self.endpoints()['http']}{path}", timeout=10) as answer:
            return answer.read().decode()

    def status(self):
        return json.loads(self.http("/status"))

    def kill(self):
        self.process.kill()

    def stop(self, seconds=60):
        code = self.process.terminate(seconds)
        if code != 0:
            raise Failure(f"weir ended with {code} after SIGTERM:\n{self.process.log_text()[-3000:]}")


def dead_letters(weir):
    """All rows under <state-dir>/dead in no order, those of the part that is still written to (a hidden file) among them."""
    rows = []
    folder = os.path.join(weir.state, "dead")
    for name in os.listdir(folder):
        if "part-" not in name:
            continue
        with open(os.path.join(folder, name), encoding="utf-8") as part:
            rows += [json.loads(line) for line in part if line.endswith("\n")]
    return rows


def check_identities(status):
    """The identities of design section 7, exact at any moment."""
    for name, source in status["sources"].items():
        if source["received"] != source["accepted"] + source["duplicate"] + source["dead"]:
            raise Failure(f"source {name}: {source}")
    for window in status["windows"]:
        if window["in"] != window["used"] + window["late"] + window["failed"] + window["overflow"]:
            raise Failure(f"window {window}")


def finish(passed, failed, skipped=0):
    print(f"# tests: {passed} passed, {failed} failed, {skipped} skipped", flush=True)
    sys.exit(1 if failed else 0)


def run_tests(tests):
    """Runs functions named by what must hold; a name on the command line runs that one alone."""
    wanted = sys.argv[1:]
    passed = failed = 0
    for test in tests:
        if wanted and test.__name__ not in wanted:
            continue
        try:
            test()
            print(f"ok   {test.__name__}", flush=True)
            passed += 1
        except Exception as reason:  # a test's own failure is its result
            import traceback
            traceback.print_exc()
            print(f"FAIL {test.__name__}: {reason}", flush=True)
            failed += 1
    finish(passed, failed)


def seeded(name, default):
    seed = int(os.environ.get("WEIR_SEED", default))
    print(f"{name}: seed {seed} (WEIR_SEED={seed} runs it again)", flush=True)
    return random.Random(seed)
