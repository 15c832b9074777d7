SET 'weir.name' = 'ÿ';
