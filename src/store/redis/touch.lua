-- Records a use; 0 if there is no client.
return touch(KEYS[1], KEYS[2], ARGV[1]) and 1 or 0
