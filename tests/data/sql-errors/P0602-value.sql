SET 'weir.watermark.max-ahead' = '5 parsecs';
SET 'table.local-time-zone' = 'Europe/Berlin';
SET 'weir.wal.sync' = 'sometimes';
SET 'execution.runtime-mode' = 'batch';
SET 'weir.http.listen' = 'here';
