#!/usr/bin/env python3
"""Line coverage by folder and file, of a build configured with --enable-coverage after its tests ran.

    mkdir build-coverage && cd build-coverage && ../configure --enable-coverage && make check && make coverage

Reads gcov's JSON of every object's counters; a line counts as run when any object ran it."""

import json
import os
import subprocess
import sys

SOURCE = os.path.realpath(os.environ.get("WEIR_SOURCE", "."))
BUILD = os.path.realpath(os.environ.get("WEIR_BUILD", "."))


def counters():
    for folder, _, names in os.walk(BUILD):
        for name in names:
            if name.endswith(".gcda"):
                yield os.path.join(folder, name)


def merge(lines, path):
    """Adds the counts of one object: lines[file][line] = times run."""
    done = subprocess.run(["gcov", "--json-format", "--stdout", path], cwd=BUILD, capture_output=True, check=True)
    for document in done.stdout.decode().split("\n"):
        if not document.strip():
            continue
        for file in json.loads(document)["files"]:
            name = os.path.realpath(os.path.join(BUILD, file["file"]))
            if not name.startswith(SOURCE + os.sep):
                continue
            of_file = lines.setdefault(os.path.relpath(name, SOURCE), {})
            for line in file["lines"]:
                of_file[line["line_number"]] = of_file.get(line["line_number"], 0) + line["count"]


def show(name, run, total):
    print(f"{100 * run / max(total, 1):6.1f} %  {run:6} of {total:6}  {name}")


def main():
    lines = {}
    for path in counters():
        merge(lines, path)
    ours = {name: counts for name, counts in lines.items() if name.split("/")[0] in ("avro", "sidecar", "sinks")}
    if not ours:
        sys.exit("no counters: configure with --enable-coverage and run make check first")
    folders = {}
    for name, counts in sorted(ours.items()):
        run, total = sum(count > 0 for count in counts.values()), len(counts)
        of_folder = folders.setdefault(os.path.dirname(name), [0, 0, []])
        of_folder[0] += run
        of_folder[1] += total
        of_folder[2].append((name, run, total))
    for folder, (run, total, files) in folders.items():
        show(folder + "/", run, total)
        for file in files:
            show("    " + os.path.basename(file[0]), file[1], file[2])
    show("all", sum(folder[0] for folder in folders.values()), sum(folder[1] for folder in folders.values()))


if __name__ == "__main__":
    main()
