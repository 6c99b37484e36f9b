package differential

// common are the families whose commands any sequence may contain: they need no state of
// the connection, and wait for nothing.
var common []*Family

func init() {
	for _, f := range families {
		switch f.Name {
		case "strings", "bits", "hashes", "lists", "sets", "sorted sets", "keys":
			common = append(common, f)
		}
	}
}

// answered are commands that the proxy answers itself, which transactions have too.
var answered = &Family{Name: "answered", templates: `
SELECT 0
CLIENT SETNAME n1|n2
CLIENT GETNAME
CLIENT NO-EVICT on|off|x
CLIENT NOSUCH
CLIENT LIST ID 99999999
CONFIG GET save|nosuch|appendonly
INFO nosuch|cluster
CLUSTER INFO
ACL WHOAMI
AUTH $v $v
UNSUBSCRIBE
PUBSUB NUMSUB
ECHO $v
PING`}

// SORT BY with ALPHA leaves what is equal in the order of the set, which is random: no LIMIT
// and no STORE goes with it.
var families = []*Family{
	{Name: "strings", templates: `
SET $k $v
SET $k $v [ EX|PX $ttl ] [ NX|XX ] [ GET ]
SET $k $v EXAT|PXAT $future
SET $k $v KEEPTTL
SETNX|GETSET|APPEND $k $v
SETEX|PSETEX $k $ttl $v
GET|STRLEN|GETDEL|INCR|DECR $k
GETEX $k [ EX|PX $ttl ] [ PERSIST ]
GETEX $k EXAT|PXAT $at
INCRBY|DECRBY $k $n
INCRBYFLOAT $k $f
GETRANGE|SUBSTR $k $n $n
SETRANGE $k $bit $v
MGET ( $K )
MSET ( $K $v )
MSETNX ( $k $v )
LCS $k $k [ LEN ] [ IDX ] [ MINMATCHLEN $n ] [ WITHMATCHLEN ]`},
	{Name: "bits", templates: `
SETBIT $k $bit 0|1|2
GETBIT $k $bit
BITCOUNT $k [ $n $n [ BYTE|BIT ] ]
BITPOS $k 0|1 [ $n [ $n [ BYTE|BIT ] ] ]
BITOP AND|OR|XOR $k ( $k )
BITOP NOT $k $k
BITFIELD $k ( GET u8|i5|u63|i64 $bit|#1 )
BITFIELD $k ( SET u8|i5 $bit|#2 $n ) [ OVERFLOW WRAP|SAT|FAIL ] ( INCRBY u4|i16 $bit $n )
BITFIELD_RO $k ( GET u8|i5 $bit )
SET $k $v`},
	{Name: "hashes", templates: `
HSET|HMSET $k ( $field $v )
HSETNX $k $field $v
HGET|HEXISTS|HSTRLEN $k $field
HMGET|HDEL $k ( $field )
HGETALL|HKEYS|HVALS|HLEN $k
HINCRBY $k $field $n
HINCRBYFLOAT $k $field $f
HRANDFIELD $k [ $n [ WITHVALUES ] ]
HSCAN $k 0 COUNT 10000 [ MATCH $pattern ]`},
	{Name: "lists", templates: `
LPUSH|RPUSH|LPUSHX|RPUSHX $k ( $v )
LPOP|RPOP $k [ $count ]
LLEN $k
LRANGE|LTRIM $k $n $n
LINDEX $k $n
LSET $k $n $v
LINSERT $k BEFORE|AFTER $v $v
LREM $k $n $v
LPOS $k $v [ RANK $n ] [ COUNT $n ] [ MAXLEN $count ]
LMOVE $k $k LEFT|RIGHT LEFT|RIGHT
RPOPLPUSH $k $k
LMPOP $keys LEFT|RIGHT|UP [ COUNT $count ]`},
	{Name: "sets", templates: `
SADD|SREM|SMISMEMBER $k ( $m )
SISMEMBER $k $m
SCARD|SMEMBERS|SRANDMEMBER $k
SPOP $k 1000
SMOVE $k $k $m
SINTER|SUNION|SDIFF ( $k )
SINTERSTORE|SUNIONSTORE|SDIFFSTORE $k ( $k )
SINTERCARD $keys [ LIMIT $n ]
SRANDMEMBER $k $n
SSCAN $k 0 COUNT 10000 [ MATCH $pattern ]`},
	{Name: "sorted sets", templates: `
ZADD $k ( $f $m )
ZADD $k ( $f $m )
ZADD $k [ NX|XX ] [ GT|LT ] [ CH ] [ INCR ] $f $m
ZINCRBY $k $f $m
ZCARD $k
ZCOUNT $k $score $score
ZLEXCOUNT|ZRANGEBYLEX|ZREMRANGEBYLEX $k $lex $lex
ZREVRANGEBYLEX $k $lex $lex [ LIMIT $n $n ]
ZSCORE|ZRANK|ZREVRANK $k $m
ZMSCORE|ZREM $k ( $m )
ZRANGE|ZREVRANGE $k $n $n [ WITHSCORES ]
ZRANGE $k $score $score BYSCORE [ REV ] [ LIMIT $n $n ] [ WITHSCORES ]
ZRANGEBYSCORE|ZREVRANGEBYSCORE $k $score $score [ WITHSCORES ] [ LIMIT $n $n ]
ZRANGESTORE $k $k $n $n
ZREMRANGEBYRANK $k $n $n
ZREMRANGEBYSCORE $k $score $score
ZPOPMIN|ZPOPMAX $k [ $count ]
ZMPOP $keys MIN|MAX [ COUNT $count ]
ZUNION|ZINTER $weights [ AGGREGATE SUM|MIN|MAX ] [ WITHSCORES ]
ZDIFF $keys [ WITHSCORES ]
ZUNIONSTORE|ZINTERSTORE $k $weights [ AGGREGATE SUM|MIN|MAX ]
ZDIFFSTORE $k $keys
ZINTERCARD $keys [ LIMIT $n ]
ZRANDMEMBER $k [ $n [ WITHSCORES ] ]
ZSCAN $k 0 COUNT 10000 [ MATCH $pattern ]`},
	{Name: "geo", templates: `
GEOADD $k [ NX|XX ] [ CH ] ( $lon $lon $m )
GEOADD $k ( $n $n $m )
GEOPOS|GEOHASH $k ( $m )
GEODIST $k $m $m [ m|km|mi|ft|x ]
GEOSEARCH $k FROMMEMBER $m BYRADIUS 5000 km [ ASC|DESC ] [ COUNT $count ] [ WITHCOORD ] [ WITHDIST ] [ WITHHASH ]
GEOSEARCH $k FROMLONLAT $n $n BYBOX 4000 4000 km|mi ASC [ WITHDIST ]
GEOSEARCHSTORE $k $k FROMLONLAT $n $n BYRADIUS 3000 km ASC [ STOREDIST ]
GEORADIUS $k $n $n 6000 km ASC [ WITHDIST ] [ STORE|STOREDIST $k ]
GEORADIUS_RO $k $n $n 6000 km DESC [ COUNT $count ]
GEORADIUSBYMEMBER $k $m 6000 km ASC [ STORE $k ]
GEORADIUSBYMEMBER_RO $k $m 6000 km ASC`},
	{Name: "streams", templates: `
XADD $k $id $field $v
XADD $k [ NOMKSTREAM ] [ MAXLEN|MINID =|~ $count ] $id ( $field $v )
XLEN $k
XRANGE|XREVRANGE $k $id $id [ COUNT $n ]
XDEL $k ( $id )
XTRIM $k MAXLEN|MINID [ = ] $count
XREAD [ COUNT $n ] STREAMS $k $id
XREAD COUNT $count STREAMS $k $k $id $id
XGROUP CREATE $k g1|g2 $id [ MKSTREAM ]
XGROUP SETID $k g1|g2 $id
XGROUP DESTROY $k g1|g2
XGROUP CREATECONSUMER|DELCONSUMER $k g1|g2 c1|c2
XGROUP HELP|NOSUCH
XREADGROUP GROUP g1|g2 c1|c2 [ COUNT $count ] [ NOACK ] STREAMS $k >|$id
XACK $k g1|g2 ( $id )
XPENDING $k g1|g2
XPENDING $k g1|g2 - + 10 [ c1 ]
XCLAIM $k g1|g2 c1|c2 0 ( $id ) [ JUSTID ] [ FORCE ]
XAUTOCLAIM $k g1|g2 c1|c2 0 0 [ COUNT $count ] [ JUSTID ]
XINFO STREAM $k [ FULL ]
XINFO GROUPS $k
XINFO CONSUMERS $k g1|g2
XSETID $k $id`},
	{Name: "hyperloglog", templates: `
PFADD $k ( $v )
PFCOUNT ( $k )
PFMERGE $k ( $k )
GET $k`},
	{Name: "keys", templates: `
DEL|UNLINK|EXISTS|TOUCH ( $K )
TYPE|PERSIST|TTL|PTTL|EXPIRETIME|PEXPIRETIME $k
EXPIRE|PEXPIRE $k $ttl [ NX|XX|GT|LT ]
EXPIREAT|PEXPIREAT $k $at [ NX|XX|GT|LT ]
RENAME|RENAMENX $k $k
COPY $k $k [ REPLACE ]
OBJECT ENCODING|REFCOUNT|IDLETIME|FREQ $k
OBJECT HELP|NOSUCH
DUMP $k
RESTORE $k 0 $v
MOVE $k 99`},
	{Name: "sort", templates: `
SORT|SORT_RO $k [ LIMIT $n $n ] [ ASC|DESC ] ALPHA
SORT|SORT_RO $k BY $by [ GET $by ] [ GET # ] [ ASC|DESC ] [ ALPHA ]
SORT|SORT_RO $k [ BY $by ] LIMIT $n $n [ GET # ] [ ASC|DESC ]
SORT $k ALPHA STORE $k
SORT $k BY $by STORE $k
RPUSH $k ( $n )
SADD $k ( $m )
HSET $k f1 $n
SET $k $n`},
	{Name: "databases", Alone: true, templates: `
SELECT $db
SELECT 0|1|2
SET $k $v
GET $k
MOVE $k $db
COPY $k $k DB $db [ REPLACE ]
DBSIZE
KEYS $pattern
SCAN 0 COUNT 10000 [ MATCH $pattern ] [ TYPE string|hash|x ]
RANDOMKEY
FLUSHDB [ ASYNC|SYNC ]
SWAPDB $db $db`},
	{Name: "connection", templates: `
PING [ $v ]
ECHO $v
SELECT 0
SET $k $v
GET $k
CLIENT SETNAME n1|n2
CLIENT GETNAME
CLIENT NO-EVICT on|off|x
CLIENT NOSUCH
COMMAND GETKEYS SET $k $v
COMMAND GETKEYS MGET $k $k
COMMAND NOSUCH
COMMAND GETKEYSANDFLAGS SET $k $v [ GET ]
COMMAND GETKEYSANDFLAGS EVAL x 2 $k $k
COMMAND GETKEYSANDFLAGS SORT $k STORE $k
COMMAND INFO get|migrate|sort|nosuch|config|Object|encoding
COMMAND COUNT
COMMAND LIST FILTERBY PATTERN config*|z*|?et|[a-c]*
COMMAND LIST FILTERBY ACLCAT hash|dangerous
COMMAND DOCS get|config
ZRANK $k $m WITHSCORE
CONFIG GET MaxMemory|maxmemory*|appendfsyn[a-c]|[z-s]ave|\save|save|[
CONFIG GET save Appendonly nosuch
INFO nosuch|cluster
ROLE
NOSUCHCOMMAND $k $v
HELLO 4
HELLO x`},
	{Name: "keyspace", templates: `
SET $k $v
DEL ( $K )
DBSIZE
RANDOMKEY`},
	{Name: "scripts", first: loadAll, templates: `
EVAL $script
EVAL $script
EVAL_RO $script
EVALSHA $sha 1 $k $v
EVALSHA_RO $sha 1 $k $v
SCRIPT LOAD $body
SCRIPT EXISTS $shas
SCRIPT NOSUCH
FUNCTION LOAD REPLACE $library
FUNCTION DELETE lib1|lib2
FCALL f1|f2 $keys $v
FCALL_RO f1|f2 $keys`},
	{Name: "transactions", wrap: (*gen).transaction, templates: `
MULTI
EXEC
DISCARD
WATCH ( $k )
UNWATCH
GET $k
SET $k $v
INCR $k`},
	{Name: "blocking", templates: `
RPUSH|LPUSH $k ( $v )
RPUSH|LPUSH $k ( $v ) ( $v ) ( $v )
RPUSH|LPUSH $k ( $v ) ( $v ) ( $v )
ZADD $k ( $f $m )
ZADD $k ( $f $m ) ( $f $m )
DEL $k
BLPOP|BRPOP ( $k ) 0.01
BLPOP $k 1e-2
BLMOVE $k $k LEFT|RIGHT LEFT|RIGHT 0.01
BRPOPLPUSH $k $k 0.01
BLMPOP 0.01 $keys LEFT|RIGHT [ COUNT $count ]
BZPOPMIN|BZPOPMAX ( $k ) 0.01
BZMPOP 0.01 $keys MIN|MAX [ COUNT $count ]
XADD $k $id $field $v
XREAD BLOCK 5 STREAMS $k 0
XREAD COUNT 2 BLOCK 5 STREAMS $k $k 0 0
WAIT 0 10`},
}
