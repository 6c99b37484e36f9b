"""The scenario for redis-py as Debian has it: scenario.py python3-redis HOST PORT POOL"""

import hashlib
import sys
import threading
import time

import redis

PIPELINED, SCANNED, LATE_BY, BLOCK_FOR, BLOCK_AT_ALL = 100, 1000, 1.2, 2, 10
BIG = "".join("%015d\n" % i for i in range((8 << 20) // 16)).encode()
PATIENCE = 30

name, host, port, pool = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
c = redis.Redis(host, port)


def want(what, got, wanted):
    """Compares, and says what differs."""
    if got != wanted:
        raise AssertionError("%s: got %.100r; want %.100r" % (what, got, wanted))


def key(what, i):
    """The i-th of keys that spread over all groups."""
    return "py%s:%s" % (what, i)


def body(n):
    """A script of the client's own, so that no server can know it yet."""
    return "redis.call('SET', KEYS[1], ARGV[1]) return redis.call('GET', KEYS[1]) .. ' py %d'" % n


def recovers(call):
    """Calls until it succeeds: a client may report a lost connection once."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return call()
        except (redis.RedisError, AssertionError):
            if time.monotonic() > end:
                raise
            time.sleep(0.01)


def connect():
    c.connection_pool.release(c.connection_pool.get_connection("PING"))  # connects it


def ping():
    want("PING", c.ping(), True)


def pipeline():
    p = c.pipeline(transaction=False)
    for i in range(PIPELINED // 2):
        p.set(key("p", i), i).get(key("p", i))
    replies = p.execute()
    want("SETs", replies[::2], [True] * (PIPELINED // 2))
    want("GETs", replies[1::2], [b"%d" % i for i in range(PIPELINED // 2)])


def transaction():
    want("EXEC", c.pipeline().set("{pyt}:n", 41).incr("{pyt}:n").execute(), [True, 42])


def watch():
    p = c.pipeline()
    p.watch("{pyw}:k")
    c.set("{pyw}:k", "other")
    p.multi()
    p.set("{pyw}:k", "mine")
    try:
        p.execute()
        raise AssertionError("EXEC after a conflict succeeded; want a WatchError")
    except redis.WatchError:
        pass
    c.transaction(lambda t: (t.multi(), t.append("{pyw}:k", "+mine")), "{pyw}:k")
    want("GET", c.get("{pyw}:k"), b"other+mine")


def script():
    sha = hashlib.sha1(body(1).encode()).hexdigest()
    try:
        c.evalsha(sha, 1, key("s", 0), "v")
        raise AssertionError("EVALSHA of an unknown script succeeded; want NOSCRIPT")
    except redis.exceptions.NoScriptError:
        pass
    want("EVAL", c.eval(body(1), 1, key("s", 0), "v"), b"v py 1")
    healing = c.register_script(body(2))  # EVALSHA; on NOSCRIPT it loads and asks again
    for i in range(20):
        want("EVALSHA", healing(keys=[key("s", i)], args=["w"]), b"w py 2")
    loaded = c.script_load(body(3))
    for i in range(20):
        want("EVALSHA after SCRIPT LOAD", c.evalsha(loaded, 1, key("s", i), "x"), b"x py 3")
    want("SCRIPT EXISTS", c.script_exists(loaded, "0" * 40), [True, False])


def hears(join, leave, to, channel, kind):
    """Subscribes, publishes, checks what arrives, and unsubscribes."""
    s = c.pubsub()
    getattr(s, join)(to)
    want(join, s.get_message(timeout=PATIENCE)["data"], 1)
    want("PUBLISH", c.publish(channel, "hello"), 1)
    m = s.get_message(timeout=PATIENCE)
    want("message", (m["type"], m["channel"], m["data"]), (kind, channel.encode(), b"hello"))
    getattr(s, leave)(to)
    want(leave, s.get_message(timeout=PATIENCE)["data"], 0)
    want("PUBLISH to nobody", c.publish(channel, "anyone?"), 0)
    s.close()


def pubsub():
    hears("subscribe", "unsubscribe", "pychannel", "pychannel", "message")


def pattern():
    hears("psubscribe", "punsubscribe", "pynews.*", "pynews.art", "pmessage")


def blocking():
    pusher = threading.Timer(LATE_BY, lambda: c.rpush("pyb", "late"))
    pusher.start()
    want("BLPOP", c.blpop("pyb", BLOCK_AT_ALL), (b"pyb", b"late"))
    pusher.join()


def timeout():
    want("BLPOP of nothing", c.blpop("pyb:never", BLOCK_FOR), None)


def scan():
    p = c.pipeline(transaction=False)
    for i in range(SCANNED):
        p.set(key("scan", i), 1)
    p.execute()
    seen = sorted(c.scan_iter(match="pyscan:*", count=100))
    want("keys seen", seen, sorted(key("scan", i).encode() for i in range(SCANNED)))


def big():
    c.set("pybig", BIG)
    want("GET", c.get("pybig"), BIG)


def shapes():
    c.hset("pyh", "f", "v")
    c.zadd("pyz", {"a": 1.5, "b": 2})
    want("HGETALL", c.hgetall("pyh"), {b"f": b"v"})
    want("ZRANGE WITHSCORES", c.zrange("pyz", 0, -1, withscores=True), [(b"a", 1.5), (b"b", 2.0)])


def reconnect():
    one, killer = redis.Redis(host, port, single_connection_client=True), redis.Redis(host, port)
    ident = one.client_id()
    want("CLIENT KILL", killer.client_kill_filter(_id=ident), 1)
    recovers(one.ping)
    if one.client_id() == ident:
        raise AssertionError("the connection was not closed")


failed = False
for step in (connect, ping, pipeline, transaction, watch, script, pubsub, pattern, blocking,
             timeout, scan, big, shapes, reconnect):
    try:
        step()
        print("ok", name, pool, step.__name__, flush=True)
    except Exception as err:  # whatever it is, it is the step's result
        failed = True
        why = ("%s: %s" % (type(err).__name__, err)).replace("\n", " | ")
        print("FAIL %s %s %s: %s" % (name, pool, step.__name__, why), flush=True)
        if step is connect:
            break
sys.exit(failed)
