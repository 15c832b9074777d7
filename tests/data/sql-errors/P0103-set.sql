SET weir.name = 'a';
