package codec

// stringRows: strings.
var stringRows = []row{
	{"append", 3, wr | oom | fast, key1, forward, "2.0.0"},
	{"decr", 2, wr | oom | fast, key1, forward, "1.0.0"},
	{"decrby", 3, wr | oom | fast, key1, forward, "1.0.0"},
	{"delex", -2, wr | fast, key1, forward, "8.4.0"},
	{"delifeq", 3, wr, key1, forward, "9.0.0"},
	{"digest", 2, rd | fast, key1, forward, "8.4.0"},
	{"get", 2, rd | fast, key1, forward, "1.0.0"},
	{"getdel", 2, wr | fast, key1, forward, "6.2.0"},
	{"getex", -2, wr | fast, key1, forward, "6.2.0"},
	{"getrange", 4, rd, key1, forward, "2.4.0"},
	{"getset", 3, wr | oom | fast, key1, forward, "1.0.0"},
	{"incr", 2, wr | oom | fast, key1, forward, "1.0.0"},
	{"incrby", 3, wr | oom | fast, key1, forward, "1.0.0"},
	{"incrbyfloat", 3, wr | oom | fast, key1, forward, "2.6.0"},
	{"increx", -2, wr | oom | fast, key1, forward, "8.8.0"},
	{"lcs", -3, rd, keys12, forward, "7.0.0"},
	{"mget", -2, rd | fast, keysAll, splitArray, "1.0.0"},
	{"mset", -3, wr | oom, keyPairs, splitOK, "1.0.1"},
	{"msetex", -4, wr | oom | mov, countedPairs, forward, "8.4.0"},
	{"msetnx", -3, wr | oom, keyPairs, forward, "1.0.1"},
	{"psetex", 4, wr | oom, key1, forward, "2.6.0"},
	{"set", -3, wr | oom, key1, forward, "1.0.0"},
	{"setex", 4, wr | oom, key1, forward, "2.0.0"},
	{"setnx", 3, wr | oom | fast, key1, forward, "1.0.0"},
	{"setrange", 4, wr | oom, key1, forward, "2.2.0"},
	{"strlen", 2, rd | fast, key1, forward, "2.2.0"},
	{"substr", 4, rd, key1, forward, "1.0.0"},
}

// bitmapRows: bits of strings.
var bitmapRows = []row{
	{"bitcount", -2, rd, key1, forward, "2.6.0"},
	{"bitfield", -2, wr | oom, key1, forward, "3.2.0"},
	{"bitfield_ro", -2, rd | fast, key1, forward, "6.0.0"},
	{"bitop", -4, wr | oom, keysFrom2, forward, "2.6.0"},
	{"bitpos", -3, rd, key1, forward, "2.8.7"},
	{"getbit", 3, rd | fast, key1, forward, "2.2.0"},
	{"setbit", 4, wr | oom, key1, forward, "2.2.0"},
}

// hyperloglogRows: HyperLogLog. PFCOUNT may write its cached cardinality.
var hyperloglogRows = []row{
	{"pfadd", -2, wr | oom | fast, key1, forward, "2.8.9"},
	{"pfcount", -2, rd | mayrep, keysAll, forward, "2.8.9"},
	{"pfdebug", 3, wr | oom | adm, key2, refused, "2.8.9"},
	{"pfmerge", -2, wr | oom, keysAll, forward, "2.8.9"},
	{"pfselftest", 1, adm, nokey, refused, "2.8.9"},
}
