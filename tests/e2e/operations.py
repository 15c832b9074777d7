#!/usr/bin/python3
"""What scripts and supervisors rely on (design section 8), against the real program."""

import base64
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request

import weirlib
from weirlib import Failure

JOB = """
SET 'table.local-time-zone' = 'UTC';
CREATE TABLE ad_events (
  event_id STRING, event_type STRING, campaign_id BIGINT, user_id STRING, ip STRING, event_ms BIGINT,
  ts AS TO_TIMESTAMP_LTZ(event_ms, 3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('connector' = 'flume', 'listen' = '127.0.0.1:0', 'format' = 'avro', 'avro.schema-file' = 'ad_event.avsc');
CREATE TABLE ctr (campaign_id BIGINT, window_end TIMESTAMP(3), n BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO ctr SELECT campaign_id, window_end, COUNT(*)
FROM TABLE(TUMBLE(TABLE ad_events, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY campaign_id, window_start, window_end;
"""
ADDED = """
CREATE TABLE users (user_id STRING, window_end TIMESTAMP(3), n BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO users SELECT user_id, window_end, COUNT(*)
FROM TABLE(TUMBLE(TABLE ad_events, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY user_id, window_start, window_end;
"""


def make_weir(name, settings=(), start=True, job=JOB):
    folder = weirlib.Folder(name)
    with open(folder.join("ad_event.avsc"), "w", encoding="utf-8") as schema:
        json.dump(weirlib.AD_SCHEMA, schema)
    weir = weirlib.Weir(folder, job, {"weir.name": name, **dict(settings)})
    return weir.start() if start else weir


def ad(n, ts=None):
    return {"event_id": f"e{n}", "event_type": "click", "campaign_id": n % 3, "user_id": f"u{n % 7}", "ip": "192.0.2.1",
            "event_ms": ts if ts is not None else int(time.time() * 1000) - 60_000 + n}


def send(client, numbers):
    status = client.append_batch([weirlib.ad_body(ad(n)) for n in numbers])
    if status != "OK":
        raise Failure(f"a batch was answered {status}")


def source(weir):
    return weir.status()["sources"]["ad_events"]


def run_weir(*arguments, **options):
    return subprocess.run([weirlib.WEIR, *arguments], capture_output=True, text=True, timeout=30, check=False, **options)


def clean_stop_leaves_nothing_to_replay():
    weir = make_weir("stop")
    client = weirlib.FlumeClient(weir.address("ad_events"))
    send(client, range(100))
    weir.stop()
    if os.path.exists(os.path.join(weir.state, "endpoints.json")):
        raise Failure("endpoints.json is still there after a clean stop")
    weir.start()
    status = weir.status()
    if status["recovery"]["records"] != 0 or status["sources"]["ad_events"]["accepted"] != 100:
        raise Failure(f"after a clean stop: {status['recovery']}, {status['sources']}")
    if weir.process.log_text().count("event=ready") != 2:
        raise Failure("event=ready is not logged once a start")
    weir.stop()


def reload_keeps_connections_and_state():
    weir = make_weir("reload")
    client = weirlib.FlumeClient(weir.address("ad_events"))
    send(client, range(10))
    weir.process.child.send_signal(signal.SIGHUP)
    weirlib.wait_until("the unchanged reload", 10, lambda: "nothing has changed" in weir.process.log_text())
    send(client, range(10, 20))
    weir.write_job(JOB + ADDED)
    weir.process.child.send_signal(signal.SIGHUP)
    weirlib.wait_until("the changed reload", 10, lambda: "generation 2 is in force" in weir.process.log_text())
    send(client, range(20, 30))
    windows = {window["sink"]: window["in"] for window in weir.status()["windows"]}
    if windows != {"ctr": 30, "users": 10}:
        raise Failure(f"the unchanged operator does not keep its state: {windows}")
    weir.write_job(JOB.replace("COUNT(*)", "COUNT(nothing)"))
    weir.process.child.send_signal(signal.SIGHUP)
    weirlib.wait_until("the refused reload", 10, lambda: "event=reload-refused" in weir.process.log_text())
    send(client, range(30, 40))
    if weir.status()["generation"] != 2 or source(weir)["accepted"] != 40:
        raise Failure(f"after a refused reload: {weir.status()}")
    weir.stop()


def reload_under_load_does_not_hang():
    weir = make_weir("reload-load")
    address = weir.address("ad_events")
    with open(weir.folder.join("rows.jsonl"), "w", encoding="utf-8") as rows:
        for n in range(60000):
            rows.write(json.dumps(ad(n)) + "\n")
    command = [weirlib.WEIR, "send", f"{address[0]}:{address[1]}", "--connections", "4", "--batch-size", "200", "--pipeline",
               "4", "--quiet", "--retry-ms", "50", "--schema", weir.folder.join("ad_event.avsc"),
               weir.folder.join("rows.jsonl")]
    with subprocess.Popen(command) as sender:
        for generation in range(2, 6):
            weir.write_job(JOB + (ADDED if generation % 2 == 0 else ""))
            weir.process.child.send_signal(signal.SIGHUP)
            weirlib.wait_until(f"generation {generation}", 20,
                               lambda: f"generation {generation} is in force" in weir.process.log_text())
        if sender.wait(60) != 0:
            raise Failure("weir send did not deliver")
    status = source(weir)
    if status["accepted"] != 60000:
        raise Failure(f"sent 60000 rows, {status}")
    weir.stop()


def systemd_is_told():
    folder = tempfile.mkdtemp(prefix="weir-notify-")
    path = os.path.join(folder, "socket")
    heard = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(path)
        listener.settimeout(0.1)
        os.environ.update(NOTIFY_SOCKET=path, WATCHDOG_USEC="200000")
        stop = threading.Event()

        def listen():
            while not stop.is_set():
                try:
                    heard.extend(listener.recv(4096).decode().split("\n"))
                except TimeoutError:
                    continue
        thread = threading.Thread(target=listen)
        thread.start()
        try:
            weir = make_weir("notify")
            weir.process.child.send_signal(signal.SIGHUP)
            weirlib.wait_until("WATCHDOG=1", 10, lambda: "WATCHDOG=1" in heard)
            weirlib.wait_until("RELOADING=1", 10, lambda: "RELOADING=1" in heard)
            weir.stop()
            weirlib.wait_until("STOPPING=1", 10, lambda: "STOPPING=1" in heard)
        finally:
            del os.environ["NOTIFY_SOCKET"], os.environ["WATCHDOG_USEC"]
            stop.set()
            thread.join()
    os.unlink(path)
    os.rmdir(folder)
    if heard.index("READY=1") > heard.index("STOPPING=1"):
        raise Failure(f"heard {heard}")


SECOND_WINDOW = """
INSERT INTO ctr SELECT campaign_id, window_end, COUNT(*) FROM TABLE(HOP(TABLE ad_events, DESCRIPTOR(ts),
  INTERVAL '10' SECOND, INTERVAL '20' SECOND)) GROUP BY campaign_id, window_start, window_end;
"""


def metrics_are_prometheus_text_and_agree_with_status():
    weir = make_weir("metrics", job=JOB + SECOND_WINDOW)  # two windows that write to one table
    client = weirlib.FlumeClient(weir.address("ad_events"))
    send(client, range(25))
    text = weir.http("/metrics")
    helped, typed, series = set(), set(), {}
    for line in text.splitlines():
        if line.startswith("# HELP "):
            helped.add(line.split()[2])
        elif line.startswith("# TYPE "):
            typed.add(line.split()[2])
        else:
            match = re.fullmatch(r'([a-z_]+)(\{[a-z]+="[^"]*"(?:,[a-z]+="[^"]*")*\})? ([-+0-9.eE]+)', line)
            if match is None:
                raise Failure(f"not a sample: {line!r}")
            key = match.group(1) + (match.group(2) or "")
            if key in series or match.group(1) not in helped or match.group(1) not in typed:
                raise Failure(f"{key}: twice, or without HELP and TYPE before it")
            series[key] = float(match.group(3))
    if series['weir_source_accepted_total{source="ad_events"}'] != source(weir)["accepted"]:
        raise Failure("/metrics and /status disagree")
    weirlib.check_identities(weir.status())
    weir.stop()


def http_answers_are_guarded():
    weir = make_weir("http")
    address = weir.endpoints()["http"]
    if weir.http("/livez") != "ok\n" or json.loads(weir.http("/readyz"))["ready"] is not True:
        raise Failure("/livez or /readyz")

    def code(path, **options):
        try:
            request = urllib.request.Request(f"http://{address}{path}", **options)
            return urllib.request.urlopen(request, timeout=5).status
        except urllib.error.HTTPError as answer:
            return answer.code
    codes = {"missing": code("/nothing"), "post": code("/status", data=b"x"),
             "rebinding": code("/status", headers={"Host": "evil.example"})}
    if codes["missing"] != 404 or codes["post"] < 400 or codes["rebinding"] != 403:
        raise Failure(f"{codes}")
    weir.stop()


def exit_codes_say_what_went_wrong():
    weir = make_weir("codes")
    bad = weir.folder.join("bad.sql")
    cases = [
        (64, ["run"], "FILE"),
        (64, ["run", "--nonsense", weir.job], "nonsense"),
        (64, ["frobnicate"], "frobnicate"),
        (78, ["run", bad], "bad.sql:4:95: error[WEIR-P0103]"),
        (78, ["run", "-D", "weir.nonsense=1", weir.job], "weir.nonsense"),
        (78, ["run", weir.folder.join("absent.sql")], "absent.sql"),
        (69, ["run", "-D", f"weir.state-dir={weir.state}", weir.job], "in use by another weir"),
    ]
    with open(bad, "w", encoding="utf-8") as file:
        file.write(JOB.replace("event_ms BIGINT,", "event_ms BIGNIT,"))
    for expected, arguments, word in cases:
        result = run_weir(*arguments)
        if result.returncode != expected or word not in result.stderr:
            raise Failure(f"weir {arguments}: exit {result.returncode}, expected {expected} and {word!r} in\n{result.stderr}")
    host, port = weir.address("ad_events")
    taken = weir.folder.join("taken.sql")
    with open(taken, "w", encoding="utf-8") as file:
        file.write(JOB.replace("127.0.0.1:0", f"{host}:{port}"))
    result = run_weir("run", "-D", f"weir.state-dir={weir.folder.join('other')}", "-D", "weir.http.listen=127.0.0.1:0", taken)
    if result.returncode != 69 or "cannot listen" not in result.stderr:
        raise Failure(f"an address in use: exit {result.returncode}\n{result.stderr}")
    weir.stop()


def log_off_and_sync_off():
    weir = make_weir("wal-off", {"weir.wal": "off"})
    send(weirlib.FlumeClient(weir.address("ad_events")), range(10))
    if source(weir)["accepted"] != 10:
        raise Failure(f"{source(weir)}")
    weir.stop()
    weir = make_weir("sync-off", {"weir.wal.sync": "off"})
    client = weirlib.FlumeClient(weir.address("ad_events"))
    for n in range(20):
        send(client, range(n * 10, n * 10 + 10))
    weir.kill()
    weir.start()
    if source(weir)["accepted"] != 200:
        raise Failure(f"SIGKILL with weir.wal.sync = off: {source(weir)}")
    weir.stop()


def strangers_are_named_and_harmless():
    weir = make_weir("strangers")
    client = weirlib.FlumeClient(weir.address("ad_events"))
    send(client, range(5))
    hello = bytes.fromhex("16030100a5010000a10303") + bytes(160)
    for data, word in ((b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP"), (hello, "TLS")):
        with socket.create_connection(weir.address("ad_events"), 5) as stranger:
            stranger.sendall(data)
            stranger.settimeout(5)
            stranger.recv(100)
        weirlib.wait_until(f"a line that names {word}", 10,
                           lambda: any("event=connection-refused" in line and word in line
                                       for line in weir.process.log_text().splitlines()))
    send(client, range(5, 10))
    weir.stop()


def wait_for_dead_letters(weir, n):
    weirlib.wait_until(f"{n} rows of dead letters", 10, lambda: len(weirlib.dead_letters(weir)) >= n)
    return weirlib.dead_letters(weir)


def dead_letters_are_rows_in_files():
    weir = make_weir("dead-files")
    client = weirlib.FlumeClient(weir.address("ad_events"))
    sent = []
    for n in range(40):
        sent.append(b"\x80" * (n + 1))
        if client.append_batch([weirlib.ad_body(ad(n)), sent[-1]]) != "OK":
            raise Failure("a batch with a dead letter is not OK")
        if n == 20:
            wait_for_dead_letters(weir, 1)
    future = int(time.time() * 1000) + 2 * 86_400_000
    if client.append_batch([b"", weirlib.ad_body(ad(2, future))]) != "OK":
        raise Failure("a batch of dead letters alone is not OK")
    weir.kill()
    weir.start()
    wait_for_dead_letters(weir, 42)
    weir.kill()
    weir.start()
    rows = wait_for_dead_letters(weir, 42)
    rows.sort(key=lambda row: (row["body_bytes"], row["reason"]))
    bodies = [base64.b64decode(row["body"]) if row["body"] is not None else None for row in rows]
    if bodies != [None, None, *sent] or any(row["body_bytes"] != len(body) for row, body in zip(rows[2:], sent)):
        raise Failure(f"not each dead letter once: {bodies}")
    if any(row["source"] != "ad_events" or not row["detail"] or not row["arrival"] for row in rows):
        raise Failure(f"{rows}")
    if [row["reason"] for row in rows] != ["future", *["truncated"] * 10, *["bad-varint"] * 31]:
        raise Failure(f"{[row['reason'] for row in rows]}")
    weir.stop()


def dead_letters_beyond_the_limit_keep_their_reasons():
    for wal in ("on", "off"):
        weir = make_weir("dead-limit-" + wal, {"weir.dead.max-bytes": "1000", "weir.wal": wal})
        client = weirlib.FlumeClient(weir.address("ad_events"))
        body = b"\x80" * 300  # 400 bytes in base64: two fit
        for _ in range(4):
            if client.append_batch([weirlib.ad_body(ad(1)), body]) != "OK":
                raise Failure("a batch with a dead letter is not OK")
        if wal == "on":
            wait_for_dead_letters(weir, 4)
            weir.kill()
            weir.start()
        rows = wait_for_dead_letters(weir, 4)
        if sum(row["body"] is not None for row in rows) != 2:
            raise Failure(f"weir.wal = {wal}: {rows}")
        if any(row["body_bytes"] != 300 or not row["reason"] for row in rows) or source(weir)["dead"] != 4:
            raise Failure(f"weir.wal = {wal}: {rows}, {source(weir)}")
        if wal == "on":  # what lies in the folder counts at the next start
            if weirlib.FlumeClient(weir.address("ad_events")).append_batch([body + b"\x80"]) != "OK":
                raise Failure("a dead letter is not OK")
            if [row["body"] for row in wait_for_dead_letters(weir, 5) if row["body_bytes"] == 301] != [None]:
                raise Failure("a restart forgets weir.dead.max-bytes")
        weir.stop()


def dead_letters_are_counted_and_shown():
    weir = make_weir("dead")
    client = weirlib.FlumeClient(weir.address("ad_events"))
    future = int(time.time() * 1000) + 2 * 86_400_000
    bodies = [weirlib.ad_body(ad(1)), b"\x80", b"", weirlib.ad_body(ad(2, future)), weirlib.ad_body(ad(3))]
    if client.append_batch(bodies) != "OK":
        raise Failure("a batch with dead letters is not OK")
    counted = source(weir)
    if (counted["received"], counted["accepted"], counted["dead"]) != (5, 2, 3):
        raise Failure(f"{counted}")
    weirlib.check_identities(weir.status())
    weir.kill()
    dump = run_weir("wal", "dump", weir.state)
    if dump.returncode != 0:
        dump = run_weir("wal", "dump", os.path.join(weir.state, "log"))
    for word in ("truncated", "future"):
        if word not in dump.stdout:
            raise Failure(f"weir wal dump shows no {word!r}:\n{dump.stdout[-2000:]}{dump.stderr}")
    weir.start()
    if source(weir)["dead"] != 3:
        raise Failure(f"after a kill: {source(weir)}")
    weir.stop()


def redis_job(redis):
    with_redis = f"WITH ('connector' = 'redis', 'url' = '{redis.url}')"
    table = "CREATE TABLE ctr (campaign_id BIGINT, window_end TIMESTAMP(3), n BIGINT) "
    head, tail = JOB.split(table + "WITH ('connector' = 'blackhole');")
    return (head + "CREATE TABLE ctr (campaign_id BIGINT, window_end TIMESTAMP(3), n BIGINT, PRIMARY KEY (campaign_id) NOT "
            + f"ENFORCED) {with_redis};\nCREATE TABLE log (campaign_id BIGINT, n BIGINT) {with_redis};{tail}"
            + "INSERT INTO log SELECT campaign_id, n FROM (" + tail.split("INTO ctr", 1)[1].rstrip().rstrip(";")
            .replace("COUNT(*)", "COUNT(*) AS n") + ");\n")


def redis_content(client):
    content = {"stream": client.xrange("weir:{log}"), "commit": client.get("weir:{commit}:ahead")}
    for n in range(3):
        content[n] = client.hgetall(f"weir:{{ctr:{n}}}")
    return content


def results_are_committed(client, rows):
    entries = client.xrange("weir:{log}")
    return len(entries) >= rows and client.get("weir:{commit}:ahead").split(":")[1] == entries[-1][0].split("-")[0]


def redis_that_knows_more_than_the_log_is_not_written():
    """An older copy of the state directory is restored; at once, or when it has gone on by itself for a while."""
    folder = weirlib.Folder("redis-ahead")
    redis = weirlib.RedisServer(folder)
    client = redis.client()
    for has_gone_on in (False, True):
        client.flushall()
        weir = make_weir("ahead", {"table.exec.mini-batch.allow-latency": "0 ms"}, job=redis_job(redis))
        base = int(time.time() * 1000) // 10_000 * 10_000 - 3_600_000
        slide = 0

        def fire(weir, rows=12):
            """Rows of one window each, and the window before it fires: one result a campaign."""
            nonlocal slide
            sender = weirlib.FlumeClient(weir.address("ad_events"))
            slide += 1
            bodies = [weirlib.ad_body(ad(n, base + slide * 20_000)) for n in range(rows)]
            if sender.append_batch(bodies) != "OK":
                raise Failure("not OK")
            sender.close()
        fire(weir)
        fire(weir)
        weirlib.wait_until("results", 20, lambda: results_are_committed(client, 3))
        weir.stop()
        shutil.copytree(weir.state, weir.state + "-copy")
        weir.start()
        fire(weir)
        weirlib.wait_until("more results", 20, lambda: results_are_committed(client, 6))
        weir.stop()
        shutil.rmtree(weir.state)
        os.rename(weir.state + "-copy", weir.state)
        before = redis_content(client)
        if has_gone_on:
            os.rename(redis.path, redis.path + "-away")
            weir.start()
            fire(weir)
            weirlib.wait_until("a result in the outbox", 20, lambda: weir.status()["windows"][0]["rows"] >= 6)
            weir.stop()  # which waits for Redis for some ticks: clean all the same
            os.rename(redis.path + "-away", redis.path)
        weir.start()
        fire(weir)
        weirlib.wait_until("event=redis-ahead", 20, lambda: "event=redis-ahead" in weir.process.log_text())
        time.sleep(1)
        try:
            weir.http("/readyz")
            raise Failure("/readyz is 200")
        except urllib.error.HTTPError as answer:
            if answer.code != 503 or "knows more than our log" not in answer.read().decode():
                raise Failure(f"/readyz {answer.code}") from None
        if redis_content(client) != before or weir.process.log_text().count("event=redis-ahead") != 1:
            raise Failure(f"written: {redis_content(client)}, before: {before}\n{weir.process.log_text()}")
        client.delete("weir:{commit}:ahead")
        fire(weir)
        weirlib.wait_until("results after the key was deleted", 30, lambda: weir.status()["ready"])
        weirlib.wait_until("the newest result", 20, lambda: results_are_committed(client, 9))
        weir.stop()
    redis.kill()


WIDE_JOB = JOB.split("CREATE TABLE ctr", maxsplit=1)[0] + """
CREATE TABLE widths (window_end TIMESTAMP(3), n BIGINT, widest INT) WITH ('connector' = 'blackhole');
INSERT INTO widths SELECT window_end, COUNT(*), MAX(CHAR_LENGTH(user_id))
FROM TABLE(TUMBLE(TABLE ad_events, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end;
"""


def rows_wider_than_a_record_are_dead_letters_and_the_rest_goes_on():
    slack = 128 << 10
    for segment, widest in (("64 mb", (16 << 20) - slack), ("256 kb", (256 << 10) - 3 * 4096 - slack)):
        weir = make_weir("wide", {"weir.wal.segment-bytes": segment}, job=WIDE_JOB)
        client = weirlib.FlumeClient(weir.address("ad_events"), timeout=60.0)
        now = int(time.time() * 1000) - 60_000
        widths = [10, widest - 200, 10, widest + 1, 10, 17 << 20, *[widest // 9] * 5]
        bodies = [weirlib.ad_body({**ad(n, now), "user_id": "u" * width}) for n, width in enumerate(widths)]
        for _ in range(2):
            if client.append_batch(bodies) != "OK" or client.append_batch([b"\x80"] * 20000) != "OK":
                raise Failure(f"{segment}: a batch with dead letters is not OK")
        expected = {"received": 2 * (len(widths) + 20000), "accepted": 2 * (len(widths) - 2), "dead": 2 * (2 + 20000)}
        for again in (False, True):
            status = weir.status()
            weirlib.check_identities(status)
            counted = status["sources"]["ad_events"]
            if {key: counted[key] for key in expected} != expected or status["windows"][0]["in"] != expected["accepted"]:
                raise Failure(f"{segment}: {counted} {status['windows']}, not {expected}")
            rows = [row for row in wait_for_dead_letters(weir, expected["dead"]) if row["reason"] != "truncated"]
            if [row["reason"] for row in rows] != ["too-large"] * 4 or any("byte" not in row["detail"] for row in rows):
                raise Failure(f"{segment}: {[(row['reason'], row['detail']) for row in rows]}")
            # An event that was decoded has no body any more; one too large to decode keeps the beginning of it.
            kept = sorted((row["body_bytes"], row["body"] is not None) for row in rows)
            if kept != sorted([(0, False)] * 2 + [(len(bodies[5]), True)] * 2):
                raise Failure(f"{segment}: {kept}")
            if not again:
                weir.kill()
                weir.start()
        weir.stop()


BOUNDED_JOB = """
CREATE TABLE clicks (k STRING NOT NULL, v INT, at_ STRING, ts AS TO_TIMESTAMP(at_), WATERMARK FOR ts AS ts)
  WITH ('connector' = 'filesystem', 'path' = 'clicks.jsonl', 'format' = 'json');
CREATE TABLE shows (k STRING, n BIGINT) WITH ('connector' = 'filesystem', 'path' = 'shows.jsonl', 'format' = 'json');
CREATE TABLE a (k STRING, n BIGINT, s INT) WITH ('connector' = 'print');
CREATE TABLE b (k STRING) WITH ('connector' = 'print');
INSERT INTO a SELECT k, COUNT(*), SUM(v) FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '10' SECOND))
  GROUP BY k, window_start, window_end;
INSERT INTO b SELECT k FROM shows WHERE n > 0;
"""


def bounded_run_says_what_became_of_every_row():
    folder = weirlib.Folder("bounded")
    good = {"k": "a", "v": 1, "at_": "2026-01-01 00:00:01"}
    bad = [({"k": "a", "v": "much", "at_": good["at_"]}, 12), ({"k": "a", "v": 1, "at_": "no time"}, 5),
           ({"v": 1, "at_": good["at_"]}, 3)]
    for name, rows in (("clicks", [good] * 7 + [row for row, n in bad for _ in range(n)] + [good]),
                       ("shows", [{"k": "x", "n": 1}, {"k": "y", "n": "two"}, {"k": "z", "n": 0}])):
        with open(folder.join(f"{name}.jsonl"), "w", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
            if name == "clicks":
                file.write('{"k": "a", "v"\n')
    with open(folder.join("job.sql"), "w", encoding="utf-8") as file:
        file.write(BOUNDED_JOB)
    done = run_weir("run", folder.join("job.sql"))
    if done.returncode != 0 or sorted(done.stdout.splitlines()) != ["+I[a, 8, 8]", "+I[x]"]:
        raise Failure(f"exit {done.returncode}: {done.stdout!r} {done.stderr}")
    shown = [line for line in done.stderr.splitlines() if " event=dead-letter " in line]
    summary = [line.split(" event=dead-letters ")[1] for line in done.stderr.splitlines() if " event=dead-letters " in line]
    if len(shown) != 10 + 1 or len(summary) != 2:
        raise Failure(f"{len(shown)} shown, {summary}:\n{done.stderr}")
    if not summary[0].startswith("table=clicks n=21 bad-text=12 ") or "null-rowtime=5" not in summary[0] or \
            "null-value=3" not in summary[0] or "bad-json=1" not in summary[0] or "the first 10" not in summary[0]:
        raise Failure(summary[0])
    if not summary[1].startswith("table=shows n=1 bad-text=1 ") or "each is shown" not in summary[1]:
        raise Failure(summary[1])


def bounded_run_says_which_rows_failed_and_were_late():
    folder = weirlib.Folder("left")
    with open(folder.join("in.jsonl"), "w", encoding="utf-8") as file:
        for v, at in ((1, "00:00:01"), (0, "00:00:02"), (2, "00:01:00"), (3, "00:00:03"), (-1, "00:02:00")):
            file.write(json.dumps({"v": v, "at_": f"2026-01-01 {at}"}) + "\n")
    with open(folder.join("job.sql"), "w", encoding="utf-8") as file:
        file.write("""
            CREATE TABLE s (v INT, at_ TIMESTAMP(3), WATERMARK FOR at_ AS at_)
            WITH ('connector' = 'filesystem', 'path' = 'in.jsonl', 'format' = 'json');
            CREATE TABLE rows_ (v INT) WITH ('connector' = 'print');
            CREATE TABLE windows (n BIGINT) WITH ('connector' = 'print');
            INSERT INTO rows_ SELECT 6 / v FROM s;
            INSERT INTO windows SELECT 1 / (SUM(v) + 1) + COUNT(*)
            FROM TABLE(TUMBLE(TABLE s, DESCRIPTOR(at_), INTERVAL '10' SECOND)) GROUP BY window_start, window_end;
        """)
    done = run_weir("run", folder.join("job.sql"))
    left = [line.split(" event=rows-left ")[1].split(" msg=")[0] for line in done.stderr.splitlines() if "rows-left" in line]
    left = [re.sub(" operator=[0-9]+", "", line) for line in left]
    if done.returncode != 0 or sorted(left) != ["table=rows_ failed=1", "table=windows late=1", "table=windows withheld=1"]:
        raise Failure(f"exit {done.returncode}: {left}\n{done.stderr}\n{done.stdout}")


def many_connections_and_an_idle_one():
    weir = make_weir("many")
    idle = weirlib.FlumeClient(weir.address("ad_events"))
    send(idle, [0])
    clients = [weirlib.FlumeClient(weir.address("ad_events")) for _ in range(300)]
    for n, client in enumerate(clients):
        send(client, [n * 2 + 1, n * 2 + 2])
    send(idle, [601])
    if source(weir)["accepted"] != 602 or source(weir)["connections"] != 301:
        raise Failure(f"{source(weir)}")
    for client in clients:
        client.close()
    weirlib.wait_until("the connections to end", 10, lambda: source(weir)["connections"] == 1)
    weir.stop()


def log_at_its_limit_is_cut_and_goes_on():
    """No checkpoint is due by time or bytes: a log that cannot grow asks for those that let it be cut."""
    weir = make_weir("limit", {"weir.checkpoint.interval": "1 h", "weir.checkpoint.bytes": "1 gb",
                               "weir.wal.segment-bytes": "256 kb", "weir.wal.max-bytes": "1 mb"})
    client = weirlib.FlumeClient(weir.address("ad_events"), timeout=60.0)
    n = 0
    while weir.status()["log"]["end"] < 3 << 20:
        send(client, range(n, n + 5000))
        n += 5000
    if source(weir)["accepted"] != n or weir.status()["log"]["disk_bytes"] > 1 << 20:
        raise Failure(f"{source(weir)} {weir.status()['log']}")
    weir.kill()
    weir.start()
    if source(weir)["accepted"] != n:
        raise Failure(f"after a kill: {source(weir)}, not {n}")
    weir.stop()


def sees_replay(address):
    """/readyz tells of it, /status counts what is replayed, /livez is content."""
    def get(path):
        try:
            with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as answer:
            return answer.code, answer.read()
    code, text = get("/readyz")
    status = json.loads(get("/status")[1])
    if get("/livez") != (200, b"ok\n"):
        raise Failure("/livez while weir starts")
    return (code == 503 and any(re.fullmatch(r"replaying the log, \d+ %", reason) for reason in json.loads(text)["reasons"])
            and status["sources"].get("ad_events", {}).get("accepted", 0) > 0)


def replay_is_shown_and_ends_at_sigterm():
    """A pattern that backtracks makes a row cost milliseconds, so that there is a replay to be seen. Where it was over before
    SIGTERM came, there are more rows the next time."""
    slow = JOB.replace("COUNT(*)", "COUNT(*) FILTER (WHERE REGEXP(user_id, '^(a+)+[^a]{2}$'))")
    weir = make_weir("replay", {"weir.checkpoint.interval": "1 h"}, job=slow)
    sent, was_seen = 0, False
    for rows in (100, 200, 400, 800, 1600):
        client = weirlib.FlumeClient(weir.address("ad_events"), timeout=60.0)
        for n in range(sent, sent + rows):
            if client.append_batch([weirlib.ad_body({**ad(n), "user_id": "a" * 18 + f"b{n}"})]) != "OK":
                raise Failure("a row is not OK")
        client.close()
        sent += rows
        weir.kill()
        before = weir.process.log_text()
        weir.start(wait=False)
        weirlib.wait_until("event=http", 20, lambda was=before: "event=http" in weir.process.log_text()[len(was):])
        address = re.findall(r"event=http address=(\S+)", weir.process.log_text())[-1]
        weirlib.wait_until("the replay, or its end", 60, lambda was=before, at=address: sees_replay(at) or
                           "event=ready" in weir.process.log_text()[len(was):])
        weir.stop()
        was_seen = "event=ready" not in weir.process.log_text()[len(before):]
        weir.start()
        if source(weir)["accepted"] != sent:
            raise Failure(f"{sent} rows were acknowledged, {source(weir)}")
        if was_seen:
            break
    if not was_seen:
        raise Failure("SIGTERM during a replay was not heard before the replay was over")
    weir.stop()


if __name__ == "__main__":
    weirlib.run_tests([clean_stop_leaves_nothing_to_replay, reload_keeps_connections_and_state, reload_under_load_does_not_hang,
                       systemd_is_told, metrics_are_prometheus_text_and_agree_with_status, http_answers_are_guarded,
                       exit_codes_say_what_went_wrong, log_off_and_sync_off, strangers_are_named_and_harmless,
                       dead_letters_are_counted_and_shown, dead_letters_are_rows_in_files,
                       dead_letters_beyond_the_limit_keep_their_reasons,
                       rows_wider_than_a_record_are_dead_letters_and_the_rest_goes_on, many_connections_and_an_idle_one,
                       redis_that_knows_more_than_the_log_is_not_written, bounded_run_says_what_became_of_every_row, bounded_run_says_which_rows_failed_and_were_late,
                       log_at_its_limit_is_cut_and_goes_on, replay_is_shown_and_ends_at_sigterm])
