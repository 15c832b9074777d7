#!/usr/bin/python3
"""What reaches a source's port, against the real program: clients of another shape, hostile ones, too many of them."""

import hashlib
import json
import re
import resource
import signal
import socket
import struct
import threading
import time
import zlib

import weirlib
from weirlib import Failure

JOB = """
CREATE TABLE events (body STRING, headers MAP<STRING, STRING> METADATA)
WITH ('connector' = 'flume', 'listen' = '127.0.0.1:0', 'format' = 'raw', 'dedup' = 'off');
CREATE TABLE bodies (body STRING) WITH ('connector' = 'blackhole');
INSERT INTO bodies SELECT body FROM events;
"""


def start(name, job=JOB, settings=(), prefix=()):
    return weirlib.Weir(weirlib.Folder(name), job, {"weir.name": name, **dict(settings)}, prefix=prefix).start()


def frame(serial, *buffers):
    return struct.pack(">ii", serial, len(buffers)) + b"".join(struct.pack(">i", len(b)) + b for b in buffers)


def cut(payload, size):
    return [payload[i:i + size] for i in range(0, len(payload), size)]


def answer(client):
    """One reply: serial and payload."""
    serial, count = struct.unpack(">ii", client._read(8))
    return serial, b"".join(client._read(struct.unpack(">i", client._read(4))[0]) for _ in range(count))


FOREIGN = json.dumps({
    "protocol": "Other", "namespace": "other",
    "types": [{"type": "record", "name": "Event", "fields": [
        {"name": "extra", "type": {"type": "array", "items": "int"}},
        {"name": "headers", "type": {"type": "map", "values": "string"}},
        {"name": "body", "type": "bytes"}]}],
    "messages": {"append": {"request": [{"name": "event", "type": "Event"}], "response": "null"}}}).encode()


def foreign_head(message):
    return (hashlib.md5(FOREIGN).digest() + b"\2" + weirlib.avro_bytes(FOREIGN) + weirlib.FLUME_HASH + b"\2\0" + b"\0" +
            weirlib.avro_text(message))


def a_large_event_of_another_shape_is_answered_in_time():
    """An array that another client's event carries is skipped once, not once for each buffer it is cut into: before the
    agent gives up (request-timeout, 20 s) all of it is read."""
    weir = start("foreign")
    for n_items, size in ((1 << 20, 8192), (16 << 20, 1024), (5, 3)):
        client = weirlib.FlumeClient(weir.address("events"), timeout=20)
        event = weirlib.avro_long(n_items) + b"\2" * n_items + b"\0" + b"\0" + weirlib.avro_text("body")
        client.socket.sendall(frame(7, foreign_head("append"), *cut(event, size)))
        if answer(client) != (7, b"\0\0\0\0\0\0\0"):
            raise Failure(f"{n_items} items in buffers of {size} are not answered OK")
        client.socket.sendall(frame(8, b"\0" + weirlib.avro_text("append"), *cut(event[:-1], size)))
        serial, reply = answer(client)
        if serial != 8 or reply[:3] != b"\0\1\0" or b"the frame ends inside" not in reply:
            raise Failure(f"an event that is cut off is answered {reply}")
        client.socket.sendall(frame(9, b"\0" + weirlib.avro_text("append"), event))
        if answer(client) != (9, b"\0\0\0"):
            raise Failure("the call behind a refused one is not answered OK")
        client.close()
    received = weir.status()["sources"]["events"]["received"]
    if received != 6:
        raise Failure(f"{received} events received, not 6")
    weir.stop()


def half_batch(client, n_events, n_sent, buffer_bytes=1 << 20):
    """The beginning of an appendBatch of n_events without a body or headers; returns when weir has taken it in."""
    head = weirlib.FLUME_HASH + b"\0" + weirlib.FLUME_HASH + b"\2\0" + b"\0" + weirlib.avro_text("appendBatch")
    client.socket.sendall(struct.pack(">iii", 1, 2, len(head)) + head + struct.pack(">i", buffer_bytes * 64) +
                          weirlib.avro_long(n_events) + b"\0\0" * n_sent)


def half_batches_of_many_connections_hold_bounded_memory():
    """A million empty events are 2 MB on the wire and ten times as much as columns."""
    weir = start("half-batches")
    slow = []
    for _ in range(100):
        slow.append(weirlib.FlumeClient(weir.address("events")))
        half_batch(slow[-1], 1_000_000, 999_999, 1 << 19)
    honest = weirlib.FlumeClient(weir.address("events"))
    for _ in range(3):
        if honest.append_batch([b"a body"] * 100) != "OK":
            raise Failure("an honest batch is not answered OK")
    with open(f"/proc/{weir.process.pid}/status", encoding="utf-8") as status:
        peak = int(next(line for line in status if line.startswith("VmHWM")).split()[1]) >> 10
    if peak > 1300:
        raise Failure(f"{peak} MiB for half batches")
    if "event=connection-cut" not in weir.process.log_text():
        raise Failure("no line says whose batch was given up")
    if weir.status()["sources"]["events"]["received"] != 300:
        raise Failure("a half batch was counted")
    weir.stop()


def connections_leave_descriptors_for_the_log():
    weir = start("descriptors", settings={"weir.wal.segment-bytes": "256 kb", "weir.checkpoint.interval": "1 s"},
                 prefix=["prlimit", "--nofile=128:128"])
    crowd = []
    for _ in range(150):
        crowd.append(weirlib.FlumeClient(weir.address("events")))
    for client in crowd[:10]:
        for _ in range(10):
            if client.append_batch([b"x" * 1000] * 100) != "OK":
                raise Failure("a batch is not answered OK")
    rejected = re.search(r'weir_source_rejected_total\{source="events"\} ([0-9]+)', weir.http("/metrics"))
    if rejected is None or int(rejected.group(1)) < 50:
        raise Failure("/metrics does not count the connections that were turned away")
    if "LimitNOFILE" not in weir.process.log_text():
        raise Failure("no line says that there are too many connections")
    if weir.status()["sources"]["events"]["accepted"] != 10_000:
        raise Failure(f"{weir.status()}")
    for client in crowd:
        client.close()

    def is_served():
        try:
            return weirlib.FlumeClient(weir.address("events")).append_batch([b"x"]) == "OK"
        except ConnectionError:
            return False
    weirlib.wait_until("a free place", 10, is_served)
    weir.stop()


def what_several_connections_sent_again_meanwhile_is_counted_once():
    """An agent that gives up again and again while weir stands still leaves one closed connection after the other."""
    weir = start("stalled", JOB.replace("'dedup' = 'off'", "'dedup' = 'in-doubt'"))
    clients = [weirlib.FlumeClient(weir.address("events"))]
    clients[0].append_batch([b"before"])
    weir.process.child.send_signal(signal.SIGSTOP)
    for n in range(5):
        if n > 0:
            clients.append(weirlib.FlumeClient(weir.address("events")))
        client = clients[-1]
        head = b"" if n == 0 else weirlib.FLUME_HASH + b"\0" + weirlib.FLUME_HASH + b"\2\0"
        events = [weirlib.flume_event(b"row %d" % i) for i in range(100 + n)]
        client.socket.sendall(frame(7, head + b"\0" + weirlib.avro_text("appendBatch"),
                                    weirlib.avro_long(len(events)) + b"".join(events) + b"\0"))
        if n < 4:
            client.close()
    weir.process.child.send_signal(signal.SIGCONT)
    if answer(clients[-1])[1][-3:] != b"\0\0\0":
        raise Failure("the last batch is not answered OK")
    source = weir.status()["sources"]["events"]
    if source["accepted"] != 105 or source["duplicate"] != 100 + 101 + 102 + 103:
        raise Failure(f"{source}")
    weir.stop()


def every_stranger_is_named_also_among_many():
    """A health check that speaks HTTP each second must not keep the log from naming the agent with ssl = true."""
    weir = start("strangers")
    hello = bytes.fromhex("16030100a5010000a10303") + bytes(160)
    strangers = {
        "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "a TLS ClientHello": hello,
        "TLS inside a deflate stream": zlib.compress(hello), "SSLv2": b"\x80\x2e\x01\x03\x01" + bytes(40),
        "Thrift call (compact": b"\0\0\0\x20\x82\x21\0\x06append" + bytes(30),
        "Thrift call (binary": b"\0\0\0\x20\x80\x01\0\x01\0\0\0\x06append" + bytes(30),
        "PROXY": b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", "gzip": b"\x1f\x8b\x08" + bytes(40),
        "netcat": b"a line of text\n" * 3, "deflate stream is damaged": b"\x78\x9c" + b"\xff" * 40,
    }

    def knock(data):
        with socket.create_connection(weir.address("events"), 5) as stranger:
            stranger.sendall(data)
            stranger.settimeout(5)
            try:
                while stranger.recv(1000):
                    pass
            except ConnectionResetError:
                pass
    for _ in range(30):
        knock(strangers["HTTP"])
    for data in strangers.values():
        knock(data)
    log = weir.process.log_text()
    missing = [word for word in strangers if word not in log]
    if missing:
        raise Failure(f"not named: {missing}")
    if log.count("event=connection-refused") > 20:
        raise Failure("the log is flooded")
    weir.stop()


def a_client_that_reads_late_gets_every_answer():
    """Many calls under way, and their answers read only when all was sent: weir stops reading meanwhile, and goes on."""
    weir = start("late")
    client = weirlib.FlumeClient(weir.address("events"), timeout=20)
    head = weirlib.FLUME_HASH + b"\0" + weirlib.FLUME_HASH + b"\2\0"
    n_pings = 600_000
    calls = frame(1, head + b"\0\0") + frame(2, b"\0\0") * n_pings
    sender = threading.Thread(target=client.socket.sendall, args=(calls,))
    sender.start()
    time.sleep(2)
    expected = len(frame(1, b"\0\0\0\0")) + n_pings * len(frame(2, b""))
    n = 0
    while n < expected:
        got = len(client.socket.recv(1 << 20))
        if got == 0:
            raise Failure("weir closed the connection")
        n += got
    sender.join()
    client.close()
    weirlib.wait_until("the connection's end", 10, lambda: weir.status()["sources"]["events"]["connections"] == 0)
    weir.stop()


def thousands_of_connections_from_one_address_are_served_in_time():
    """Each new one asks whether an older one of its address has ended: that must not be thousands of questions."""
    weir = start("crowd")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    n = min(4000, most - 100)
    crowd = [weirlib.FlumeClient(weir.address("events"), timeout=20) for _ in range(n)]
    call = frame(1, weirlib.FLUME_HASH + b"\0" + weirlib.FLUME_HASH + b"\2\0" + b"\0" + weirlib.avro_text("append"),
                 weirlib.flume_event(b"x"))
    began = time.monotonic()
    for client in crowd:
        client.socket.sendall(call)
    for client in crowd:
        if answer(client) != (1, b"\0\0\0\0\0\0\0"):
            raise Failure("not answered OK")
    if time.monotonic() - began > 20:
        raise Failure("the last ones have given up (request-timeout, 20 s)")
    weir.stop()


if __name__ == "__main__":
    weirlib.run_tests([
        a_large_event_of_another_shape_is_answered_in_time,
        half_batches_of_many_connections_hold_bounded_memory,
        connections_leave_descriptors_for_the_log,
        a_client_that_reads_late_gets_every_answer,
        every_stranger_is_named_also_among_many,
        what_several_connections_sent_again_meanwhile_is_counted_once,
        thousands_of_connections_from_one_address_are_served_in_time,
    ])
