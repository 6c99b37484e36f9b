/* The scenario for hiredis: scenario libhiredis HOST PORT POOL
 * It prints one line for each step; the first thing that is not as wanted ends a step. */

#include <hiredis/hiredis.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { PIPELINED = 100, SCANNED = 1000, BIG = 8 << 20, LATE_MS = 1200, PATIENCE = 30 };

static const char *host;
static int port;
static redisContext *c;
static char why[512]; /* what was not as wanted; empty: nothing */

/* Notes what is wrong; the first one counts. */
static void wrong(const char *format, ...) {
    va_list args;
    if (why[0]) return;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
}

/* Opens a connection; a reply that does not come within PATIENCE is an error. */
static redisContext *open_one(void) {
    struct timeval limit = {PATIENCE, 0};
    redisContext *one = redisConnect(host, port);
    if (one == NULL || one->err) {
        wrong("connecting: %s", one ? one->errstr : "no memory");
        return one;
    }
    redisSetTimeout(one, limit);
    return one;
}

/* Renders a reply as text: elements in brackets, nil as (nil). */
static size_t render(char *to, size_t room, const redisReply *r) {
    size_t used = 0;
    if (r == NULL) return (size_t)snprintf(to, room, "(no reply)");
    switch (r->type) {
    case REDIS_REPLY_INTEGER: return (size_t)snprintf(to, room, "%lld", r->integer);
    case REDIS_REPLY_NIL: return (size_t)snprintf(to, room, "(nil)");
    case REDIS_REPLY_ARRAY:
        used = (size_t)snprintf(to, room, "[");
        for (size_t i = 0; i < r->elements && used < room - 64; i++) {
            if (i) used += (size_t)snprintf(to + used, room - used, " ");
            used += render(to + used, room - used, r->element[i]);
        }
        return used + (size_t)snprintf(to + used, room - used, "]");
    default: return (size_t)snprintf(to, room, "%.200s", r->str);
    }
}

/* Compares a reply, and frees it. */
static void want(redisContext *on, const char *wanted, redisReply *r) {
    char got[4096];
    render(got, sizeof got, r);
    if (strcmp(got, wanted)) wrong("got %.200s; want %s (%s)", got, wanted, on->errstr);
    if (r) freeReplyObject(r);
}

/* Sends one command of printf's form and compares its reply. */
static void call(redisContext *on, const char *wanted, const char *format, ...) {
    va_list args;
    va_start(args, format);
    redisReply *r = redisvCommand(on, format, args);
    va_end(args);
    want(on, wanted, r);
}

static void connect_step(void) { c = open_one(); }

static void ping(void) { call(c, "PONG", "PING"); }

static void pipeline(void) {
    for (int i = 0; i < PIPELINED / 2; i++) {
        redisAppendCommand(c, "SET hp:%d %d", i, i);
        redisAppendCommand(c, "GET hp:%d", i);
    }
    for (int i = 0; i < PIPELINED; i++) {
        redisReply *r = NULL;
        char number[16];
        snprintf(number, sizeof number, "%d", i / 2);
        redisGetReply(c, (void **)&r);
        want(c, i % 2 ? number : "OK", r);
    }
}

static void transaction(void) {
    call(c, "OK", "MULTI");
    call(c, "QUEUED", "SET {ht}:n 41");
    call(c, "QUEUED", "INCR {ht}:n");
    call(c, "[OK 42]", "EXEC");
}

static void watch(void) {
    redisContext *other = open_one();
    call(c, "OK", "WATCH {hw}:k");
    call(other, "OK", "SET {hw}:k other");
    call(c, "OK", "MULTI");
    call(c, "QUEUED", "SET {hw}:k mine");
    call(c, "(nil)", "EXEC");
    redisFree(other);
}

static void script(void) {
    const char *first = "return ARGV[1] .. ' hiredis 1'", *second = "return ARGV[1] .. ' hiredis 2'";
    const char *unknown = "1111111111111111111111111111111111111111";
    call(c, "NOSCRIPT No matching script. Please use EVAL.", "EVALSHA %s 1 hs:0 v", unknown);
    call(c, "v hiredis 1", "EVAL %s 1 hs:0 v", first);
    redisReply *sha = redisCommand(c, "SCRIPT LOAD %s", second);
    if (sha == NULL || sha->type != REDIS_REPLY_STRING) {
        wrong("SCRIPT LOAD: %s", sha ? sha->str : c->errstr);
        return;
    }
    for (int i = 0; i < 20; i++) call(c, "w hiredis 2", "EVALSHA %s 1 hs:%d w", sha->str, i);
    call(c, "[1 0]", "SCRIPT EXISTS %s %s", sha->str, unknown);
    freeReplyObject(sha);
}

/* Compares the next reply that comes without being asked for. */
static void hears(redisContext *on, const char *wanted) {
    redisReply *r = NULL;
    redisGetReply(on, (void **)&r);
    want(on, wanted, r);
}

static void pubsub(void) {
    redisContext *s = open_one();
    call(s, "[subscribe hchannel 1]", "SUBSCRIBE hchannel");
    call(c, "1", "PUBLISH hchannel hello");
    hears(s, "[message hchannel hello]");
    call(s, "[unsubscribe hchannel 0]", "UNSUBSCRIBE hchannel");
    call(c, "0", "PUBLISH hchannel anyone?");
    call(s, "PONG", "PING");
    redisFree(s);
}

static void pattern(void) {
    redisContext *s = open_one();
    call(s, "[psubscribe hnews.* 1]", "PSUBSCRIBE hnews.*");
    call(c, "1", "PUBLISH hnews.art hello");
    hears(s, "[pmessage hnews.* hnews.art hello]");
    call(s, "[punsubscribe hnews.* 0]", "PUNSUBSCRIBE hnews.*");
    call(c, "0", "PUBLISH hnews.art anyone?");
    redisFree(s);
}

/* Sends BLPOP, lets a pool's time-out pass, and only then pushes the value. */
static void blocking(void) {
    redisContext *blocked = open_one();
    struct timespec late = {LATE_MS / 1000, LATE_MS % 1000 * 1000000L};
    int written = 0;
    redisAppendCommand(blocked, "BLPOP hb 10");
    while (!written && redisBufferWrite(blocked, &written) == REDIS_OK) {}
    nanosleep(&late, NULL);
    call(c, "1", "RPUSH hb late");
    hears(blocked, "[hb late]");
    redisFree(blocked);
}

static void timeout(void) { call(c, "(nil)", "BLPOP hb:never 2"); }

static void scan(void) {
    static char seen[SCANNED];
    char cursor[32] = "0";
    for (int i = 0; i < SCANNED; i++) redisAppendCommand(c, "SET hscan:%d 1", i);
    for (int i = 0; i < SCANNED; i++) hears(c, "OK");
    do {
        redisReply *r = redisCommand(c, "SCAN %s MATCH hscan:* COUNT 100", cursor);
        if (r == NULL || r->type != REDIS_REPLY_ARRAY) {
            wrong("SCAN: %s", r ? r->str : c->errstr);
            return;
        }
        snprintf(cursor, sizeof cursor, "%s", r->element[0]->str);
        for (size_t i = 0; i < r->element[1]->elements; i++) {
            int n = atoi(r->element[1]->element[i]->str + strlen("hscan:"));
            if (n < 0 || n >= SCANNED || seen[n]++) wrong("key %d is unknown or was seen twice", n);
        }
        freeReplyObject(r);
    } while (strcmp(cursor, "0"));
    for (int i = 0; i < SCANNED; i++) {
        if (!seen[i]) wrong("key %d was not seen", i);
    }
}

static void big(void) {
    char *v = malloc(BIG + 1);
    for (int i = 0; i < BIG / 16; i++) sprintf(v + 16 * i, "%015d\n", i);
    call(c, "OK", "SET hbig %b", v, (size_t)BIG);
    redisReply *r = redisCommand(c, "GET hbig");
    if (r == NULL || r->len != BIG || memcmp(r->str, v, BIG)) wrong("the value came back changed: %s", c->errstr);
    if (r) freeReplyObject(r);
    free(v);
}

static void shapes(void) {
    call(c, "1", "HSET hh f v");
    call(c, "2", "ZADD hz 1.5 a 2 b");
    call(c, "[f v]", "HGETALL hh");
    call(c, "[a 1.5 b 2]", "ZRANGE hz 0 -1 WITHSCORES");
}

static void reconnect(void) {
    redisContext *killer = open_one();
    redisReply *id = redisCommand(c, "CLIENT ID");
    if (id == NULL || id->type != REDIS_REPLY_INTEGER) {
        wrong("CLIENT ID: %s", id ? id->str : c->errstr);
        return;
    }
    call(killer, "1", "CLIENT KILL ID %lld", id->integer);
    redisReply *r = redisCommand(c, "PING");
    if (r != NULL) wrong("the killed connection answers PING");
    if (redisReconnect(c) != REDIS_OK) wrong("redisReconnect: %s", c->errstr);
    call(c, "PONG", "PING");
    freeReplyObject(id);
    redisFree(killer);
}

static const struct {
    const char *name;
    void (*run)(void);
} steps[] = {
    {"connect", connect_step}, {"ping", ping},         {"pipeline", pipeline}, {"transaction", transaction},
    {"watch", watch},          {"script", script},     {"pubsub", pubsub},     {"pattern", pattern},
    {"blocking", blocking},    {"timeout", timeout},   {"scan", scan},         {"big", big},
    {"shapes", shapes},        {"reconnect", reconnect},
};

int main(int argc, char **argv) {
    int failed = 0;
    if (argc != 5) {
        fprintf(stderr, "usage: scenario CLIENT HOST PORT POOL\n");
        return 2;
    }
    host = argv[2];
    port = atoi(argv[3]);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        why[0] = 0;
        if (c != NULL && c->err) { /* a step before lost the connection */
            redisFree(c);
            c = open_one();
        }
        if (!why[0]) steps[i].run();
        if (why[0]) {
            printf("FAIL %s %s %s: %s\n", argv[1], argv[4], steps[i].name, why);
            failed = 1;
            if (i == 0) break;
        } else {
            printf("ok %s %s %s\n", argv[1], argv[4], steps[i].name);
        }
        fflush(stdout);
    }
    return failed;
}
