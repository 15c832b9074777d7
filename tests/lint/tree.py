"""What the lints share: the source files of a tree, their code without comments and strings, and the report.

A lint is a function from a tree to findings (path, line, sentence). `report` prints them one per line as
path:line: sentence, takes away what tests/lint/exempt names, and ends with the count that tests/lib/run
wants. An exemption that nothing needs any more is a finding too.

Every lint takes --root DIR, so that tests/lint/lints_can_fail can hand it a tree that breaks its rule."""

import argparse
import fnmatch
import os
import re
import shutil
import subprocess
import sys

C_ROOTS = ("avro", "sidecar", "sinks", "tests")
LINE_MAX = 120


class Tree:
    def __init__(self, root):
        self.root = root

    def files(self):
        """Every file of the tree: as git sees it where there is a git that may look, else as a tarball holds it."""
        if os.path.exists(os.path.join(self.root, ".git")) and shutil.which("git"):
            done = subprocess.run(["git", "-C", self.root, "ls-files", "-co", "--exclude-standard"],
                                  check=False, capture_output=True, text=True)
            if done.returncode == 0:
                return sorted(path for path in done.stdout.split("\n")
                              if path and os.path.isfile(os.path.join(self.root, path)))
        found = []
        for folder, folders, names in os.walk(self.root):
            folders[:] = [name for name in folders
                          if not name.startswith((".git", "build", "autom4te", "_build", "_inst", "__pyc"))]
            for name in names:
                if not name.endswith("~"):
                    found.append(os.path.relpath(os.path.join(folder, name), self.root))
        return sorted(found)

    def sources(self, endings=(".c", ".h"), roots=C_ROOTS):
        """C files that are written by hand: what flex and bison make is not ours to lint."""
        return [path for path in self.files()
                if path.endswith(endings) and path.split("/")[0] in roots and not self.is_generated(path)]

    def is_generated(self, path):
        stem = os.path.join(self.root, os.path.splitext(path)[0])
        return path.endswith((".c", ".h")) and (os.path.exists(stem + ".y") or os.path.exists(stem + ".l"))

    def text(self, path):
        with open(os.path.join(self.root, path), encoding="utf-8", errors="surrogateescape") as file:
            return file.read()

    def exists(self, path):
        return os.path.exists(os.path.join(self.root, path))


TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def blank(text, keep_strings=False):
    """The code with comments (and strings) replaced by blanks; lines stay where they are."""
    def replace(match):
        token = match.group(0)
        if token[0] == '"' and keep_strings:
            return token
        if token[0] in "\"'":
            return token[0] + re.sub(r"[^\n]", " ", token[1:-1]) + token[0]
        return re.sub(r"[^\n]", " ", token)
    return TOKEN.sub(replace, text)


def comments(text):
    """(line, comment) for each comment."""
    for match in TOKEN.finditer(text):
        if match.group(0).startswith(("/*", "//")):
            yield text.count("\n", 0, match.start()) + 1, match.group(0)


def line_of(text, at):
    return text.count("\n", 0, at) + 1


def arguments(**extra):
    parser = argparse.ArgumentParser()
    default = os.environ.get("WEIR_SOURCE", os.path.join(os.path.dirname(__file__), "..", ".."))
    parser.add_argument("--root", default=os.path.abspath(default))
    parser.add_argument("--build", default=os.environ.get("WEIR_BUILD", ""))
    for name, help_text in extra.items():
        parser.add_argument("--" + name, help=help_text)
    return parser.parse_args()


def exemptions(tree, lint):
    """path or path:name -> (line, reason), from lines `lint path[:name] reason` of tests/lint/exempt."""
    found = {}
    if tree.exists("tests/lint/exempt"):
        for number, line in enumerate(tree.text("tests/lint/exempt").split("\n"), 1):
            words = line.split(None, 2)
            if words and not line.startswith("#") and words[0] == lint:
                found[words[1]] = (number, words[2] if len(words) > 2 else "")
    return found


def report(tree, lint, findings):
    """findings: (path, line, sentence) or (path, line, sentence, name): `name` may be exempted by path:name, and
    both may hold shell patterns."""
    exempt = exemptions(tree, lint)
    used = set()
    shown = []
    for path, line, sentence, *name in findings:
        keys = [path] + [path + ":" + one for one in name]
        taken = [pattern for pattern in exempt for key in keys if fnmatch.fnmatchcase(key, pattern)]
        used.update(taken)
        if not taken:
            shown.append((path, line, sentence))
    for key, (number, reason) in exempt.items():
        if key not in used:
            shown.append(("tests/lint/exempt", number, f"nothing needs the exemption of {key} from {lint}"))
        elif not reason:
            shown.append(("tests/lint/exempt", number, f"the exemption of {key} from {lint} gives no reason"))
    for path, line, sentence in sorted(set(shown)):
        print(f"{path}:{line}: {sentence}")
    bad = 1 if shown else 0
    print(f"{lint}: {len(set(shown))} findings")
    print(f"# tests: {1 - bad} passed, {bad} failed, 0 skipped")
    sys.exit(bad)
