#!/usr/bin/python3
"""What the README shows a Redis consumer, run as it stands there against a real line."""

import os
import re
import subprocess
import sys
import textwrap
import time

import weirlib
from weirlib import Failure


def readme_blocks():
    with open(os.path.join(weirlib.SOURCE, "README.md"), encoding="utf-8") as file:
        text = file.read()
    begin = text.index("<!-- tests/e2e/readme.py runs the two blocks below -->")
    return {kind: body for kind, body in re.findall(r"```(sh|python)\n(.*?)```", text[begin:], re.S)[:2]}


def consumers_read_both():
    folder = weirlib.Folder("readme")
    server = weirlib.RedisServer(folder)
    sql = ""
    for job in ("ad-events.sql", "click-through.sql", "click-fraud.sql"):
        with open(os.path.join(weirlib.SOURCE, "packaging/examples", job), encoding="utf-8") as file:
            sql += file.read()
    sql = sql.replace("redis://127.0.0.1:6379/0", server.url).replace("0.0.0.0:4141", "127.0.0.1:0")
    sql = sql.replace("../../schemas", os.path.join(weirlib.SOURCE, "schemas")).replace("'30 s'", "'1 s'")
    weir = weirlib.Weir(folder, sql, {"weir.name": "readme"}).start()
    start = int(time.time() * 1000) - 6 * 3600 * 1000
    subprocess.run([weirlib.WEIR, "send", "%s:%u" % weir.address("ad_events"), "--generate", "60000", "--start", str(start),
                    "--ms-per-event", "120", "--fraud", "address=0.01", "--quiet"], check=True)
    client = server.client()
    weirlib.wait_until("click-through rates", 60, lambda: client.exists("weir:{ctr:42}"))
    weirlib.wait_until("alerts", 60, lambda: client.exists("weir:{click_alerts}"))
    blocks = readme_blocks()
    shell = blocks["sh"].replace("redis-cli", f"redis-cli -s {server.path}")
    output = subprocess.run(["sh", "-ec", shell], capture_output=True, text=True, check=True).stdout
    for word in ("impressions", "clicks", "window_end", "rule", "subject"):
        if word not in output:
            raise Failure(f"redis-cli did not show {word!r}:\n{output}")
    code = blocks["python"].replace("redis.Redis(", f"redis.Redis(unix_socket_path={server.path!r}, ")
    result = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True)
    if result.returncode != 0 or "clicks of" not in result.stdout or "address" not in result.stdout:
        raise Failure(f"the Python consumer:\n{result.stdout}{result.stderr}")
    if client.hget("weir:catalog", "ctr") is None:
        raise Failure(f"no catalog entry for ctr: {client.hgetall('weir:catalog')}")
    weir.stop()


if __name__ == "__main__":
    weirlib.run_tests([consumers_read_both])
