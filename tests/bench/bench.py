#!/usr/bin/python3
"""make bench: weir against a bare server, side by side, under one client.

One core serves, one core sends. For each shape (frame size, pass rate, keys, place of the event time) the servers take
turns, five rounds, so that a slow minute of the machine hits all of them; printed are the median rate with the smallest
and largest, the CPU the server spent per event (smallest, median), and two ratios to the bare server of the same rounds:
of rates, and of CPU per event. A server that waits for the client has a lower rate than its CPU allows, so where the
client's own CPU per event (last column) is above the server's, the ratio of CPU is the one that says what a core serves.

    bare      tests/bench/bare_server.c: finds the ends of frames and answers OK, nothing else
    (c)       the click-through job, log off
    (d)       log on, acknowledging after sync, dedup off
    (e)       the same with 'dedup.key' = 'event_id'
    (f)       the same with fingerprints of the whole event
    (g)       replay of a log that (d) wrote without a checkpoint
    flume     Apache Flume 1.11.0's own avro source into a memory channel and into a file channel (null sink)

With a million keys a slide is 4 M events instead of 20 M, so that every second a window or two with all the keys fires;
before it is measured the job runs for some seconds, until most slides of an hour are there. What an OK waits while a
million rows go out shows under stop-and-wait, as Flume sends: pipelined, it stands behind all that is on its way.

The log is measured as it runs for days: a checkpoint for every 32 MiB of it, so that its segments are recycled ones.
Results go to a blackhole table: Redis would need a third core. What a frame holds and how it is sent: load_client.c.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import weirlib  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
BIN = os.path.join(weirlib.BUILD, "tests", "bench")
SERVER_CORE, CLIENT_CORE = "0", "1"
SERVER_PREFIX = ["taskset", "-c", SERVER_CORE]

JOB = """
SET 'table.local-time-zone' = 'UTC';
SET 'table.exec.sink.upsert-materialize' = 'NONE';
CREATE TABLE ad_events (
  event_id STRING, event_type STRING, campaign_id BIGINT, event_ms TIMESTAMP_LTZ(3),
  WATERMARK FOR event_ms AS event_ms - INTERVAL '30' SECOND
) WITH ('connector' = 'flume', 'listen' = '127.0.0.1:0', 'format' = 'avro', 'avro.schema-file' = '{schema}',
        'dedup' = '{dedup}'{key});
CREATE TABLE ctr (
  campaign_id BIGINT, window_start TIMESTAMP(3), window_end TIMESTAMP(3), impressions BIGINT, clicks BIGINT, ctr DOUBLE,
  PRIMARY KEY (campaign_id) NOT ENFORCED
) WITH ('connector' = 'blackhole');
INSERT INTO ctr
SELECT campaign_id, window_start, window_end,
       COUNT(*) FILTER (WHERE event_type = 'impression'), COUNT(*) FILTER (WHERE event_type = 'click'),
       CAST(COUNT(*) FILTER (WHERE event_type = 'click') AS DOUBLE)
         / NULLIF(COUNT(*) FILTER (WHERE event_type = 'impression'), 0)
FROM TABLE(HOP(TABLE ad_events, DESCRIPTOR(event_ms), INTERVAL '5' MINUTE, INTERVAL '1' HOUR))
WHERE event_type IN ('impression', 'click')
GROUP BY campaign_id, window_start, window_end;
"""


def cpu_seconds(pid):
    """Of all threads, in nanoseconds' resolution: the process's CPU clock (clock_getcpuclockid)."""
    return time.clock_gettime(~pid << 3 | 2)


def memory_bytes(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmRSS"):
                return int(line.split()[1]) * 1024
    return 0


class Bare:
    name = "bare"
    warm_up = 0.5

    def start(self, _shape):
        self.child = subprocess.Popen([*SERVER_PREFIX, os.path.join(BIN, "bare_server")], stdout=subprocess.PIPE, text=True)
        self.port = int(self.child.stdout.readline().split()[1])
        self.pid = self.child.pid

    def stop(self):
        self.child.kill()
        self.child.wait()
        return {}


class WeirServer:
    def __init__(self, name, wal, dedup, key, keeps_log=False):
        self.name, self.wal, self.dedup, self.key, self.keeps_log = name, wal, dedup, key, keeps_log
        self.warm_up = 2.5 if wal == "on" else 0.5  # until segments are recycled

    def start(self, shape):
        self.folder = weirlib.Folder("bench")
        schema = "ad_early.avsc" if shape["early"] else "ad_late.avsc"
        shutil.copy(os.path.join(HERE, schema), self.folder.path)
        job = JOB.format(schema=schema, dedup=self.dedup, key=", 'dedup.key' = 'event_id'" if self.key else "")
        self.weir = weirlib.Weir(self.folder, job, {
            "weir.wal": self.wal, "weir.checkpoint.interval": "1 h",
            "weir.checkpoint.bytes": "1 tb" if self.keeps_log else "32 mb",
            "weir.wal.max-bytes": "8 gb", "weir.outbox.keep": "1 s", "weir.log.level": "warn"}, prefix=SERVER_PREFIX)
        self.weir.start()
        self.pid = self.weir.process.pid
        self.port = self.weir.address("ad_events")[1]

    def fired(self):
        """Windows that have fired, and rows that went out."""
        status = self.weir.status()
        return status["windows"][0]["fired"], status["sinks"]["ctr"]["rows"]

    def settled(self):
        """The status once the log has taken all that was applied: a kill before would lose what nobody was told."""
        status = self.weir.status()
        while status["log"]["on"] and status["log"]["durable"] < status["log"]["end"]:
            time.sleep(0.01)
            status = self.weir.status()
        return status

    def stop(self):
        status = self.settled()
        weirlib.check_identities(status)
        extra = {"rss": memory_bytes(self.pid), "status": status}
        self.weir.kill()
        if self.keeps_log:
            extra.update(self.replay(status))
        shutil.rmtree(self.folder.path, ignore_errors=True)
        return extra

    def replay(self, status):
        """Rows a second of the restart behind the kill, and that nothing is missing."""
        accepted = status["sources"]["ad_events"]["accepted"]
        self.weir.start(wait=False)
        self.weir.wait_ready(120)
        after = self.weir.status()
        self.weir.kill()
        rows = after["sources"]["ad_events"]["accepted"]
        if rows < accepted:
            raise weirlib.Failure(f"replay gave {rows} rows of {accepted}")
        return {"replayed": rows / max(after["recovery"]["ms"] / 1000, 1e-3)}


class FlumeServer:
    """Flume's own source, with the null sink taking from the channel."""

    def __init__(self, channel):
        self.channel = channel
        self.name = f"flume {channel}"
        self.warm_up = 5

    def start(self, _shape):
        self.folder = weirlib.Folder("bench-flume")
        jars = os.path.join(os.environ.get("WEIR_FLUME_JARS", os.path.join(weirlib.BUILD, "flume-jars")), "1.11.0")
        sockets = weirlib.socket.socket()
        sockets.bind(("127.0.0.1", 0))
        self.port = sockets.getsockname()[1]
        sockets.close()
        lines = ["a.sources = p", "a.channels = c", "a.sinks = n", f"a.channels.c.type = {self.channel}",
                 "a.channels.c.capacity = 1000000", "a.channels.c.transactionCapacity = 10000", "a.sinks.n.type = null",
                 "a.sinks.n.channel = c", "a.sinks.n.batchSize = 1000", "a.sources.p.type = avro", "a.sources.p.channels = c",
                 "a.sources.p.bind = 127.0.0.1", f"a.sources.p.port = {self.port}"]
        if self.channel == "file":
            lines += [f"a.channels.c.checkpointDir = {self.folder.join('checkpoint')}",
                      f"a.channels.c.dataDirs = {self.folder.join('data')}"]
        with open(self.folder.join("a.conf"), "w", encoding="utf-8") as conf:
            conf.write("\n".join(lines) + "\n")
        self.process = weirlib.Process(
            [*SERVER_PREFIX, "java", "-Xms1g", "-Xmx4g", "-cp", f"{jars}/*",
             "org.apache.flume.node.Application", "-n", "a", "-f", self.folder.join("a.conf"), "--no-reload-conf"],
            self.folder.join("flume.log"))
        self.pid = self.process.pid

        def listening():
            try:
                weirlib.socket.create_connection(("127.0.0.1", self.port), 1).close()
                return True
            except OSError:
                return False
        weirlib.wait_until("Flume's source", 60, listening)

    def stop(self):
        self.process.kill()
        shutil.rmtree(self.folder.path, ignore_errors=True)
        return {}


def load(server, shape, seconds):
    """One run of the client; the server's CPU and what fired are counted over the measured time only."""
    warm_up = max(server.warm_up, shape.get("warm_up", 0) if isinstance(server, WeirServer) else 0)
    arguments = ["taskset", "-c", CLIENT_CORE, os.path.join(BIN, "load_client"), str(server.port), "--seconds", str(seconds),
                 "--warm-up", str(warm_up), "--connections", str(shape.get("connections", 8)), "--frame", str(shape["frame"]),
                 "--keys", str(shape["keys"]), "--pass", str(shape["pass"])]
    arguments += ["--time-early"] if shape["early"] else []
    arguments += ["--stop-and-wait"] if shape.get("stop_and_wait") else []
    arguments += ["--slide-events", str(shape["slide_events"])] if "slide_events" in shape else []
    client = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    if client.stdout.readline() != "measuring\n":
        client.wait()
        raise weirlib.Failure(f"the client ended with {client.returncode}")
    before = cpu_seconds(server.pid)
    fired = server.fired() if "slide_events" in shape and isinstance(server, WeirServer) else None
    result = json.loads(client.stdout.readline())
    spent = cpu_seconds(server.pid) - before
    if fired is not None:
        result["fired"] = [after - first for after, first in zip(server.fired(), fired)]
    client.wait()
    if result["failed"] > 0 and not isinstance(server, FlumeServer):
        raise weirlib.Failure(f"{server.name} answered {result['failed']} batches with FAILED")
    result["cpu_ns"] = spent * 1e9 / max(result["events"], 1)
    return result


def spread(values, scale=1e-6, digits=1):
    middle = statistics.median(values) * scale
    return f"{middle:.{digits}f} ({min(values) * scale:.{digits}f} – {max(values) * scale:.{digits}f})"


def measure(shape, servers, options):
    runs = {server.name: [] for server in servers}
    for _ in range(options.rounds):
        for server in servers:
            server.start(shape)
            result = load(server, shape, options.seconds)
            result.update(server.stop())
            runs[server.name].append(result)
    return runs


def print_shape(title, runs):
    def median(results, key):
        return statistics.median(result[key] for result in results)

    bare = runs["bare"]
    print(f"\n{title}\n")
    print("| server | M events/s: median (min – max) | of bare: rate | of bare: CPU | server CPU ns/event: min, median "
          "| OK p50 / p99 / max ms | client CPU ns/event |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, results in runs.items():
        if name == "(g)":
            replayed = [result["replayed"] for result in results]
            live = f"{statistics.median(replayed) / median(runs['(d)'], 'events_per_second'):.2f} × (d)"
            print(f"| (g) replay | {spread(replayed)} | {live} | | | | |")
            continue
        cpu = min(result["cpu_ns"] for result in results)
        latency = " / ".join(f"{median(results, key) / 1000:.2f}" for key in ("p50_us", "p99_us", "max_us"))
        print(f"| {name} | {spread([result['events_per_second'] for result in results])} "
              f"| {median(results, 'events_per_second') / median(bare, 'events_per_second'):.2f} "
              f"| {min(result['cpu_ns'] for result in bare) / cpu:.2f} "
              f"| {cpu:.1f}, {median(results, 'cpu_ns'):.1f} | {latency} | {median(results, 'client_cpu_ns'):.0f} |")
    sys.stdout.flush()


def machine():
    with open("/proc/cpuinfo", encoding="ascii") as cpuinfo:
        model = next(line.split(":")[1].strip() for line in cpuinfo if line.startswith("model name"))
    commit = subprocess.run(["git", "-C", weirlib.SOURCE, "describe", "--always", "--dirty"], capture_output=True, text=True)
    return f"{os.cpu_count()} × {model}, Linux {os.uname().release}, commit {commit.stdout.strip() or 'unknown'}, " \
           f"{time.strftime('%Y-%m-%d')}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--only", help="shapes whose title holds this text")
    parser.add_argument("--quick", action="store_true", help="one round of one second: does it run at all")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 1, 1.0
    bare = Bare()
    lines = [WeirServer("(c)", "off", "off", False), WeirServer("(d)", "on", "off", False),
             WeirServer("(e)", "on", "in-doubt", True), WeirServer("(f)", "on", "in-doubt", False)]
    replay = WeirServer("(g)", "on", "off", False, keeps_log=True)
    base = {"frame": 1000, "keys": 100, "pass": 1, "early": False}
    million = {**base, "keys": 1000000, "slide_events": 4000000, "warm_up": 6}
    shapes = [
        ("pipelined, frames of 1000, all pass", base, [bare, *lines, replay]),
        ("pipelined, frames of 100, all pass", {**base, "frame": 100}, [bare, *lines]),
        ("pipelined, frames of 1000, a third passes", {**base, "pass": 3}, [bare, *lines]),
        ("pipelined, frames of 1000, event time early", {**base, "early": True}, [bare, *lines]),
        ("pipelined, frames of 1000, 1 M keys", million, [bare, lines[0], lines[1]]),
        ("stop-and-wait, frames of 1000, 1 M keys", {**million, "stop_and_wait": True}, [bare, lines[0], lines[1]]),
        ("stop-and-wait, frames of 1000", {**base, "stop_and_wait": True}, [bare, *lines]),
        ("stop-and-wait, frames of 100", {**base, "frame": 100, "stop_and_wait": True}, [bare, *lines]),
        ("stop-and-wait, one connection, frames of 1000", {**base, "stop_and_wait": True, "connections": 1}, [bare, lines[1]]),
    ]
    if shutil.which("java") and os.path.isdir(os.path.join(os.environ.get(
            "WEIR_FLUME_JARS", os.path.join(weirlib.BUILD, "flume-jars")), "1.11.0")):
        shapes.append(("Flume's own source beside it, stop-and-wait, frames of 1000", {**base, "stop_and_wait": True},
                       [bare, lines[1], FlumeServer("memory"), FlumeServer("file")]))
    print(f"machine: {machine()}; one core serves, one sends; {options.rounds} rounds of {options.seconds} s")
    for title, shape, servers in shapes:
        if options.only and options.only not in title:
            continue
        runs = measure(shape, servers, options)
        print_shape(title, runs)
        for name, results in runs.items():
            syncs = [r["status"]["log"]["syncs"] for r in results if "status" in r and r["status"]["log"]["on"]]
            if syncs and shape.get("stop_and_wait"):
                print(f"{name}: about {statistics.median(syncs) / (options.seconds + lines[1].warm_up):.0f} syncs a second")
            failed = sum(r["failed"] for r in results)
            if failed > 0:
                print(f"{name}: {failed} batches answered FAILED (a full channel), which do not count")
            if "slide_events" in shape:
                print(f"{name}: longest OK of each round {' '.join(format(r['max_us'] / 1000, '.1f') for r in results)} ms")
            windows = [r for r in results if "status" in r and r["status"]["windows"]]
            if windows and "slide_events" in shape:
                window = windows[-1]["status"]["windows"][0]
                print(f"{name}: {window['keys']} keys, {window['state_bytes'] / max(window['keys'], 1):.0f} bytes a key, "
                      f"{windows[-1]['rss'] / 1e6:.0f} MB resident; while measured "
                      f"{' '.join(str(r['fired'][0]) for r in results)} windows fired and "
                      f"{' '.join(format(r['fired'][1] / 1e6, '.1f') for r in results)} M rows went out")


if __name__ == "__main__":
    main()
