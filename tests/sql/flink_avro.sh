#!/bin/sh
# A container file as Flink writes it by default (snappy, a union of null and the record) is read as Flink reads it.
set -u
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cat >"$dir/job.sql" <<EOF
CREATE TABLE a (id INT, s STRING, m DECIMAL(10, 2), ts TIMESTAMP(3), r ROW<x INT, y STRING>, nn BIGINT NOT NULL)
  WITH ('connector' = 'filesystem', 'path' = '$WEIR_SOURCE/tests/data/flink-rows/rows-snappy.avro', 'format' = 'avro');
CREATE TABLE back (id INT, s STRING, m DECIMAL(10, 2), ts TIMESTAMP(3), x INT, y STRING, nn BIGINT)
  WITH ('connector' = 'filesystem', 'path' = '$dir/back', 'format' = 'json');
INSERT INTO back SELECT id, s, m, ts, r.x, r.y, nn FROM a;
EOF
if (cd "$dir" && "$WEIR" run job.sql) && cat "$dir"/back/* | cmp - "$WEIR_SOURCE/tests/data/flink-rows/rows-snappy.json"; then
        echo '# tests: 1 passed, 0 failed, 0 skipped'
else
        cat "$dir"/back/*
        echo '# tests: 0 passed, 1 failed, 0 skipped'
        exit 1
fi
