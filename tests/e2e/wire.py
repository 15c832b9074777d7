#!/usr/bin/python3
"""What reaches a source's port, against the real program: clients of another shape, hostile ones, too many of them."""

import hashlib
import json
import struct

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


if __name__ == "__main__":
    weirlib.run_tests([
        a_large_event_of_another_shape_is_answered_in_time,
    ])
