#!/usr/bin/python3
"""A full disk is a state, not an accident: weir says so, waits, loses nothing, and goes on by itself.

The state directory is a tmpfs of some MiB, filled by a ballast file. A tmpfs needs a mount namespace: this script
starts itself again in one of its own, as root or, where that is allowed, in a user namespace, too; where it is not, all
of its tests are skipped. No test asserts a time: waits are bounded, that is all.
"""

import atexit
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import weirlib
from weirlib import Failure

NEW_NAMESPACE = "WEIR_FULL_DISK_INSIDE"
SEGMENT = 256 << 10
# Segments of a size that a small disk holds several of, and no checkpoint but those that a full log asks for.
SMALL = {"weir.wal.segment-bytes": "256 kb", "weir.checkpoint.interval": "1 h", "weir.checkpoint.bytes": "1 gb"}

JOB = """
SET 'table.local-time-zone' = 'UTC';
CREATE TABLE ad_events (
  event_id STRING, event_type STRING, campaign_id BIGINT, user_id STRING, ip STRING, event_ms BIGINT,
  ts AS TO_TIMESTAMP_LTZ(event_ms, 3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('connector' = 'flume', 'listen' = '127.0.0.1:0', 'format' = 'avro', 'avro.schema-file' = 'ad_event.avsc');
CREATE TABLE per_window (campaign_id BIGINT, window_end TIMESTAMP(3), n BIGINT,
  PRIMARY KEY (campaign_id, window_end) NOT ENFORCED
) WITH ({sink});
INSERT INTO per_window SELECT campaign_id, window_end, COUNT(*)
FROM TABLE(TUMBLE(TABLE ad_events, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY campaign_id, window_start, window_end;
"""
ADDED = """
CREATE TABLE users (user_id STRING, window_end TIMESTAMP(3), n BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO users SELECT user_id, window_end, COUNT(*)
FROM TABLE(TUMBLE(TABLE ad_events, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY user_id, window_start, window_end;
"""
FAR_MS = 86_400_000
EVENTS_PER_MS = 20


class Disk:
    """A tmpfs, and how to fill it."""

    def __init__(self, path, mib):
        self.path = path
        self.ballast = os.path.join(path, "ballast")
        os.makedirs(path, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=700", "tmpfs", path], check=True)
        atexit.register(subprocess.run, ["umount", "-l", path], check=False)

    def fill(self):
        """To the last page."""
        with open(self.ballast, "ab") as file:
            for size in (1 << 20, 4096):
                with contextlib.suppress(OSError):
                    while True:
                        os.write(file.fileno(), b"x" * size)

    def leave(self, n_bytes):
        """Fills all but so much."""
        self.fill()
        os.truncate(self.ballast, os.path.getsize(self.ballast) // 4096 * 4096 - n_bytes)

    def free(self):
        os.unlink(self.ballast)


def http(address, path):
    """Status and text, whatever the status."""
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.read().decode()


class Bench:
    """weir on a disk of its own, a Redis beside it, and what was acknowledged so far."""

    def __init__(self, name, mib, settings=SMALL, has_redis=True):
        self.folder = weirlib.Folder(name)
        with open(self.folder.join("ad_event.avsc"), "w", encoding="utf-8") as schema:
            json.dump(weirlib.AD_SCHEMA, schema)
        self.redis = weirlib.RedisServer(self.folder) if has_redis else None
        sink = f"'connector' = 'redis', 'url' = '{self.redis.url}', 'ttl' = '7 d'" if has_redis else "'connector' = 'blackhole'"
        self.job = JOB.replace("{sink}", sink)
        self.weir = weirlib.Weir(self.folder, self.job, {"weir.name": name, **settings})
        self.disk = Disk(self.weir.state, mib)
        self.log_start = 0
        self.lock = threading.Lock()
        self.n_made = self.n_acked = 0
        self.base_ms = int(time.time() * 1000) // 1000 * 1000 - FAR_MS
        self.random = weirlib.seeded(name, 1)
        self.batch_most = 5000  # some are larger than a quarter of a segment
        self.senders = []
        self.is_sending = False
        self.errors = []

    # -- weir

    def start(self, wait=True):
        log = self.folder.join(f"{self.weir.name}.log")
        self.log_start = os.path.getsize(log) if os.path.exists(log) else 0
        self.weir.start(wait=wait)
        return self

    def log_text(self):
        """Of this life."""
        with open(self.weir.process.log_path, "rb") as log:
            log.seek(self.log_start)
            return log.read().decode(errors="replace")

    def log_lines(self, event):
        return [line for line in self.log_text().splitlines() if f" event={event} " in line + " "]

    def wait_line(self, event, *words):
        def probe():
            if not self.weir.process.alive():
                raise Failure(f"weir ended with {self.weir.process.child.returncode}:\n{self.log_text()[-3000:]}")
            return [line for line in self.log_lines(event) if all(word in line for word in words)]
        return weirlib.wait_until(f"event={event} {' '.join(words)}", 60, probe)

    def address(self):
        """HTTP's, as the log says: endpoints.json is there only when weir is ready."""
        return self.wait_line("http")[0].rsplit("address=", 1)[1]

    def readyz(self):
        code, text = http(self.address(), "/readyz")
        return code, json.loads(text)

    def wait_not_ready(self, word):
        def probe():
            code, answer = self.readyz()
            return code == 503 and any(word in reason for reason in answer["reasons"])
        weirlib.wait_until(f"/readyz to say {word!r}", 60, probe)
        code, text = http(self.address(), "/livez")
        if (code, text) != (200, "ok\n"):
            raise Failure(f"/livez says {code} {text!r}")

    def wait_ready(self):
        weirlib.wait_until("/readyz to say yes", 60, lambda: self.readyz()[0] == 200)

    def metric(self, name):
        code, text = http(self.address(), "/metrics")
        values = [line.split()[1] for line in text.splitlines() if line.split()[0] == name]
        if code != 200 or len(values) != 1:
            raise Failure(f"/metrics: {code}, {name} {values}")
        return float(values[0])

    def terminate(self):
        """SIGTERM: exit 0, and nothing left that says weir is there."""
        code = self.weir.process.terminate(60)
        if code != 0 or not self.log_lines("stopped"):
            raise Failure(f"exit {code} after SIGTERM:\n{self.log_text()[-3000:]}")
        if os.path.exists(os.path.join(self.weir.state, "endpoints.json")):
            raise Failure("endpoints.json is still there")

    # -- events

    def make(self, n):
        with self.lock:
            first = self.n_made
            self.n_made += n
        return [weirlib.ad_body({"event_id": f"e{i}", "event_type": "click", "campaign_id": i % 7, "user_id": f"u{i % 11}",
                                 "ip": "192.0.2.1", "event_ms": self.base_ms + i // EVENTS_PER_MS}) for i in range(first, first + n)]

    def acknowledged(self, n):
        with self.lock:
            self.n_acked += n

    def sending(self):
        """An agent: one batch after the other, each again until it is acknowledged."""
        client = None
        bodies = None
        try:
            while bodies is not None or self.is_sending:
                bodies = bodies or self.make(self.random.randrange(1, self.batch_most))
                try:
                    client = client or weirlib.FlumeClient(self.weir.address("ad_events"), timeout=5.0)
                    status = client.append_batch(bodies)
                except (OSError, ValueError, KeyError):
                    status = None
                if status == "OK":
                    self.acknowledged(len(bodies))
                    bodies = None
                    continue
                if status is not None and "full" not in status and "max-bytes" not in status:
                    self.errors.append(status)
                if client is not None:
                    client.close()
                client = None
                time.sleep(0.02)
        except Exception as reason:
            self.errors.append(repr(reason))

    def begin_sending(self):
        self.is_sending = True
        self.senders = [threading.Thread(target=self.sending, daemon=True) for _ in range(3)]
        for sender in self.senders:
            sender.start()

    def end_sending(self):
        self.is_sending = False
        for sender in self.senders:
            sender.join(120)
            if sender.is_alive():
                raise Failure(f"an agent waits for an OK:\n{self.log_text()[-3000:]}")
        if self.errors:
            raise Failure(f"{self.errors[:3]}")

    def sink(self):
        return self.weir.status()["sinks"]["per_window"]

    def wait_acked(self, n):
        before = self.n_acked
        weirlib.wait_until(f"{n} more acknowledged events", 60, lambda: self.errors or self.n_acked >= before + n)

    def fill(self):
        """Until weir says so. What it gives back meanwhile (an old checkpoint, files of the outbox) is filled as well."""
        def is_full():
            self.disk.fill()
            return len(self.log_lines("no-room")) > len(self.log_lines("room-again"))
        weirlib.wait_until("weir to be full", 60, is_full)
        self.wait_line("no-room", "what=log", "why=disk", f"need_bytes={SEGMENT}")
        self.wait_not_ready(f"the disk of {self.weir.state} is full")

    def wait_no_more_acked(self):
        """Nothing is acknowledged for a while; what was under way when the disk became full may still have been."""
        def probe():
            before = self.n_acked
            time.sleep(1.5)
            return self.n_acked == before
        weirlib.wait_until("weir to acknowledge nothing", 60, probe)

    # -- the judge

    def counted(self):
        """Events in Redis's windows."""
        redis = self.redis.client()
        return sum(int(redis.hget(key, "n")) for key in redis.scan_iter("weir:{per_window:*", count=1000))

    def check_counted(self):
        """Every acknowledged event counts once; one that was not may have been logged before its agent gave up, but
        agents here send until they have their OK, so in the end all were."""
        status = self.weir.status()
        weirlib.check_identities(status)
        source = status["sources"]["ad_events"]
        if source["accepted"] != self.n_acked or source["dead"] != 0:
            raise Failure(f"{self.n_acked} events acknowledged, {source}")

    def check_results(self):
        """One row far ahead closes all windows; then Redis's counts add up to what was acknowledged."""
        client = weirlib.FlumeClient(self.weir.address("ad_events"), timeout=60.0)
        body = weirlib.ad_body({"event_id": "last", "event_type": "click", "campaign_id": 0, "user_id": "u", "ip": "",
                                "event_ms": self.base_ms + FAR_MS})
        if client.append_batch([body]) != "OK":
            raise Failure("the closing row is not OK")
        weirlib.wait_until("the last results to be confirmed", 60,
                           lambda: self.sink()["rows"] > 0 and self.sink()["commit_epoch"] >= self.sink()["epoch"] > 0 and
                           self.counted() >= self.n_acked)
        if self.counted() != self.n_acked:
            raise Failure(f"{self.n_acked} events acknowledged, {self.counted()} counted in Redis")
        client.close()
        self.acknowledged(1)


# ------------------------------------------------------------------------------------- at the start

def start_without_room_for_a_segment_waits_and_goes_on():
    """The default segment on a disk that is smaller than one."""
    bench = Bench("start", 80, settings={}, has_redis=False)
    bench.disk.leave(40 << 20)
    bench.start(wait=False)
    line = bench.wait_line("no-room", "what=log", "why=disk", f"need_bytes={64 << 20}")[0]
    if bench.weir.state not in line:
        raise Failure(f"the line does not name the disk: {line}")
    bench.wait_not_ready(f"the disk of {bench.weir.state} is full")
    status = json.loads(http(bench.address(), "/status")[1])
    if status["ready"] or not status["log"]["full"] or bench.metric("weir_wal_full") != 1:
        raise Failure(f"{status}")
    if os.path.exists(os.path.join(bench.weir.state, "endpoints.json")):
        raise Failure("endpoints.json is there before weir is ready")
    bench.terminate()
    bench.start(wait=False)
    bench.wait_line("no-room", "what=log")
    bench.disk.free()
    bench.weir.wait_ready()
    bench.wait_ready()
    bench.wait_line("room-again", "what=log")
    if len(bench.log_lines("no-room")) != 1 or len(bench.log_lines("room-again")) != 1:
        raise Failure(f"the state is not told once:\n{bench.log_text()}")
    bench.weir.stop()


def start_on_a_disk_without_a_byte_waits_and_goes_on():
    """Not even the file that counts the starts can be written."""
    bench = Bench("byte", 4, has_redis=False)
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        bench.disk.fill()
        bench.start(wait=False)
        bench.wait_line("no-room", "what=start", "why=disk")
        bench.wait_not_ready("the disk of")
        if json.loads(http(bench.address(), "/status")[1])["sources"] != {}:
            raise Failure("/status shows sources before there are any")
        bench.weir.process.child.send_signal(signal_number)
        bench.terminate()
        bench.start(wait=False)
        bench.wait_line("no-room", "what=start")
        bench.disk.free()
        bench.weir.wait_ready()
        bench.wait_ready()
        bench.weir.stop()


def supervisor_hears_that_a_start_goes_on():
    bench = Bench("heard", 4, has_redis=False)
    bench.disk.fill()
    heard = []
    path = bench.folder.join("notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(path)
        listener.settimeout(0.1)
        os.environ.update(NOTIFY_SOCKET=path, WATCHDOG_USEC="200000")
        try:
            bench.start(wait=False)

            def hears(word):
                with contextlib.suppress(TimeoutError):
                    heard.extend(listener.recv(4096).decode().split("\n"))
                return any(word in line for line in heard)
            for word in ("EXTEND_TIMEOUT_USEC=", "STATUS=the disk of", "WATCHDOG=1"):
                weirlib.wait_until(word, 30, lambda wanted=word: hears(wanted))
            if hears("READY=1"):
                raise Failure(f"READY=1 while the disk is full: {heard}")
            bench.disk.free()
            weirlib.wait_until("READY=1", 60, lambda: hears("READY=1"))
        finally:
            del os.environ["NOTIFY_SOCKET"], os.environ["WATCHDOG_USEC"]
        bench.weir.stop()


# ---------------------------------------------------------------------------------- while it is running

def fill_while_sending(bench):
    bench.begin_sending()
    bench.wait_acked(5000)
    bench.fill()
    bench.wait_no_more_acked()


def disk_full_while_sending_stops_intake_until_there_is_room():
    bench = Bench("running", 8).start()
    fill_while_sending(bench)
    if bench.metric("weir_wal_full") != 1:
        raise Failure("weir_wal_full")
    weirlib.check_identities(bench.weir.status())
    bench.weir.write_job(bench.job + ADDED)
    bench.weir.process.child.send_signal(signal.SIGHUP)  # this waits, too, and SIGTERM would still be heard
    bench.wait_not_ready(f"the disk of {bench.weir.state} is full")
    bench.disk.free()
    bench.wait_line("room-again", "what=log")
    bench.wait_line("reload", "generation 2 is in force")
    bench.wait_ready()
    bench.wait_acked(5000)
    bench.end_sending()
    bench.check_counted()
    bench.check_results()
    bench.weir.stop()
    bench.start()
    bench.check_counted()
    bench.weir.stop()


def kill_while_full_loses_nothing():
    bench = Bench("killed", 8).start()
    fill_while_sending(bench)
    bench.weir.kill()
    bench.start(wait=False)
    bench.wait_line("no-room", "why=disk")
    bench.wait_not_ready(f"the disk of {bench.weir.state} is full")
    bench.weir.kill()
    bench.start(wait=False)
    bench.wait_line("no-room", "why=disk")
    bench.disk.free()
    bench.weir.wait_ready()
    bench.wait_ready()
    bench.wait_acked(5000)
    bench.end_sending()
    bench.check_counted()
    bench.check_results()
    bench.weir.stop()


def stop_while_full_is_clean_and_loses_nothing():
    bench = Bench("stopped", 8).start()
    fill_while_sending(bench)
    bench.terminate()
    bench.start(wait=False)
    bench.wait_line("no-room", "why=disk")
    bench.terminate()
    bench.start(wait=False)
    bench.wait_line("no-room", "why=disk")
    bench.disk.free()
    bench.weir.wait_ready()
    bench.wait_acked(5000)
    bench.end_sending()
    bench.check_counted()
    bench.check_results()
    bench.weir.stop()


def results_leave_while_the_log_is_full():
    bench = Bench("results", 8).start()
    bench.redis.process.child.send_signal(signal.SIGSTOP)
    bench.begin_sending()
    weirlib.wait_until("an epoch that Redis does not take", 60, lambda: bench.sink()["epoch"] > bench.sink()["commit_epoch"])
    bench.fill()
    epoch = bench.sink()["epoch"]
    if bench.sink()["commit_epoch"] >= epoch:
        raise Failure(f"{bench.sink()} while Redis stands still")
    bench.redis.process.child.send_signal(signal.SIGCONT)
    weirlib.wait_until("the results in Redis", 60, lambda: bench.sink()["commit_epoch"] >= epoch)
    bench.wait_not_ready(f"the disk of {bench.weir.state} is full")
    bench.disk.free()
    bench.end_sending()
    bench.check_counted()
    bench.check_results()
    bench.weir.stop()


def limit_of_the_log_is_told_as_such():
    """Redis is away and the outbox may keep next to nothing: no checkpoint can be taken, so none cuts the log. Some batches are
    larger than a segment: they must not be stopped half-way, where no checkpoint could help."""
    bench = Bench("limit", 64, {**SMALL, "weir.wal.max-bytes": "1 mb", "weir.outbox.keep-bytes": "4 kb"}).start()
    bench.batch_most = 20000
    bench.redis.kill()
    bench.begin_sending()
    bench.wait_line("no-room", "what=log", "why=max-bytes")
    bench.wait_no_more_acked()
    bench.wait_not_ready("the log has reached weir.wal.max-bytes (1 MiB)")
    bench.redis.start()
    bench.wait_ready()
    bench.wait_acked(5000)
    bench.end_sending()
    bench.check_counted()
    bench.weir.stop()


TESTS = [start_without_room_for_a_segment_waits_and_goes_on, start_on_a_disk_without_a_byte_waits_and_goes_on,
         supervisor_hears_that_a_start_goes_on, disk_full_while_sending_stops_intake_until_there_is_room,
         kill_while_full_loses_nothing, stop_while_full_is_clean_and_loses_nothing, results_leave_while_the_log_is_full,
         limit_of_the_log_is_told_as_such]


def enter_namespace():
    """Runs this script again where it may mount; answers only when that cannot be."""
    ways = [["unshare", "--mount"], ["unshare", "--user", "--map-root-user", "--mount"]]
    for way in ways if os.geteuid() == 0 else ways[1:]:
        probe = [*way, "sh", "-c", "mount -t tmpfs -o size=1m tmpfs /mnt"]
        with contextlib.suppress(OSError):
            if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
                os.environ[NEW_NAMESPACE] = "1"
                os.execvp(way[0], [*way, sys.executable, *sys.argv])


if __name__ == "__main__":
    if NEW_NAMESPACE not in os.environ:
        enter_namespace()
        print("skip: no tmpfs can be mounted here (neither as root nor in a user namespace)", flush=True)
        weirlib.finish(0, 0, len(TESTS))
    weirlib.run_tests(TESTS)
