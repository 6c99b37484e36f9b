package codec

// keyspaceRows: commands about keys of any type.
var keyspaceRows = []row{
	{"copy", -3, wr | oom, keys12, forward, "6.2.0"},
	{"del", -2, wr, keysAll, splitSum, "1.0.0"},
	{"dump", 2, rd, key1, forward, "2.6.0"},
	{"exists", -2, rd | fast, keysAll, splitSum, "1.0.0"},
	{"expire", -3, wr | fast, key1, forward, "1.0.0"},
	{"expireat", -3, wr | fast, key1, forward, "1.2.0"},
	{"expiretime", 2, rd | fast, key1, forward, "7.0.0"},
	{"keys", 2, rd | dang, nokey, fanConcat, "1.0.0"},
	{"migrate", -6, wr | mov | dang, migrated, refused, "2.6.0"},
	{"move", 3, wr | fast, key1, forward, "1.0.0"},
	{"object", -2, 0, nokey, forward, "2.2.3"},
	{"object|encoding", 3, rd, key2, forward, "2.2.3"},
	{"object|freq", 3, rd | bound, key2, forward, "4.0.0"},
	{"object|help", 2, load | stale, nokey, keyless, "6.2.0"},
	{"object|idletime", 3, rd | bound, key2, forward, "2.2.3"},
	{"object|refcount", 3, rd, key2, forward, "2.2.3"},
	{"persist", 2, wr | fast, key1, forward, "2.2.0"},
	{"pexpire", -3, wr | fast, key1, forward, "2.6.0"},
	{"pexpireat", -3, wr | fast, key1, forward, "2.6.0"},
	{"pexpiretime", 2, rd | fast, key1, forward, "7.0.0"},
	{"pttl", 2, rd | fast, key1, forward, "2.6.0"},
	{"randomkey", 1, rd, nokey, fanDraw, "1.0.0"},
	{"rename", 3, wr, keys12, forward, "1.0.0"},
	{"renamenx", 3, wr | fast, keys12, forward, "1.0.0"},
	{"restore", -4, wr | oom | dang, key1, forward, "2.6.0"},
	{"scan", -2, rd | cursor, nokey, scan, "2.8.0"},
	{"touch", -2, rd | fast | bound, keysAll, splitSum, "3.2.1"},
	{"ttl", 2, rd | fast, key1, forward, "1.0.0"},
	{"type", 2, rd | fast, key1, forward, "1.0.0"},
	{"unlink", -2, wr | fast, keysAll, splitSum, "4.0.0"},
}

// sortRows: SORT belongs to three types at once.
var sortRows = []row{
	{"sort", -2, wr | oom | mov | dang, sortStore, forward, "1.0.0"},
	{"sort_ro", -2, rd | mov | dang, key1, forward, "7.0.0"},
}

// waitRows: waiting for replicas and for the disk.
var waitRows = []row{
	{"wait", 3, nosc, nokey, blocking, "3.0.0"},
	{"waitaof", 4, blk, nokey, blocking, "7.2.0"},
}
