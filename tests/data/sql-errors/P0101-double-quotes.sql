SET "weir.name" = "a";
