-- Records a use; 0 if there is no client. The revision stays, so a use makes no update fail.
return touch(KEYS[1], KEYS[2], ARGV[1]) and 1 or 0
