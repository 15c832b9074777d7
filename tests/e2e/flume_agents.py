#!/usr/bin/python3
"""Real Flume agents send to weir: what stands in Redis equals an independent recount of their files.

The agents are Apache's release jars (tests/flume/pom.xml), started with the configurations that weir ships
(packaging/flume/*.conf; only the lines marked "here" are changed). The job is the shipped click-through job with
the agents' JSON lines as its format.
"""

import json
import os
import shutil
import time

import weirlib
from weirlib import Failure

JARS = os.environ.get("WEIR_FLUME_JARS", os.path.join(weirlib.BUILD, "flume-jars"))
SIZE_MS, SLIDE_MS = 3_600_000, 300_000

LOG4J1 = """log4j.rootLogger=INFO,err
log4j.appender.err=org.apache.log4j.ConsoleAppender
log4j.appender.err.target=System.err
log4j.appender.err.layout=org.apache.log4j.PatternLayout
log4j.appender.err.layout.ConversionPattern=%d %p %c - %m%n
"""
LOG4J2 = """<?xml version="1.0"?>
<Configuration><Appenders><Console name="err" target="SYSTEM_ERR"><PatternLayout pattern="%d %p %c - %m%n"/></Console>
</Appenders><Loggers><Root level="INFO"><AppenderRef ref="err"/></Root></Loggers></Configuration>
"""


def change(text, old, new):
    if old not in text:
        raise Failure(f"the shipped file no longer holds {old!r}")
    return text.replace(old, new)


class Agent:
    """A Flume agent with the shipped configuration in a folder of its own."""

    def __init__(self, folder, version, name, address, deflate=False, taildir=True):
        self.folder, self.version, self.name = folder, version, name
        self.home = folder.join(f"agent-{name}")
        self.input = os.path.join(self.home, "in")
        os.makedirs(self.input)
        conf = os.path.join(self.home, "conf")
        os.makedirs(conf)
        for file, text in (("log4j.properties", LOG4J1), ("log4j2.xml", LOG4J2)):
            with open(os.path.join(conf, file), "w", encoding="utf-8") as out:
                out.write(text)
        shipped = "taildir-to-weir.conf" if taildir else "spooldir-to-weir.conf"
        with open(os.path.join(weirlib.SOURCE, "packaging/flume", shipped), encoding="utf-8") as file:
            text = file.read()
        text = change(text, "/var/lib/flume/ads", self.home)
        text = change(text, "weir.example.com", address[0])
        text = change(text, "port = 4141", f"port = {address[1]}")
        text = change(text, "name.value = ads-1", f"name.value = {name}")
        text = change(text, "/var/log/ads/", self.input + "/") if taildir else change(text, "/var/spool/ads", self.input)
        if deflate:
            text = change(text, "#ads.sinks.weir.compression-type", "ads.sinks.weir.compression-type")
        # Tests do not wait twenty seconds for a weir that was killed.
        text += "ads.sinks.weir.connect-timeout = 3000\nads.sinks.weir.request-timeout = 5000\n"
        self.conf = os.path.join(self.home, "agent.conf")
        with open(self.conf, "w", encoding="utf-8") as out:
            out.write(text)
        self.process = None

    def write(self, events):
        """The file appears whole (a rename), as spooldir wants it."""
        path = os.path.join(self.home, "new")
        with open(path, "w", encoding="utf-8") as out:
            for event in events:
                out.write(json.dumps(event) + "\n")
        os.rename(path, os.path.join(self.input, f"events-{len(os.listdir(self.input))}.json"))

    def start(self):
        jars = os.path.join(JARS, self.version)
        self.process = weirlib.Process(
            ["java", "-Xmx256m", f"-Dlog4j2.configurationFile={self.home}/conf/log4j2.xml", "-cp",
             f"{self.home}/conf:{jars}/*", "org.apache.flume.node.Application", "-n", "ads", "-f", self.conf,
             "--no-reload-conf"], os.path.join(self.home, "agent.log"))
        return self

    def stop(self):
        self.process.kill()


class Line:
    """Redis and weir with the shipped click-through job, fed with JSON lines."""

    def __init__(self, name, settings=()):
        self.folder = weirlib.Folder(name)
        self.redis = weirlib.RedisServer(self.folder)
        text = ""
        for job in ("ad-events.sql", "click-through.sql"):
            with open(os.path.join(weirlib.SOURCE, "packaging/examples", job), encoding="utf-8") as file:
                text += file.read()
        self.weir = weirlib.Weir(self.folder, self.adapt(text), {"weir.name": name, **dict(settings)})
        self.weir.start()

    def adapt(self, text):
        text = change(text, "redis://127.0.0.1:6379/0", self.redis.url)
        text = change(text, "0.0.0.0:4141", "127.0.0.1:0")
        text = change(text, "'format' = 'avro'", "'format' = 'json', 'watermark.origin' = 'header:agent'")
        text = change(text, "= '30 s'", "= '1 s'")
        lines = [line for line in text.split("\n") if "avro.schema-file" not in line]
        if len(lines) == len(text.split("\n")):
            raise Failure("the shipped job no longer names avro.schema-file on a line of its own")
        return "\n".join(lines)

    def address(self):
        return self.weir.address("ad_events")

    def wait_for(self, n_events, seconds=180):
        def arrived():
            source = self.weir.status()["sources"]["ad_events"]
            return source["accepted"] + source["dead"] >= n_events
        weirlib.wait_until(f"{n_events} events", seconds, arrived)

    def close_windows(self, agents, end_ms):
        """A row behind all others from each agent (through the wire, under its name) moves the watermark."""
        for agent in agents:
            client = weirlib.FlumeClient(self.address())
            event = make_event("close-" + agent.name, "other", 0, end_ms)
            if client.append_batch([json.dumps(event).encode()], [("agent", agent.name)]) != "OK":
                raise Failure("the closing row was refused")
            client.close()

    def check(self, events, end_ms):
        """The newest complete window of each campaign, as Redis holds it, against a recount of all events."""
        newest = {}
        watermark = end_ms - 30_000
        for event in events:
            ts = event["event_ms"]
            end = ts - ts % SLIDE_MS + SLIDE_MS
            while end < ts + SIZE_MS + 1:
                if end - SIZE_MS <= ts < end and end - 1 <= watermark:
                    cell = newest.setdefault(event["campaign_id"], {}).setdefault(end, [0, 0])
                    cell[0] += event["event_type"] == "impression"
                    cell[1] += event["event_type"] == "click"
                end += SLIDE_MS
        expected = {}
        for campaign, windows in newest.items():
            end = max(windows)
            impressions, clicks = windows[end]
            expected[str(campaign)] = (str(end), str(impressions), str(clicks))
        client = self.redis.client()

        def found():
            rows = {}
            for key in client.scan_iter("weir:{ctr:*", count=1000):
                row = client.hgetall(key)
                rows[row["campaign_id"]] = (row["window_end"], row["impressions"], row["clicks"])
            return rows
        try:
            weirlib.wait_until("Redis to equal the recount", 60, lambda: found() == expected)
        except Failure:
            rows = found()
            wrong = [(key, rows.get(key), expected.get(key)) for key in sorted(set(rows) | set(expected))
                     if rows.get(key) != expected.get(key)]
            raise Failure(f"{len(wrong)} campaigns differ (found, recount): {wrong[:5]}; "
                          f"{self.weir.status()}") from None
        status = self.weir.status()
        weirlib.check_identities(status)
        if any(window["late"] for window in status["windows"]):
            raise Failure(f"late rows: {status['windows']}")
        return status


def make_event(event_id, event_type, campaign, event_ms):
    return {"event_id": event_id, "event_type": event_type, "campaign_id": campaign, "ad_id": campaign * 10,
            "user_id": f"u{campaign}", "ip": "192.0.2.1", "event_ms": event_ms}


def make_events(name, n, start_ms, step_ms, chance):
    return [make_event(f"{name}-{i}", chance.choice(["impression", "impression", "click"]), chance.randrange(50),
                       start_ms + i * step_ms - chance.randrange(5000)) for i in range(n)]


def start_ms():
    now = int(time.time() * 1000)
    return now - now % SLIDE_MS - 4 * SIZE_MS


def one_agent(version, n, deflate=False, taildir=True):
    chance = weirlib.seeded(f"flume {version}", 7)
    line = Line(f"flume-{version}")
    events = make_events("a", n, start_ms(), 2000, chance)
    agent = Agent(line.folder, version, "a", line.address(), deflate, taildir)
    agent.write(events)
    agent.start()
    line.wait_for(n)
    end_ms = max(event["event_ms"] for event in events) + 3 * SIZE_MS // 2
    line.close_windows([agent], end_ms)
    line.check(events, end_ms)
    agent.stop()
    line.weir.stop()


def agent_1_11_0_plain():
    one_agent("1.11.0", 3000)


def agent_1_11_0_deflate():
    one_agent("1.11.0", 3000, deflate=True)


def agent_1_9_0_plain():
    one_agent("1.9.0", 3000)


def agent_1_4_0_plain():
    one_agent("1.4.0", 3000, taildir=False)


def weir_killed_in_the_middle():
    line = Line("flume-kill")
    chance = weirlib.seeded("weir killed in the middle", 8)
    address = line.address()
    # From here on weir keeps its port, as a real one does: the agent knows no other.
    line.weir.write_job(open(line.weir.job, encoding="utf-8").read().replace("127.0.0.1:0", f"127.0.0.1:{address[1]}"))
    events = make_events("k", 20000, start_ms(), 400, chance)
    agent = Agent(line.folder, "1.11.0", "k", address)
    agent.write(events)
    agent.start()
    for share in (0.1, 0.3, 0.6):
        line.wait_for(int(len(events) * share))
        line.weir.kill()
        line.weir.start()
    line.wait_for(len(events))
    end_ms = max(event["event_ms"] for event in events) + 3 * SIZE_MS // 2
    line.close_windows([agent], end_ms)
    line.check(events, end_ms)
    agent.stop()
    line.weir.stop()


def three_agents_with_unequal_backlogs():
    """weir is away for ten minutes of event time while three agents gather different backlogs."""
    line = Line("flume-three")
    chance = weirlib.seeded("three agents", 9)
    address = line.address()
    line.weir.write_job(open(line.weir.job, encoding="utf-8").read().replace("127.0.0.1:0", f"127.0.0.1:{address[1]}"))
    first = start_ms()
    agents = [Agent(line.folder, "1.11.0", name, address).start() for name in "abc"]
    events = []
    for agent, n in zip(agents, (200, 400, 100)):
        batch = make_events(agent.name + "1", n, first, 60_000 // n * 10, chance)
        agent.write(batch)
        events += batch
    line.wait_for(len(events))
    line.weir.kill()
    for agent, n in zip(agents, (3000, 300, 30)):  # ten minutes of event time each, more or fewer rows
        batch = make_events(agent.name + "2", n, first + 600_000, 600_000 // n, chance)
        agent.write(batch)
        events += batch
    time.sleep(2)  # the agents find the port closed
    line.weir.start()
    line.wait_for(len(events))
    end_ms = max(event["event_ms"] for event in events) + 3 * SIZE_MS // 2
    line.close_windows(agents, end_ms)
    status = line.check(events, end_ms)
    if status["sources"]["ad_events"]["accepted"] != len(events) + len(agents):
        raise Failure(f"accepted {status['sources']['ad_events']}, sent {len(events)}")
    for agent in agents:
        agent.stop()
    line.weir.stop()


def main():
    missing = None
    if shutil.which("java") is None:
        missing = "no java"
    elif not os.path.isdir(os.path.join(JARS, "1.11.0")):
        missing = f"no Flume jars in {JARS} (tests/flume/fetch gets them)"
    tests = [agent_1_11_0_plain, agent_1_11_0_deflate, agent_1_9_0_plain, agent_1_4_0_plain, weir_killed_in_the_middle,
             three_agents_with_unequal_backlogs]
    if missing:
        print(f"real Flume: {missing}")
        if os.environ.get("CI") == "true":
            weirlib.finish(0, len(tests))
        weirlib.finish(0, 0, len(tests))
    weirlib.run_tests(tests)


if __name__ == "__main__":
    main()
