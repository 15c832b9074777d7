#!/usr/bin/python3
"""`weir send` against a server that misbehaves: everything arrives, what is said to be acknowledged was acknowledged.

The server speaks Flume's Avro RPC from the protocol's description alone, takes or refuses each call by a seeded plan
(OK, FAILED, an RPC error, closing before or behind the answer, cutting the answer in pieces), and keeps every event it
saw. A run is judged by the events, never by the time it took.
"""

import json
import random
import socket
import struct
import subprocess
import sys
import threading
import zlib

import weirlib

OK, FAILED, ERROR, CLOSE_BEFORE, CLOSE_BEHIND, IN_PIECES = range(6)


class Reader:
    """Avro's binary encoding over bytes."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def raw(self, n):
        if self.at + n > len(self.data):
            raise weirlib.Failure("a call ends too early")
        self.at += n
        return self.data[self.at - n:self.at]

    def long(self):
        value = shift = 0
        while True:
            byte = self.raw(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return (value >> 1) ^ -(value & 1)

    def bytes(self):
        return self.raw(self.long())

    def blocks(self, item):
        while True:
            n = self.long()
            if n == 0:
                return
            if n < 0:
                n = -n
                self.long()
            for _ in range(n):
                item()

    def headers(self):
        headers = {}
        self.blocks(lambda: headers.__setitem__(self.bytes().decode(), self.bytes().decode()))
        return headers


class Server:
    """Takes connections until closed; `plan` draws what happens to each call."""

    def __init__(self, seed, weights):
        self.random = random.Random(seed)
        self.weights = weights
        self.lock = threading.Lock()
        self.taken = []  # (connection, headers, body) of calls answered OK
        self.seen = []   # of all calls
        self.outcomes = [0] * 6
        self.problems = []
        self.buffers = set()
        self.n_connections = 0
        self.peers = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, peer = self.listener.accept()
            except OSError:
                return
            self.n_connections += 1
            self.peers.append(peer[0])
            threading.Thread(target=self.serve, args=(connection, self.n_connections), daemon=True).start()

    def serve(self, connection, number):
        try:
            Peer(self, connection, number).run()
        except ConnectionError:
            pass
        except Exception as problem:  # whatever it is, it must fail the test
            self.problems.append(repr(problem))
        connection.close()

    def draw(self):
        with self.lock:
            return self.random.choices(range(6), self.weights)[0]

    def close(self):
        self.listener.close()
        if self.problems:
            raise weirlib.Failure("the server met: " + "; ".join(self.problems[:3]))


class Peer:
    """One connection."""

    def __init__(self, server, connection, number):
        self.server = server
        self.socket = connection
        self.number = number
        self.handshaken = False
        self.input = b""
        self.inflate = self.deflate = None

    def need(self, n):
        while len(self.input) < n:
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionError
            if self.inflate is None and self.deflate is None and data[0] == 0x78:
                self.inflate, self.deflate = zlib.decompressobj(), zlib.compressobj()
            elif self.deflate is None:
                self.inflate, self.deflate = None, False
            self.input += self.inflate.decompress(data) if self.inflate else data
        taken, self.input = self.input[:n], self.input[n:]
        return taken

    def answer(self, serial, body, in_pieces):
        data = struct.pack(">iii", serial, 1, len(body)) + body
        if self.inflate:
            data = self.deflate.compress(data) + self.deflate.flush(zlib.Z_SYNC_FLUSH)
        if in_pieces:
            for byte in data:
                self.socket.sendall(bytes([byte]))
        else:
            self.socket.sendall(data)

    def run(self):
        while True:
            serial, count = struct.unpack(">ii", self.need(8))
            buffers = [self.need(struct.unpack(">i", self.need(4))[0]) for _ in range(count)]
            self.server.buffers.update(map(len, buffers))
            call = Reader(b"".join(buffers))
            prefix = b""
            if not self.handshaken:
                if call.raw(16) != weirlib.FLUME_HASH or call.long() != 0 or call.raw(16) != weirlib.FLUME_HASH:
                    raise weirlib.Failure("not Flume's handshake")
                call.long()
                call.headers()
                prefix = b"\0\0\0\0"
                self.handshaken = True
            call.headers()
            if call.bytes() != b"appendBatch":
                raise weirlib.Failure("not appendBatch")
            events = []
            call.blocks(lambda: events.append((self.number, call.headers(), bytes(call.bytes()))))
            if call.at != len(call.data) or not events:
                raise weirlib.Failure("a call with %d events and %d bytes left" % (len(events), len(call.data) - call.at))
            self.decide(serial, events, prefix)

    def decide(self, serial, events, prefix):
        outcome = self.server.draw()
        with self.server.lock:
            self.server.outcomes[outcome] += 1
            self.server.seen += events
            if outcome in (OK, CLOSE_BEHIND, IN_PIECES):
                self.server.taken += events
        if outcome == CLOSE_BEFORE:
            raise ConnectionError
        if outcome == FAILED:
            self.answer(serial, prefix + b"\0\0\2", False)
        elif outcome == ERROR:
            self.answer(serial, prefix + b"\0\1\0" + weirlib.avro_text("spool full"), False)
        else:
            self.answer(serial, prefix + b"\0\0\0", outcome == IN_PIECES)
        if outcome == CLOSE_BEHIND:
            raise ConnectionError


QUIET = (1, 0, 0, 0, 0, 0)
ROUGH = (60, 5, 5, 5, 5, 20)


def send(server, *arguments, stdin=None, expected=0):
    done = subprocess.run([weirlib.WEIR, "send", server.address, "--retry-ms", "5", *arguments], input=stdin,
                          capture_output=True, text=True, check=False)
    if done.returncode != expected:
        raise weirlib.Failure("exit code %d, not %d: %s" % (done.returncode, expected, done.stderr[-500:]))
    return done


def check(what, actual, expected):
    if actual != expected:
        raise weirlib.Failure("%s is %r, not %r" % (what, actual, expected))


def acked(path):
    with open(path) as log:
        for line in log:
            first, n = map(int, line.split())
            yield from range(first, first + n)


def plain_lines(folder):
    server = Server(1, QUIET)
    lines = ["line %d" % i for i in range(1, 251)]
    send(server, "--header", "host=web1", "-", stdin="\n".join(lines) + "\n")
    server.close()
    check("bodies", [event[2].decode() for event in server.taken], lines)
    check("headers", {json.dumps(event[1]) for event in server.taken}, {'{"host": "web1"}'})
    check("calls", server.outcomes[OK], 3)
    check("connections", server.n_connections, 1)


def json_with_headers_and_schema(folder):
    schema = folder.join("s.avsc")
    with open(schema, "w") as file:
        json.dump(weirlib.AD_SCHEMA, file)
    event = {"event_id": "e1", "event_type": "click", "campaign_id": 7, "user_id": "u", "ip": "::1", "event_ms": -5}
    server = Server(2, QUIET)
    send(server, "-", stdin=json.dumps({"headers": {"id": "a", "x": "é"}, "body": "text"}) + "\n")
    send(server, "--schema", schema, "-", stdin=json.dumps(event) + "\n" + json.dumps({"headers": {}, "body": event}) + "\n")
    bad = send(server, "--schema", schema, "-", stdin='{"event_id": 5}\n', expected=65)
    server.close()
    check("first", server.taken[0][1:], ({"id": "a", "x": "é"}, b"text"))
    check("datum", [taken[2] for taken in server.taken[1:]], [weirlib.ad_body(event)] * 2)
    if "1" not in bad.stderr or "event_id" not in bad.stderr:
        raise weirlib.Failure("line and field are not named: " + bad.stderr)


def rough_server(folder, *more):
    """Seeded trouble on several connections: at least once, and the log of OKs is true."""
    for seed in range(3):
        server = Server(100 + seed, ROUGH)
        log = folder.join("ack-%d" % seed)
        lines = ["%d-%d" % (seed, i) for i in range(3000)]
        send(server, "--connections", "4", "--batch-size", "20", "--ack-log", log, "--quiet", *more, "-",
             stdin="\n".join(lines) + "\n")
        server.close()
        taken = [event[2].decode() for event in server.taken]
        check("what was taken", sorted(set(taken)), sorted(lines))
        check("what was acknowledged", sorted(acked(log)), list(range(3000)))
        check("what was seen", {event[2].decode() for event in server.seen}, set(lines))
        for outcome in range(6):
            if server.outcomes[outcome] == 0:
                raise weirlib.Failure("seed %d never drew outcome %d" % (seed, outcome))
        if server.n_connections < 5:
            raise weirlib.Failure("no connection was made anew")


def generated_traffic_is_seeded_and_labelled(folder):
    runs = []
    for run in range(2):
        server = Server(3, QUIET)
        labels = folder.join("labels-%d" % run)
        send(server, "--generate", "5000", "--seed", "7", "--start", "1700000000000", "--ms-per-event", "2",
             "--disorder", "500", "--fraud", "address=0.05", "--fraud", "user=0.02", "--campaigns", "10", "--ads", "50",
             "--labels", labels, "--batch-size", "1000")
        server.close()
        with open(labels) as file:
            truth = [json.loads(line) for line in file]
        check("buffers cut at 8192", max(server.buffers), 8192)
        runs.append([event[2] for event in server.taken])
        check("events", len(truth), 5000)
        for body, event in zip(runs[-1], truth):
            reader = Reader(body)
            check("body", (reader.bytes().decode(), reader.bytes().decode(), reader.long(), reader.long(),
                           reader.bytes().decode(), reader.bytes().decode()),
                  tuple(event[key] for key in ("event_id", "event_type", "campaign_id", "ad_id", "user_id", "ip")))
            reader.bytes()
            check("time", reader.long(), event["event_ms"])
    check("the second run", runs[0] == runs[1], True)
    check("ids", len({event["event_id"] for event in truth}), 5000)
    shares = {label: sum(event["label"] == label for event in truth) / 5000 for label in ("fair", "address", "user")}
    if abs(shares["address"] - 0.05) > 0.015 or abs(shares["user"] - 0.02) > 0.01:
        raise weirlib.Failure("shares of fraud are %r" % shares)
    for i, event in enumerate(truth):
        newest = 1700000000000 + 2 * i
        if not newest - 500 < event["event_ms"] <= newest:
            raise weirlib.Failure("event %d lies %d ms off" % (i, event["event_ms"] - newest))
    if len({event["ip"] for event in truth if event["label"] == "address"}) > 12:
        raise weirlib.Failure("fraud by address comes from too many addresses")
    if any(event["event_type"] != "click" for event in truth if event["label"] != "fair"):
        raise weirlib.Failure("fraud that does not click")


def local_address(folder):
    server = Server(5, QUIET)
    send(server, "--bind", "127.0.0.3", "-", stdin="x\n")
    server.close()
    check("address", server.peers, ["127.0.0.3"])


def nobody_there(folder):
    refused = socket.create_server(("127.0.0.1", 0))
    address = refused.getsockname()[1]
    refused.close()
    server = Server(6, QUIET)
    server.address = "127.0.0.1:%d" % address
    done = send(server, "--give-up", "1", "-", stdin="x\n", expected=69)
    server.close()
    if "refused" not in done.stderr:
        raise weirlib.Failure("the reason is not said: " + done.stderr)


def wrong_usage_is_said(folder):
    """Each with what the sentence must hold. Nothing is sent, and nothing is waited for."""
    there = "127.0.0.1:9"
    cases = [([], "HOST:PORT"), ([there], "files or --generate"), ([there, "--generate", "5", "-"], "files or --generate"),
             ([there, "--nonsense", "-"], "nonsense")]
    for address in ("nowhere", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:99999", "127.0.0.1:4141x", "127.0.0.1: 4141",
                    "127.0.0.1:-1"):
        cases.append(([address, "-"], "'%s' is not HOST:PORT" % address))
    numbers = {
        "connections": ("0", "1025", "-1", "4x", "", " 4", "0x4", "4.0", "99999999999999999999", "4294967297"),
        "batch-size": ("0", "1000001"), "pipeline": ("0", "1025"), "retry-ms": ("-1", "1s"), "give-up": ("0", "1e3"),
        "rate": ("0", "-5", "fast", "nan", "inf", "1e400", "10/s", "0x10", "5f", ""), "seed": ("-1", "18446744073709551616"),
        "campaigns": ("0",), "ads": ("0",), "users": ("0", "4294967296"), "addresses": ("0",), "start": ("now", "--5", "1e12"),
        "ms-per-event": ("-1", "slow"), "disorder": ("-1",), "click-share": ("1.1", "-0.1", "5%"), "generate": ("0", "ten"),
    }
    for name, values in numbers.items():
        cases += [([there, "--%s=%s" % (name, value), "-"], "--%s '%s': a " % (name, value)) for value in values]
    cases += [([there, "--deflate=10", "-"], "--deflate '10': a level"), ([there, "--deflate=best", "-"], "a level from 0 to 9"),
              ([there, "--fraud", "address", "-"], "address=SHARE"), ([there, "--fraud", "cat=0.1", "-"], "user=SHARE"),
              ([there, "--fraud", "user=2", "-"], "from 0 to 1"), ([there, "--header", "host", "-"], "KEY=VALUE")]
    for arguments, words in cases:
        done = subprocess.run([weirlib.WEIR, "send", *arguments], capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL, timeout=20)
        if done.returncode != 64 or words not in done.stderr or len(done.stderr.splitlines()) != 1:
            raise weirlib.Failure("%r: exit code %d, %r without %r" % (arguments, done.returncode, done.stderr, words))
    check("the greatest seed", subprocess.run([weirlib.WEIR, "send", "--seed", str(2 ** 64 - 1), "--start", "-5", "--help"],
                                              capture_output=True, check=False).returncode, 0)


def exit_codes_say_whose_fault_it_is(folder):
    """A script tries again where the host is not known yet, and does not where a file is missing."""
    for code, arguments, words in ((69, ["nowhere.invalid:4141", "-"], "cannot resolve"),
                                   (69, ["127.0.0.1:9", "--bind", "nowhere.invalid", "-"], "cannot resolve"),
                                   (74, ["127.0.0.1:9", folder.join("absent.jsonl")], "absent.jsonl"),
                                   (74, ["127.0.0.1:9", "--schema", folder.join("absent.avsc"), "-"], "absent.avsc")):
        done = subprocess.run([weirlib.WEIR, "send", *arguments], capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL, timeout=60)
        if done.returncode != code or words not in done.stderr:
            raise weirlib.Failure("%r: exit code %d, %r" % (arguments, done.returncode, done.stderr))


def what_failed_is_cut_anew(folder):
    """Short calls that fail come again as longer ones, with new events behind them, on whichever connection."""
    server = Server(9, QUIET)
    calls, refused = [], 12
    decide = Peer.decide

    def refuse_first(peer, serial, events, prefix):
        with server.lock:
            calls.append([event[2].decode() for event in events])
            server.weights = (0, 0, 1, 0, 0, 0) if len(calls) <= refused else QUIET
        decide(peer, serial, events, prefix)
    Peer.decide = refuse_first
    try:
        log = folder.join("ack-anew")
        lines = ["n%d" % i for i in range(600)]
        send(server, "--connections", "2", "--batch-size", "200", "--pipeline", "3", "--rate", "1000", "--ack-log", log, "-",
             stdin="\n".join(lines) + "\n")
    finally:
        Peer.decide = decide
    server.close()
    check("what was taken", sorted(event[2].decode() for event in server.taken), sorted(lines))
    check("what was acknowledged", sorted(acked(log)), list(range(600)))
    if max(map(len, calls)) > 200 or not any(set(failed) < set(call) for failed in calls[:refused] for call in calls):
        raise weirlib.Failure("not cut anew: %r" % [(call[0], len(call)) for call in calls])


def main():
    folder = weirlib.Folder("send")
    tests = {
        "plain_lines": plain_lines,
        "json_with_headers_and_schema": json_with_headers_and_schema,
        "rough_server": rough_server,
        "rough_server_deflate": lambda f: rough_server(f, "--deflate"),
        "rough_server_pipelined": lambda f: rough_server(f, "--pipeline", "8"),
        "generated_traffic_is_seeded_and_labelled": generated_traffic_is_seeded_and_labelled,
        "local_address": local_address,
        "nobody_there": nobody_there,
        "wrong_usage_is_said": wrong_usage_is_said,
        "exit_codes_say_whose_fault_it_is": exit_codes_say_whose_fault_it_is,
        "what_failed_is_cut_anew": what_failed_is_cut_anew,
    }
    failed = 0
    for name, test in tests.items():
        if len(sys.argv) > 1 and name not in sys.argv[1:]:
            continue
        try:
            test(folder)
        except weirlib.Failure as failure:
            failed += 1
            print("not ok %s: %s" % (name, failure))
    print("# tests: %d passed, %d failed, 0 skipped" % (len(tests) - failed, failed))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
