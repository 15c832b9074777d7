#!/usr/bin/python3
"""Exactly once where connections, jobs and the log's limits meet."""

import json
import os
import signal
import socket
import struct
import threading
import time

import weirlib
from weirlib import Failure

SOURCE = """
CREATE TABLE {name} (
  event_id STRING, event_type STRING, campaign_id BIGINT, user_id STRING, ip STRING, event_ms BIGINT,
  ts AS TO_TIMESTAMP_LTZ(event_ms, 3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('connector' = 'flume', 'listen' = '127.0.0.1:0', 'format' = 'avro', 'avro.schema-file' = 'ad_event.avsc');
CREATE TABLE {name}_n (campaign_id BIGINT, window_end TIMESTAMP(3), n BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO {name}_n SELECT campaign_id, window_end, COUNT(*)
FROM TABLE(TUMBLE(TABLE {name}, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY campaign_id, window_start, window_end;
"""
HEAD = "SET 'table.local-time-zone' = 'UTC';\nSET 'table.exec.sink.upsert-materialize' = 'NONE';\n"


def make_weir(name, job, settings=()):
    folder = weirlib.Folder(name)
    with open(folder.join("ad_event.avsc"), "w", encoding="utf-8") as schema:
        json.dump(weirlib.AD_SCHEMA, schema)
    return weirlib.Weir(folder, job, {"weir.name": name, **dict(settings)}).start()


BASE_MS = int(time.time() * 1000) - 60_000


def bodies(numbers, base_ms=BASE_MS, span=1000, step_ms=1):
    return [weirlib.ad_body({"event_id": f"e{n}", "event_type": "click", "campaign_id": n % 3, "user_id": f"u{n % 7}",
                             "ip": "192.0.2.1", "event_ms": base_ms + n % span * step_ms}) for n in numbers]


def frame(serial, numbers, with_handshake):
    """One appendBatch as a frame, to be sent without waiting for its answer."""
    head = (weirlib.FLUME_HASH + b"\0" + weirlib.FLUME_HASH + b"\2\0" if with_handshake else b"")
    head += b"\0" + weirlib.avro_text("appendBatch")
    rows = bodies(numbers)
    payload = weirlib.avro_long(len(rows)) + b"".join(weirlib.flume_event(row) for row in rows) + b"\0"
    buffers = [head, payload]
    return struct.pack(">ii", serial, len(buffers)) + b"".join(struct.pack(">i", len(b)) + b for b in buffers)


def send(client, numbers):
    status = client.append_batch(bodies(numbers))
    if status != "OK":
        raise Failure(f"a batch was answered {status}")


def source(weir, table="ads"):
    return weir.status()["sources"][table]


def expect(weir, what, accepted, duplicate, table="ads"):
    found = source(weir, table)
    if found["accepted"] != accepted or found["duplicate"] != duplicate:
        raise Failure(f"{what}: {found}, expected {accepted} accepted, {duplicate} duplicate")


def rows_come_again_on_a_connection_that_was_there_before():
    """Its own bytes and the end of the other arrive in one turn of the loop, its own first."""
    weir = make_weir("reuse", HEAD + SOURCE.format(name="ads"))
    first = weirlib.FlumeClient(weir.address("ads"))
    second = weirlib.FlumeClient(weir.address("ads"), bind="127.0.0.2")
    send(first, range(100))
    send(second, range(100, 110))
    second.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    os.kill(weir.process.pid, signal.SIGSTOP)
    second.socket.sendall(frame(2, range(110, 120), False))
    first.close()
    second.socket.sendall(frame(3, range(100), False))
    os.kill(weir.process.pid, signal.SIGCONT)
    for serial in (2, 3):
        second.serial = serial
        second._answer()
    expect(weir, "re-sent on a connection in use", 120, 100)
    weir.stop()


def the_end_of_a_connection_goes_before_what_comes_again_also_at_a_full_log():
    """Both wait for room in the log: the last quarter of its last segment is for units that have begun."""
    segment_bytes = 256 << 10
    weir = make_weir("held", HEAD + SOURCE.format(name="ads"),
                     {"weir.checkpoint.interval": "1 h", "weir.checkpoint.bytes": "1 gb",
                      "weir.wal.segment-bytes": str(segment_bytes), "weir.wal.max-bytes": str(4 * segment_bytes)})
    first = weirlib.FlumeClient(weir.address("ads"), timeout=60.0)
    n = 0
    while weir.status()["log"]["end"] < 4 * segment_bytes - segment_bytes // 4:
        send(first, range(n, n + 100))
        n += 100
    first.close()
    second = weirlib.FlumeClient(weir.address("ads"), timeout=60.0)
    send(second, range(n - 100, n + 10))
    expect(weir, "re-sent while the log was full", n + 10, 100)
    weir.stop()


def the_end_of_a_connection_goes_before_a_change_of_job():
    """The end waits for room in the log while the job loses a table, so that the others' numbers change."""
    segment_bytes = 256 << 10
    weir = make_weir("change", HEAD + SOURCE.format(name="more") + SOURCE.format(name="ads"),
                     {"weir.checkpoint.interval": "1 h", "weir.checkpoint.bytes": "1 gb",
                      "weir.wal.segment-bytes": str(segment_bytes), "weir.wal.max-bytes": str(4 * segment_bytes)})
    first = weirlib.FlumeClient(weir.address("ads"), timeout=60.0)
    n = 0
    while weir.status()["log"]["end"] < 4 * segment_bytes - segment_bytes // 4:
        send(first, range(n, n + 100))
        n += 100
    first.close()
    weirlib.wait_until("the end", 10, lambda: source(weir)["connections"] == 0)
    weir.write_job(HEAD + SOURCE.format(name="ads"))
    weir.process.child.send_signal(signal.SIGHUP)
    weirlib.wait_until("the changed job", 30, lambda: "generation 2 is in force" in weir.process.log_text())
    second = weirlib.FlumeClient(weir.address("ads"), timeout=60.0)
    send(second, range(n - 100, n + 10))
    expect(weir, "re-sent after the job changed", n + 10, 100)
    weir.stop()


RESULTS = """
CREATE TABLE {table} (event_id STRING, window_end TIMESTAMP(3), n BIGINT, PRIMARY KEY (event_id) NOT ENFORCED)
WITH ('connector' = 'redis', 'url' = '{url}', 'ttl' = '1 d');
INSERT INTO {table} SELECT event_id, window_end, COUNT(*)
FROM TABLE(TUMBLE(TABLE ads, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY event_id, window_start, window_end;
"""


def reload(weir, job):
    generation = weir.status()["generation"] + 1
    weir.write_job(job)
    weir.process.child.send_signal(signal.SIGHUP)
    weirlib.wait_until("the changed job", 30, lambda: f"generation {generation} is in force" in weir.process.log_text())


def timed(numbers, ts):
    return [weirlib.ad_body({"event_id": f"e{n}", "event_type": "click", "campaign_id": 1, "user_id": "u", "ip": "192.0.2.1",
                             "event_ms": ts}) for n in numbers]


def results_behind_a_change_of_account_all_arrive():
    """The new URL names the same database by another user: two writers with one commit record would skip each other's
    epochs."""
    folder = weirlib.Folder("account-redis")
    redis = weirlib.RedisServer(folder)
    job = HEAD + SOURCE.format(name="ads") + RESULTS.format(table="r", url=redis.url)
    weir = make_weir("account", job)
    client = weirlib.FlumeClient(weir.address("ads"))
    send_ms = BASE_MS
    n = 0

    def send_some():
        nonlocal n, send_ms
        for _ in range(5):
            if client.append_batch(timed(range(n, n + 1000), send_ms)) != "OK":
                raise Failure("a batch was refused")
            n += 1000
            send_ms += 10_000

    send_some()
    weirlib.wait_until("the first results", 20, lambda: redis.client().exists("weir:{r:e0}"))
    reload(weir, job.replace("unix://", "unix://default:word@"))
    os.kill(redis.process.pid, signal.SIGSTOP)
    for _ in range(4):  # an epoch each second
        send_some()
        time.sleep(1.1)
    os.kill(redis.process.pid, signal.SIGCONT)
    send_some()
    last = n - 1001  # the last second is still open
    weirlib.wait_until("the last results", 20, lambda: redis.client().exists(f"weir:{{r:e{last}}}"))
    found = sum(1 for _ in redis.client().scan_iter("weir:{r:*", count=10000))
    if found != n - 1000:
        raise Failure(f"{found} results, expected {n - 1000}")
    writers = [one["name"] for one in redis.client().client_list() if one["name"].startswith("weir:")]
    if writers != ["weir:account"]:
        raise Failure(f"connections of weir: {writers}")
    weir.stop()


AGENT_SPAN = 10_000_000  # numbers of each agent's events


class Agent(threading.Thread):
    """Sends batch after batch; what was answered with an error comes again, in the same batch, as from a Flume sink. With
    `leaves`, on another connection each time, and without waiting for the answer for longer than a moment."""

    def __init__(self, weir, first, size, leaves=False):
        super().__init__(daemon=True)
        self.weir = weir
        self.first = first
        self.size = size
        self.leaves = leaves
        self.errors = []
        self.n_acked = self.n_left = 0
        self.is_stopping = False

    def deliver(self, numbers):
        client = None
        while True:
            client = client or weirlib.FlumeClient(self.weir.address("ads"), timeout=0.3 if self.leaves else 60.0)
            try:
                status = client.append_batch(bodies(numbers, BASE_MS - 3_600_000, AGENT_SPAN, 10))
            except TimeoutError:
                self.n_left += 1
                client.close()
                client = None
                continue
            if status == "OK":
                client.close()
                return
            self.errors.append(status)
            time.sleep(0.05)

    def run(self):
        while not self.is_stopping:
            self.deliver(range(self.first + self.n_acked, self.first + self.n_acked + self.size))
            self.n_acked += self.size


def a_batch_that_waits_too_long_is_refused_and_not_taken_as_well():
    """Redis is away, and the outbox keeps next to nothing: the log stays full until it is back. Agents wait, hear that
    their batch was not taken after ten ticks and send it again, or lose patience and send it again on another
    connection; in the end each event counts once."""
    segment_bytes = 256 << 10
    folder = weirlib.Folder("waits")
    redis = weirlib.RedisServer(folder)
    with open(folder.join("ad_event.avsc"), "w", encoding="utf-8") as schema:
        json.dump(weirlib.AD_SCHEMA, schema)
    job = HEAD + SOURCE.format(name="ads").replace("'connector' = 'blackhole'",
                                                   f"'connector' = 'redis', 'url' = '{redis.url}'")
    weir = weirlib.Weir(folder, job, {"weir.name": "waits", "weir.checkpoint.interval": "1 h", "weir.checkpoint.bytes": "1 gb",
                                      "weir.wal.segment-bytes": str(segment_bytes), "weir.outbox.keep-bytes": "4 kb",
                                      "weir.wal.max-bytes": str(4 * segment_bytes)},
                        program=os.path.join(weirlib.BUILD, "tests/e2e/hasty_ticks")).start()
    redis.kill()
    sizes = (500, 507, 519, 531)  # one batch taken for another would show in the sums
    agents = [Agent(weir, k * AGENT_SPAN, size, k == 3) for k, size in enumerate(sizes)]
    for agent in agents:
        agent.start()
    weirlib.wait_until("the log to be full", 60, lambda: "event=no-room what=log" in weir.process.log_text())
    weirlib.wait_until("errors, and an agent that leaves", 60,
                       lambda: len([agent for agent in agents if agent.errors]) >= 2 and agents[3].n_left >= 1)
    redis.start()
    before = [agent.n_acked for agent in agents]
    weirlib.wait_until("all agents to go on", 60,
                       lambda: all(agent.n_acked > n + 1000 for agent, n in zip(agents, before)))
    for agent in agents:
        agent.is_stopping = True
    for agent in agents:
        agent.join(60)
    errors = [error for agent in agents for error in agent.errors]
    if any("the batch was not taken" not in error or "weir.wal.max-bytes" not in error for error in errors):
        raise Failure(f"{errors}")
    weirlib.check_identities(weir.status())
    n_acked = sum(agent.n_acked for agent in agents)
    if source(weir)["accepted"] != n_acked:
        raise Failure(f"{n_acked} events acknowledged, {source(weir)}; {len(errors)} batches refused, "
                      f"{agents[3].n_left} connections left")
    weir.stop()


def connections(redis):
    return [one["name"] for one in redis.client().client_list() if one["name"].startswith("weir:")]


def a_sink_that_no_job_names_is_closed_when_its_rows_are_there():
    folder = weirlib.Folder("retired-redis")
    old, new = weirlib.RedisServer(folder, "old"), weirlib.RedisServer(folder, "new")
    job = HEAD + SOURCE.format(name="ads") + RESULTS.format(table="r", url=old.url)
    weir = make_weir("retired", job, {"weir.checkpoint.interval": "500 ms"})
    client = weirlib.FlumeClient(weir.address("ads"))
    for second in range(3):
        client.append_batch(timed(range(second * 100, second * 100 + 100), BASE_MS + second * 10_000))
    weirlib.wait_until("the first results", 20, lambda: old.client().exists("weir:{r:e0}"))
    reload(weir, job.replace(old.url, new.url))
    client.append_batch(timed(range(300, 400), BASE_MS + 30_000))
    weirlib.wait_until("results at the new place", 20, lambda: new.client().exists("weir:{r:e299}"))
    weirlib.wait_until("the old one to be left", 20, lambda: connections(old) == [])
    if not old.client().exists("weir:{r:e199}") or connections(new) != ["weir:retired"]:
        raise Failure("rows of the old job are missing, or the new connection is")
    if old.client().hkeys("weir:catalog") != [] or new.client().hkeys("weir:catalog") != ["r"]:
        raise Failure(f"catalogs {old.client().hkeys('weir:catalog')} and {new.client().hkeys('weir:catalog')}")
    weir.http("/metrics")
    reload(weir, job)  # and back
    client.append_batch(timed(range(400, 500), BASE_MS + 40_000))
    weirlib.wait_until("results at the old place", 20, lambda: old.client().exists("weir:{r:e399}"))
    weirlib.wait_until("the new one to be left", 20, lambda: connections(new) == [])
    weir.kill()
    weir.start()
    weirlib.wait_until("the old one after a kill", 20, lambda: connections(old) == ["weir:retired"])
    weirlib.wait_until("the new one to be left after a kill", 20, lambda: connections(new) == [])
    weir.stop()


def the_catalog_names_the_tables_of_the_job_in_force():
    folder = weirlib.Folder("catalog-redis")
    redis = weirlib.RedisServer(folder)
    job = HEAD + SOURCE.format(name="ads") + RESULTS.format(table="r", url=redis.url)
    more = RESULTS.format(table="q", url=redis.url) + RESULTS.format(table="other", url=redis.url)
    weir = make_weir("catalog", job + more)
    client = redis.client()
    weirlib.wait_until("the catalog", 20, lambda: sorted(client.hkeys("weir:catalog")) == ["other", "q", "r"])
    moved = client.hget("weir:catalog", "other").replace('"instance":"catalog"', '"instance":"somebody"')
    client.hset("weir:catalog", "other", moved)  # a table that another instance has taken over
    reload(weir, job)
    weirlib.wait_until("q to leave", 20, lambda: sorted(client.hkeys("weir:catalog")) == ["other", "r"])
    reload(weir, job + more)
    weirlib.wait_until("q to be back", 20, lambda: sorted(client.hkeys("weir:catalog")) == ["other", "q", "r"])
    weir.stop()
    weir.write_job(job)
    weir.start()
    weirlib.wait_until("other to leave, too", 20, lambda: client.hkeys("weir:catalog") == ["r"])
    weir.stop()


def a_removed_sink_that_is_away_for_good_does_not_stop_the_others():
    folder = weirlib.Folder("gone-redis")
    old, new = weirlib.RedisServer(folder, "old"), weirlib.RedisServer(folder, "new")
    job = HEAD + SOURCE.format(name="ads") + RESULTS.format(table="r", url=old.url)
    weir = make_weir("gone", job, {"weir.checkpoint.interval": "500 ms", "weir.outbox.keep": "1 s",
                                   "weir.outbox.keep-bytes": "300 kb", "weir.output.max-bytes": "1 mb"})
    client = weirlib.FlumeClient(weir.address("ads"), timeout=30)
    n, send_ms = 0, BASE_MS - 36_000_000
    old.kill()
    for step in range(200):
        if step == 3:
            reload(weir, job.replace(old.url, new.url))
        if client.append_batch(timed(range(n, n + 1000), send_ms)) != "OK":
            raise Failure("a batch was refused")
        n += 1000
        send_ms += 10_000
        time.sleep(0.03)  # an epoch each second: some are complete before the outbox is full
    last = n - 1001
    weirlib.wait_until("the last results", 30, lambda: new.client().exists(f"weir:{{r:e{last}}}"))
    if "event=sink-given-up" not in weir.process.log_text():
        raise Failure("no line says that a sink was given up")
    weir.stop()


if __name__ == "__main__":
    weirlib.run_tests([rows_come_again_on_a_connection_that_was_there_before,
                       the_end_of_a_connection_goes_before_what_comes_again_also_at_a_full_log,
                       the_end_of_a_connection_goes_before_a_change_of_job, results_behind_a_change_of_account_all_arrive,
                       a_batch_that_waits_too_long_is_refused_and_not_taken_as_well,
                       a_sink_that_no_job_names_is_closed_when_its_rows_are_there,
                       the_catalog_names_the_tables_of_the_job_in_force,
                       a_removed_sink_that_is_away_for_good_does_not_stop_the_others])
