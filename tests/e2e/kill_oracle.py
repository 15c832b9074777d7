#!/usr/bin/python3
"""Kills weir and Redis at seeded moments and judges the results from the events alone.

At least three origins (loopback addresses) send unequal backlogs of ad events, stop-and-wait, as Flume sinks
do. Each event's OK is recorded here. weir is ended with SIGKILL, steered to a named phase (the word in
<state-dir>/phase) or at a random moment; now and then Redis is killed too (it comes back empty), emptied, made a
replica, filled up or frozen, and stays so over a kill of weir as often as not; one cycle in ten changes the job
while weir is away, and one while it runs. What was not acknowledged is sent again on another connection, sometimes one
that was there before, in a larger batch when more has gathered.

A seeded share of the events can only be dead letters: bodies that do not decode, times that are none or lie too far
ahead, a row that no record of the log holds. They count in no window, move no watermark, and stand in the files of dead
letters once each, with the reason that fits.

The judge knows the events and the order in which each origin sent them, nothing of weir's inside. By construction
every row sent while the origins run side by side is in time; rows that are meant to be late are sent at barriers, when all
else is acknowledged, so that the watermark is known to the millisecond and lateness can be recounted row by row.

    kill_oracle.py --kills 30            (make check)
    kill_oracle.py --kills 1000          (make check-long)
    WEIR=... kill_oracle.py --expect-failure    a weir with a planted bug must be caught
"""

import argparse
import base64
import collections
import json
import mmap
import os
import random
import signal
import struct
import subprocess
import sys
import threading
import time

import weirlib
from weirlib import Failure

PHASES = ["append", "sync", "checkpoint", "manifest", "emission", "results", "recovery"]
DELAY_MS = 5_000
SLIDE_MS = 10_000
SIZE_MS = 60_000
CLICKS_MIN = 3
FUTURE_MS = 3 * 86_400_000
NO_TIME_MS = 1 << 62  # no TIMESTAMP is so far away
WIDE = 950_000        # bytes; a record of a log of such small segments holds less
DEAD = {"truncated": 40, "bad-varint": 30, "null-rowtime": 20, "future": 20, "too-large": 1}
CAMPAIGNS = 20
ADDRESSES = 200

SOURCE_SQL = """
SET 'table.local-time-zone' = 'UTC';
SET 'table.exec.sink.upsert-materialize' = 'NONE';
CREATE TABLE ad_events (
  event_id STRING, event_type STRING, campaign_id BIGINT, user_id STRING, ip STRING, event_ms BIGINT,
  ts AS TO_TIMESTAMP_LTZ(event_ms, 3),
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('connector' = 'flume', 'listen' = '127.0.0.1:0', 'format' = 'avro', 'avro.schema-file' = 'ad_event.avsc',
        'watermark.idle-timeout' = '1 h'{dedup});
CREATE TABLE ctr (
  campaign_id BIGINT, window_start TIMESTAMP(3), window_end TIMESTAMP(3), impressions BIGINT, clicks BIGINT, n BIGINT,
  PRIMARY KEY (campaign_id, window_start) NOT ENFORCED
) WITH ('connector' = 'redis', 'url' = '{url}', 'ttl' = '1 d');
CREATE TABLE alerts (ip STRING, window_end TIMESTAMP(3), clicks BIGINT)
  WITH ('connector' = 'redis', 'url' = '{url}', 'ttl' = '1 d');
INSERT INTO ctr
SELECT campaign_id, window_start, window_end, COUNT(*) FILTER (WHERE event_type = 'impression'),
       COUNT(*) FILTER (WHERE event_type = 'click'), COUNT(*)
FROM TABLE(HOP(TABLE ad_events, DESCRIPTOR(ts), INTERVAL '10' SECOND, INTERVAL '1' MINUTE))
GROUP BY campaign_id, window_start, window_end;
INSERT INTO alerts
SELECT ip, window_end, COUNT(*) FILTER (WHERE event_type = 'click')
FROM TABLE(TUMBLE(TABLE ad_events, DESCRIPTOR(ts), INTERVAL '10' SECOND))
GROUP BY ip, window_start, window_end
HAVING COUNT(*) FILTER (WHERE event_type = 'click') >= 3;
"""

# Keys by the thousand, so that a slide has something to emit.
WIDE_SQL = """
CREATE TABLE per_event (event_id STRING, window_end TIMESTAMP(3), n BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO per_event
SELECT event_id, window_end, COUNT(*)
FROM TABLE(HOP(TABLE ad_events, DESCRIPTOR(ts), INTERVAL '10' SECOND, INTERVAL '1' MINUTE))
GROUP BY event_id, window_start, window_end;
"""

# One cycle in ten adds or removes this: the other operators must keep their state.
EXTRA_SQL = """
CREATE TABLE per_user (user_id STRING, window_end TIMESTAMP(3), n BIGINT, PRIMARY KEY (user_id) NOT ENFORCED)
  WITH ('connector' = 'blackhole');
INSERT INTO per_user
SELECT user_id, window_end, COUNT(*)
FROM TABLE(TUMBLE(TABLE ad_events, DESCRIPTOR(ts), INTERVAL '30' SECOND))
GROUP BY user_id, window_start, window_end;
"""


def floor_to(value, step):
    return value - value % step


def make_dead(event, reason):
    """Makes a dead letter of an event."""
    event["dead"] = reason
    if reason == "null-rowtime":
        event["event_ms"] = NO_TIME_MS
    elif reason == "future":
        event["event_ms"] = int(time.time() * 1000) + FUTURE_MS
    elif reason == "too-large":
        event["event_id"] += "x" * WIDE
    return event


def body_of(event):
    body = weirlib.ad_body(event)
    if event.get("dead") == "truncated":
        return body[:-1]
    if event.get("dead") == "bad-varint":
        return weirlib.avro_text(event["event_id"]) + weirlib.avro_text("click") + b"\xff" * 11
    return body


class Model:
    """Counts by the rules of sql-semantics 2.4, row by row, from the events and nothing else."""

    def __init__(self):
        self.windows = collections.defaultdict(lambda: [0, 0, 0])  # (campaign, start) -> impressions, clicks, n
        self.clicks = collections.Counter()                        # (ip, start of 10 s) -> clicks
        self.late = {"ctr": 0, "alerts": 0}
        self.dead = collections.Counter()                          # (reason, body, NULL where there was a row) -> 1
        self.rows = 0

    def count_dead(self, event):
        kept = event["dead"] in ("truncated", "bad-varint")
        self.dead[event["dead"], base64.b64encode(body_of(event)).decode() if kept else None] += 1

    def count(self, event, watermark):
        ts = event["event_ms"]
        self.rows += 1
        slice_end = floor_to(ts, SLIDE_MS) + SLIDE_MS
        if watermark >= slice_end - SLIDE_MS + SIZE_MS - 1:
            self.late["ctr"] += 1
        else:
            for end in range(slice_end, slice_end + SIZE_MS, SLIDE_MS):
                if watermark < end - 1:
                    cell = self.windows[event["campaign_id"], end - SIZE_MS]
                    cell[0] += event["event_type"] == "impression"
                    cell[1] += event["event_type"] == "click"
                    cell[2] += 1
        if watermark >= slice_end - 1:
            self.late["alerts"] += 1
        elif event["event_type"] == "click":
            self.clicks[event["ip"], slice_end - SLIDE_MS] += 1


class Origin(threading.Thread):
    """One agent: an ordered backlog, two connections of which it uses one at a time, one batch in flight."""

    def __init__(self, driver, index, total):
        super().__init__(daemon=True)
        self.driver = driver
        self.index = index
        self.address = f"127.0.0.{index + 2}"
        self.random = random.Random(driver.seed * 1000 + index)
        self.total = self.left = total
        self.step_ms = driver.options.kills * 2 * SLIDE_MS / total
        self.clock = driver.base_ms + self.random.randrange(3000)
        self.highest = None            # highest event_ms acknowledged
        self.highest_sent = None
        self.unacked = []              # sent at least once, no OK yet
        self.late_order = None         # rows the driver wants sent at a barrier
        self.paused = threading.Event()
        self.resume = threading.Event()
        self.resume.set()
        self.resent = 0
        self.dead_share = self.random.choice([0.01, 0.03, 0.1])
        self.failures = []

    def make(self, n):
        events = []
        for _ in range(n):
            self.clock += self.random.random() * 2 * self.step_ms  # all backlogs span the same time
            ts = int(self.clock) - self.random.randrange(0, DELAY_MS - 500)
            ts = max(ts, self.highest_sent - DELAY_MS + 1)
            self.highest_sent = max(ts, self.highest_sent)
            events.append(self.driver.make_event(self.random, self.index, ts))
            if self.random.random() < self.dead_share:
                make_dead(events[-1], self.random.choices(list(DEAD), list(DEAD.values()))[0])
        self.left -= n
        return events

    def may_send(self):
        """The backlog is spread over the kills: none falls into silence."""
        return self.left - int(self.total * (1 - self.driver.share))

    def say_hello(self):
        client = weirlib.FlumeClient(self.driver.weir.address("ad_events"), bind=self.address)
        row = self.driver.make_event(self.random, self.index, self.driver.base_ms)
        if client.append_batch([weirlib.ad_body(row)]) != "OK":
            raise Failure("the first row was refused")
        client.close()
        self.highest_sent = self.driver.base_ms
        self.acknowledged([row])

    def run(self):
        try:
            self.loop()
        except Exception as reason:
            self.failures.append(f"origin {self.index}: {reason!r}")
            self.paused.set()

    def loop(self):
        client = spare = None
        while not self.driver.stopping:
            if not self.unacked and not self.resume.is_set():
                self.paused.set()
                self.resume.wait(0.05)
                if self.late_order is None:
                    continue
            if not self.unacked:
                if self.late_order is not None:
                    self.unacked = self.late_order
                elif self.may_send() > 0:
                    most = 4000 if self.random.random() < 0.03 else 60
                    self.unacked = self.make(min(self.may_send(), self.random.randrange(1, most)))
                else:
                    self.paused.set()
                    time.sleep(0.02)
                    continue
            if client is None:
                try:
                    client = weirlib.FlumeClient(self.driver.weir.address("ad_events"), bind=self.address, timeout=20)
                except (OSError, ValueError, KeyError):
                    time.sleep(0.01)
                    continue
            bodies = [body_of(event) for event in self.unacked]
            status = None
            try:
                if spare is not None and self.random.random() < 0.03:  # too slow for it: it turns to the other one
                    client.send_batch(bodies)
                else:
                    status = client.append_batch(bodies)
            except OSError:
                pass
            if status == "OK":
                self.acknowledged(self.unacked)
                self.unacked = []
                chance = self.random.random()
                if chance < 0.01:  # agents restart, too
                    client.close()
                    client = None
                elif chance < 0.1:
                    client, spare = spare, client
                continue
            client.close()
            client, spare = spare, None
            self.resent += len(self.unacked)
            if self.late_order is None and self.may_send() > 0 and self.random.random() < 0.5:
                self.unacked = self.unacked + self.make(min(self.may_send(), self.random.randrange(1, 60)))
            time.sleep(0.005)

    def acknowledged(self, events):
        dead = [event for event in events if "dead" in event]
        alive = [event for event in events if "dead" not in event]
        self.highest = max([event["event_ms"] for event in alive] + ([self.highest] if self.highest else []))
        with self.driver.lock:
            for event in dead:
                self.driver.model.count_dead(event)
            if self.late_order is events:
                for event in alive:
                    self.driver.model.count(event, self.driver.barrier_watermark)
                self.late_order = None
            else:
                for event in alive:
                    self.driver.model.count(event, -1 << 62)  # in time by construction
            self.driver.acked += len(alive)


class Driver:
    def __init__(self, options):
        self.options = options
        self.seed = options.seed
        self.random = random.Random(options.seed)
        self.folder = weirlib.Folder("kill")
        with open(self.folder.join("ad_event.avsc"), "w", encoding="utf-8") as schema:
            json.dump(weirlib.AD_SCHEMA, schema)
        self.redis = weirlib.RedisServer(self.folder)
        self.base_ms = floor_to(int(time.time() * 1000) - 3_600_000 * 6, SIZE_MS)
        dedup = ", 'dedup.key' = 'event_id'" if options.seed % 2 == 0 else ""
        self.sql = SOURCE_SQL.format(url=self.redis.url, dedup=dedup) + WIDE_SQL
        self.has_extra = False
        self.weir = weirlib.Weir(self.folder, self.sql, {
            "weir.checkpoint.interval": "300 ms", "weir.wal.segment-bytes": "1 mb", "weir.wal.max-bytes": "64 mb",
            "weir.name": "oracle"})
        self.origins = []
        self.model = Model()
        self.acked = 0
        self.n_made = 0
        self.barrier_watermark = -1 << 62
        self.lock = threading.Lock()
        self.stopping = False
        self.phases = collections.Counter()
        self.redis_troubles = collections.Counter()
        self.end_of_trouble = None
        self.job_changes = 0
        self.barriers = 0
        self.share = 0.0  # of every backlog that may be sent by now

    def make_event(self, chance, origin, ts):
        with self.lock:
            self.n_made += 1
            n = self.n_made
        return {"event_id": f"{origin}-{n}", "event_type": "click" if chance.random() < 0.3 else "impression",
                "campaign_id": chance.randrange(CAMPAIGNS), "user_id": f"u{chance.randrange(500)}",
                "ip": f"10.0.{chance.randrange(ADDRESSES)}.1", "event_ms": ts}

    # -- weir's life

    def phase_word(self):
        try:
            with open(os.path.join(self.weir.state, "phase"), "rb") as file:
                return struct.unpack("<I", file.read(4))[0]
        except (OSError, struct.error):
            return 0

    def kill_in(self, phase, seconds, share):
        """SIGKILL when the mapped word shows the phase, or when the time is up."""
        path = os.path.join(self.weir.state, "phase")
        with open(path, "r+b") as file:
            words = mmap.mmap(file.fileno(), 4)
            if phase:
                killer = os.path.join(weirlib.BUILD, "tests", "e2e", "phase_killer")
                watcher = subprocess.Popen([killer, path, str(self.weir.process.pid), str(1 << PHASES.index(phase)),
                                            str(seconds)])
                time.sleep(0.005)
                self.share = share
                if watcher.wait() != 0:
                    raise Failure("phase_killer failed")
            else:
                self.share = share
                time.sleep(self.random.random() * seconds / 8)
            self.weir.kill()
            word = struct.unpack_from("<I", words)[0]
        for at, name in enumerate(PHASES):
            if word & 1 << at:
                self.phases[name] += 1
        if word == 0:
            self.phases["idle"] += 1

    def change_job(self):
        self.has_extra = not self.has_extra
        self.weir.write_job(self.sql + (EXTRA_SQL if self.has_extra else ""))
        self.job_changes += 1

    def check_alive(self):
        for origin in self.origins:
            if origin.failures:
                raise Failure(origin.failures[0])

    # -- Redis's life

    def trouble_redis(self):
        """One thing that happens to Redis; what does not end by itself ends with end_of_trouble."""
        kind = self.random.choice(["kill", "flush", "flush", "replica", "memory", "freeze"])
        client = self.redis.client()
        self.redis_troubles[kind] += 1
        if kind == "kill":
            self.redis.kill()
            time.sleep(self.random.random() * 0.2)
            self.redis.start()
        elif kind == "flush":
            client.flushall()
        elif kind == "replica":  # of a master that is not there: it keeps its data and takes no writes
            client.execute_command("REPLICAOF", "127.0.0.1", "1")
            self.end_of_trouble = lambda: self.redis.client().execute_command("REPLICAOF", "NO", "ONE")
        elif kind == "memory":
            client.config_set("maxmemory", "1mb")
            self.end_of_trouble = lambda: self.redis.client().config_set("maxmemory", "0")
        else:
            pid = self.redis.process.pid
            os.kill(pid, signal.SIGSTOP)
            self.end_of_trouble = lambda: os.kill(pid, signal.SIGCONT)

    def calm_redis(self):
        if self.end_of_trouble is not None:
            self.end_of_trouble()
            self.end_of_trouble = None

    def barrier_with_late_rows(self):
        """Everything is acknowledged, so the watermark is known; then one origin sends rows older than it."""
        self.barriers += 1
        for origin in self.origins:
            origin.paused.clear()
            origin.resume.clear()
        weirlib.wait_until("all origins to be acknowledged", 120, lambda: all(o.paused.is_set() for o in self.origins))
        self.check_alive()
        if all(origin.highest is not None for origin in self.origins):
            with self.lock:
                watermark = min(origin.highest for origin in self.origins) - DELAY_MS
                self.barrier_watermark = watermark
            origin = self.random.choice(self.origins)
            rows = [self.make_event(self.random, origin.index, watermark - self.random.randrange(-500, 2 * SIZE_MS))
                    for _ in range(self.random.randrange(1, 30))]
            # A late row must not move its origin: nothing above what that origin has already shown.
            for row in rows:
                row["event_ms"] = min(row["event_ms"], origin.highest)
            origin.late_order = rows
            kill = self.random.random() < 0.3
            if kill:
                time.sleep(self.random.random() * 0.01)
                self.kill_in(None, 0, self.share)
                self.weir.start()
            weirlib.wait_until("the late rows' OK", 120, lambda: origin.late_order is None or origin.failures)
            self.check_alive()
        for origin in self.origins:
            origin.resume.set()

    def run(self):
        per_kill = self.options.events_per_kill
        totals = [int(self.options.kills * per_kill * share) for share in (0.6, 0.3, 0.1)] + [per_kill]
        self.weir.start()
        self.origins = [Origin(self, index, total) for index, total in enumerate(totals)]
        for origin in self.origins:  # weir knows all of them before the first one runs ahead
            origin.say_hello()
        for origin in self.origins:
            origin.start()
        for cycle in range(self.options.kills):
            time.sleep(self.random.random() * self.options.pause * 0.2)
            self.check_alive()
            if self.end_of_trouble is None and self.random.random() < 0.3:
                self.trouble_redis()
                time.sleep(self.random.random() * 0.2)
            elif self.random.random() < 0.5:
                self.calm_redis()
            if cycle % 5 == 4:
                self.barrier_with_late_rows()
            if cycle % 10 == 4:  # at once, and maybe killed in the middle of it
                self.change_job()
                self.weir.process.child.send_signal(signal.SIGHUP)
            phase = self.random.choice(PHASES + [None])
            if self.random.random() < 0.6:  # those that were hit least need the most tries
                phase = min(PHASES, key=lambda name: self.phases[name])
            if phase == "recovery":
                self.kill_in(None, 0, self.share)
                self.weir.start(wait=False)
                weirlib.wait_until("recovery to begin", 20, lambda: self.phase_word() or not self.weir.process.alive())
                time.sleep(self.random.random() * 0.02)
                self.kill_in(None, 0, self.share)
            else:
                self.kill_in(phase, self.options.pause * 4, (cycle + 1) / self.options.kills)
            if cycle % 10 == 9:
                self.change_job()
            self.weir.start()
            if cycle % 20 == 19:
                weirlib.check_identities(self.weir.status())
            if cycle % 50 == 49:
                print(f"  {cycle + 1} kills, {self.acked} events acknowledged", flush=True)
        self.share = 1.0
        self.calm_redis()
        weirlib.wait_until("the backlogs to be sent", 600,
                           lambda: self.check_alive() or all(o.left <= 0 and not o.unacked for o in self.origins))
        self.close_windows()

    def close_windows(self):
        """One row per origin far ahead moves the watermark behind everything."""
        for origin in self.origins:
            origin.resume.clear()
            origin.paused.clear()
        weirlib.wait_until("pause", 60, lambda: all(o.paused.is_set() for o in self.origins))
        self.end_ms = floor_to(max(o.highest for o in self.origins), SIZE_MS) + 20 * SIZE_MS
        for origin in self.origins:
            client = weirlib.FlumeClient(self.weir.address("ad_events"), bind=origin.address)
            row = self.make_event(self.random, origin.index, self.end_ms)
            row["event_type"] = "closer"
            if client.append_batch([weirlib.ad_body(row)]) != "OK":
                raise Failure("the closing row was refused")
            client.close()
            self.acked += 1
        self.watermark = self.end_ms - DELAY_MS

    # -- the judge

    def expected_ctr(self):
        expected = {}
        for (campaign, start), (impressions, clicks, n) in self.model.windows.items():
            expected[f"weir:{{ctr:{campaign}:{start}}}"] = {
                "campaign_id": str(campaign), "window_start": str(start), "window_end": str(start + SIZE_MS),
                "impressions": str(impressions), "clicks": str(clicks), "n": str(n)}
        return expected

    def expected_alerts(self):
        return collections.Counter((ip, str(start + SLIDE_MS), str(clicks))
                                   for (ip, start), clicks in self.model.clicks.items() if clicks >= CLICKS_MIN)

    def found_ctr(self, client):
        keys = list(client.scan_iter("weir:{ctr:*", count=1000))
        pipe = client.pipeline(transaction=False)
        for key in keys:
            pipe.hgetall(key)
        return dict(zip(keys, pipe.execute()))

    def found_alerts(self, client):
        return collections.Counter((fields["ip"], fields["window_end"], fields["clicks"])
                                   for _, fields in client.xrange("weir:{alerts}"))

    def found_dead(self):
        return collections.Counter((row["reason"], row["body"]) for row in weirlib.dead_letters(self.weir))

    def judge_dead(self, source):
        """By reason and body; the files hold each once, whatever was killed."""
        expected, found = self.model.dead, self.found_dead()
        deadline = time.monotonic() + 60
        while found != expected and time.monotonic() < deadline:
            time.sleep(0.3)
            found = self.found_dead()
        problems = []
        if source["dead"] != sum(expected.values()):
            problems.append(f"{source['dead']} dead letters, sent {sum(expected.values())}")
        for reason in {reason for reason, _ in [*expected, *found]}:
            counts = [sum(n for key, n in rows.items() if key[0] == reason) for rows in (found, expected)]
            if counts[0] != counts[1]:
                problems.append(f"{counts[0]} dead letters {reason} in files, recount {counts[1]}")
        problems += [f"dead letter {key}: {found[key]} times in files, recount {expected[key]}"
                     for key in (found - expected) + (expected - found)]
        return problems

    def judge(self):
        client = self.redis.client()
        expected_ctr, expected_alerts = self.expected_ctr(), self.expected_alerts()
        deadline = time.monotonic() + 60
        while True:
            ctr, alerts = self.found_ctr(client), self.found_alerts(client)
            if (ctr == expected_ctr and alerts == expected_alerts) or time.monotonic() > deadline:
                break
            time.sleep(0.3)
        problems = []
        for key in sorted(set(expected_ctr) | set(ctr)):
            if expected_ctr.get(key) != ctr.get(key):
                problems.append(f"{key}: counted {ctr.get(key)}, recount {expected_ctr.get(key)}")
        for alert in sorted((alerts - expected_alerts) + (expected_alerts - alerts)):
            problems.append(f"alert {alert}: {alerts[alert]} times, recount {expected_alerts[alert]}")
        status = self.weir.status()
        weirlib.check_identities(status)
        source = status["sources"]["ad_events"]
        if source["accepted"] != self.acked:
            problems.append(f"accepted {source['accepted']}, acknowledged once each {self.acked}")
        problems += self.judge_dead(source)
        late = {window["sink"]: window["late"] for window in status["windows"]}
        for sink, count in self.model.late.items():
            if late.get(sink) != count:
                problems.append(f"late rows at {sink}: {late.get(sink)}, recount {count}")
        if source["watermark"] != self.watermark:
            problems.append(f"watermark {source['watermark']}, recount {self.watermark}")
        return problems

    def report(self):
        resent = sum(origin.resent for origin in self.origins)
        dead = collections.Counter()
        for (reason, _), n in self.model.dead.items():
            dead[reason] += n
        print(f"  dead letters {dict(sorted(dead.items()))}")
        print(f"  events {self.acked}, re-sent rows {resent}, late rows {self.model.late}, barriers {self.barriers}, "
              f"job changes {self.job_changes}, troubles of Redis {dict(sorted(self.redis_troubles.items()))}")
        print("  kills by phase: " + ", ".join(f"{name} {self.phases[name]}" for name in [*PHASES, "idle"]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("WEIR_SEED", "42")))
    parser.add_argument("--events-per-kill", type=int, default=1000)
    parser.add_argument("--pause", type=float, default=0.3, help="longest pause between kills, seconds")
    parser.add_argument("--expect-failure", action="store_true", help="a weir with a planted bug: succeed when it is caught")
    parser.add_argument("--all-phases", action="store_true", help="fail when a phase was never hit")
    options = parser.parse_args()
    print(f"kill oracle: {options.kills} kills, seed {options.seed}", flush=True)
    driver = Driver(options)
    try:
        driver.run()
        problems = driver.judge()
    except Failure as reason:
        problems = [str(reason)]
    driver.stopping = True
    driver.report()
    if options.all_phases:
        problems += [f"no kill fell into phase {phase}" for phase in PHASES if driver.phases[phase] == 0]
    for problem in problems[:10] + problems[10:][-10:]:
        print(f"  {problem}")
    if len(problems) > 20:
        print(f"  ... {len(problems)} in all")
    caught = bool(problems)
    if caught != options.expect_failure:
        print("FAIL " + ("the planted bug was not caught" if options.expect_failure else f"seed {options.seed}"))
        print(driver.weir.process.log_text()[-4000:])
        if driver.weir.process.alive():
            print(driver.weir.http("/status"))
        weirlib.finish(0, 1)
    print("ok   " + ("the planted bug was caught" if caught else "counted once each, windows and late counts equal"))
    weirlib.finish(1, 0)


if __name__ == "__main__":
    main()
