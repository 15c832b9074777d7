SET 'weir.wal.max-byte' = '1 gb';
SET 'table.exec.nothing' = 'x';
