#!/usr/bin/python3
"""SIGHUP under circumstances: half frames, addresses that move or are taken, schemas that change."""

import json
import os
import signal
import socket
import struct

import weirlib
from weirlib import Failure

SOURCE = """
CREATE TABLE {name} (body STRING)
WITH ('connector' = 'flume', 'listen' = '127.0.0.1:{port}', 'format' = 'raw', 'dedup' = 'off');
CREATE TABLE {name}_bodies (body STRING) WITH ('connector' = 'blackhole');
INSERT INTO {name}_bodies SELECT body FROM {name};
"""


def make(name, job):
    return weirlib.Weir(weirlib.Folder(name), job, {"weir.name": name}).start()


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def reload(weir, job, says, seconds=30):
    weir.write_job(job)
    before = weir.process.log_text().count(says)
    weir.process.child.send_signal(signal.SIGHUP)
    weirlib.wait_until(says, seconds, lambda: weir.process.log_text().count(says) > before or not weir.process.alive())
    if not weir.process.alive():
        raise Failure(f"weir ended at a SIGHUP:\n{weir.process.log_text()[-1000:]}")


def send(client, body=b"x"):
    if client.append_batch([body]) != "OK":
        raise Failure("a batch is not answered OK")


def received(weir):
    return {name: source["received"] for name, source in weir.status()["sources"].items()}


def half_a_frame_does_not_hold_a_reload_up():
    weir = make("half", SOURCE.format(name="a", port=0))
    idle, slow = weirlib.FlumeClient(weir.address("a")), weirlib.FlumeClient(weir.address("a"))
    send(idle)
    send(slow)
    slow.socket.sendall(struct.pack(">iii", 2, 1, 1000) + b"\0")
    reload(weir, SOURCE.format(name="a", port=0) + "-- changed\n", "generation 2 is in force")
    send(idle)
    send(weirlib.FlumeClient(weir.address("a")))
    if "event=connection-cut" not in weir.process.log_text():
        raise Failure("no line says which connection was closed")
    if slow.socket.recv(1) != b"":
        raise Failure("the slow connection is still open")
    if received(weir) != {"a": 4}:
        raise Failure(f"{received(weir)}")
    weir.stop()


def an_address_passes_to_the_table_that_names_it():
    ports = free_port(), free_port()
    weir = make("renamed", SOURCE.format(name="a", port=ports[0]) + SOURCE.format(name="b", port=ports[1]))
    send(weirlib.FlumeClient(weir.address("a")))
    send(weirlib.FlumeClient(weir.address("b")))
    reload(weir, SOURCE.format(name="a", port=ports[1]) + SOURCE.format(name="c", port=ports[0]),
           "generation 2 is in force")
    if weir.address("a")[1] != ports[1] or weir.address("c")[1] != ports[0]:
        raise Failure(f"endpoints.json: {weir.endpoints()}")
    send(weirlib.FlumeClient(weir.address("a")))
    for _ in range(2):
        send(weirlib.FlumeClient(weir.address("c")))
    if received(weir) != {"a": 2, "c": 2}:
        raise Failure(f"{received(weir)}")
    weir.stop()


def an_address_in_use_refuses_the_reload():
    weir = make("taken", SOURCE.format(name="a", port=0))
    client = weirlib.FlumeClient(weir.address("a"))
    send(client)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        reload(weir, SOURCE.format(name="a", port=0) + SOURCE.format(name="b", port=taken.getsockname()[1]),
               "event=reload-refused")
    send(client)
    if weir.status()["generation"] != 1 or received(weir) != {"a": 2}:
        raise Failure(f"the job in force does not go on: {weir.status()}")
    weir.stop()


def a_sink_that_cannot_be_opened_refuses_the_reload():
    weir = make("sink", SOURCE.format(name="a", port=0))
    client = weirlib.FlumeClient(weir.address("a"))
    send(client)
    for path in (weir.job, weir.folder.join("weir.sql", "below")):
        reload(weir, SOURCE.format(name="a", port=0) + f"""
            CREATE TABLE files (body STRING) WITH ('connector' = 'filesystem', 'path' = '{path}', 'format' = 'json');
            INSERT INTO files SELECT body FROM a;""", "event=reload-refused")
        send(client)
    if weir.status()["generation"] != 1 or received(weir) != {"a": 3}:
        raise Failure(f"the job in force does not go on: {weir.status()}")
    weir.stop()


def what_only_a_start_reads_is_said():
    weir = weirlib.Weir(weirlib.Folder("settings"), SOURCE.format(name="a", port=0)).start()
    reload(weir, "SET 'weir.name' = 'another'; SET 'weir.wal.sync' = 'off';" + SOURCE.format(name="a", port=0),
           "generation 2 is in force")
    for key in ("weir.name", "weir.wal.sync"):
        if f"'{key}' is read at a start only" not in weir.process.log_text():
            raise Failure(f"no line says that {key} waits for a restart")
    if weir.process.log_text().count("event=reload-setting") != 2 or weir.status()["name"] == "another":
        raise Failure(f"{weir.process.log_text()}")
    weir.stop()


def a_table_that_comes_and_goes_is_in_endpoints():
    weir = make("comes", SOURCE.format(name="a", port=0))
    client = weirlib.FlumeClient(weir.address("a"))
    send(client)
    odd = SOURCE.format(name='`odd "name" <1>`', port=0).replace("`_bodies", "_bodies`")
    reload(weir, SOURCE.format(name="a", port=0) + odd, "generation 2 is in force")
    if sorted(weir.endpoints()) != ["a", "http", 'odd "name" <1>']:
        raise Failure(f"endpoints.json: {weir.endpoints()}")
    gone = weirlib.FlumeClient(weir.address('odd "name" <1>'))
    send(gone)
    send(client)
    reload(weir, SOURCE.format(name="a", port=0), "generation 3 is in force")
    if sorted(weir.endpoints()) != ["a", "http"] or gone.socket.recv(1) != b"":
        raise Failure(f"the table that went still listens: {weir.endpoints()}")
    send(client)
    weir.stop()


def a_changed_schema_file_is_a_change():
    job = """
        CREATE TABLE a (n BIGINT)
        WITH ('connector' = 'flume', 'listen' = '127.0.0.1:0', 'format' = 'avro', 'avro.schema-file' = 'a.avsc');
        CREATE TABLE o (n BIGINT) WITH ('connector' = 'blackhole');
        INSERT INTO o SELECT n FROM a;
    """
    folder = weirlib.Folder("schema")

    def write_schema(*fields):
        with open(folder.join("a.avsc"), "w", encoding="utf-8") as schema:
            json.dump({"type": "record", "name": "A", "fields": [{"name": n, "type": t} for n, t in fields]}, schema)

    write_schema(("n", "long"))
    weir = weirlib.Weir(folder, job, {"weir.name": "schema"}).start()
    client = weirlib.FlumeClient(weir.address("a"))
    send(client, weirlib.avro_long(5))
    write_schema(("text", "string"), ("n", "long"))
    reload(weir, job, "generation 2 is in force")
    send(client, weirlib.avro_text("a text") + weirlib.avro_long(6))
    reload(weir, job, "nothing has changed")
    os.unlink(folder.join("a.avsc"))
    reload(weir, job, "event=reload-refused")
    send(client, weirlib.avro_text("a text") + weirlib.avro_long(7))
    source = weir.status()["sources"]["a"]
    if source["accepted"] != 3 or source["dead"] != 0:
        raise Failure(f"{source}")
    weir.stop()


if __name__ == "__main__":
    weirlib.run_tests([
        half_a_frame_does_not_hold_a_reload_up,
        an_address_passes_to_the_table_that_names_it,
        an_address_in_use_refuses_the_reload,
        a_sink_that_cannot_be_opened_refuses_the_reload,
        what_only_a_start_reads_is_said,
        a_table_that_comes_and_goes_is_in_endpoints,
        a_changed_schema_file_is_a_change,
    ])
