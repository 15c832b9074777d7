SET 'weir.name' = 'a'; /* no end
SET 'weir.name' = 'b';
