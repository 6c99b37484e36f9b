<?php
// The scenario for phpredis: php scenario.php php-redis HOST PORT POOL

const PIPELINED = 100, SCANNED = 1000, LATE_BY = 1200000, BLOCK_FOR = 2, BLOCK_AT_ALL = 10, PATIENCE = 30;

if (!extension_loaded('redis')) {
    echo "the redis extension is not loaded\n";
    exit(2);
}
[, $name, $host, $port, $pool] = $argv;

/** Opens a connection with default options. */
function open(): Redis
{
    global $host, $port;
    $c = new Redis();
    $c->connect($host, (int)$port);
    return $c;
}

/** Compares, and says what differs. */
function want(string $what, $got, $wanted): void
{
    if ($got !== $wanted) {
        $say = fn ($v) => substr(json_encode($v), 0, 100);
        throw new Exception("$what: got {$say($got)}; want {$say($wanted)}");
    }
}

/** The n-th of keys that spread over all groups. */
function key_of(string $what, $n): string
{
    return "php$what:$n";
}

/** A script of the client's own, so that no server can know it yet. */
function body(int $n): string
{
    return "redis.call('SET', KEYS[1], ARGV[1]) return redis.call('GET', KEYS[1]) .. ' php $n'";
}

/** Runs f in a process of its own, a while from now. */
function later(callable $f): int
{
    $child = pcntl_fork();
    if ($child === 0) {
        usleep(LATE_BY);
        $f();
        posix_kill(getmypid(), SIGKILL); // no destructor of the parent's connection may run
    }
    return $child;
}

/**
 * Subscribes, lets another process publish, and unsubscribes when the message is there.
 * phpredis 5 goes on waiting for messages after that, until its read time-out ends it.
 */
function hears(string $join, string $leave, string $to, string $channel): void
{
    $publisher = later(fn () => open()->publish($channel, 'hello'));
    $s = open();
    $s->setOption(Redis::OPT_READ_TIMEOUT, 4);
    $heard = $left = null;
    try {
        $s->$join([$to], function (...$words) use (&$heard, &$left, $leave, $to) {
            $heard = array_slice($words, 1);
            $left = $words[0]->$leave([$to]);
        });
    } catch (RedisException $e) {
        want('why it stopped', [$heard !== null, substr($e->getMessage(), 0, 10)], [true, 'read error']);
    }
    pcntl_waitpid($publisher, $status);
    want('message', $heard, $join === 'subscribe' ? [$channel, 'hello'] : [$to, $channel, 'hello']);
    want('unsubscribed', $left, [$to => true]);
    want('PUBLISH to nobody', open()->publish($channel, 'anyone?'), 0);
}

$c = null;
$steps = [
    'connect' => function () use (&$c) {
        $c = open();
        want('connected', $c->isConnected(), true);
    },
    'ping' => function () use (&$c) {
        want('PING', $c->ping(), true);
    },
    'pipeline' => function () use (&$c) {
        $p = $c->multi(Redis::PIPELINE);
        $wanted = [];
        for ($i = 0; $i < PIPELINED / 2; $i++) {
            $p->set(key_of('p', $i), (string)$i)->get(key_of('p', $i));
            array_push($wanted, true, (string)$i);
        }
        want('replies', $p->exec(), $wanted);
    },
    'transaction' => function () use (&$c) {
        want('EXEC', $c->multi()->set('{phpt}:n', '41')->incr('{phpt}:n')->exec(), [true, 42]);
    },
    'watch' => function () use (&$c) {
        $c->watch('{phpw}:k');
        open()->set('{phpw}:k', 'other');
        want('EXEC after a conflict', $c->multi()->set('{phpw}:k', 'mine')->exec(), false);
    },
    'script' => function () use (&$c) {
        want('EVALSHA of an unknown script', $c->evalSha(sha1(body(1)), [key_of('s', 0), 'v'], 1), false);
        want('its error', substr((string)$c->getLastError(), 0, 8), 'NOSCRIPT');
        $c->clearLastError();
        want('EVAL', $c->eval(body(1), [key_of('s', 0), 'v'], 1), 'v php 1');
        $sha = $c->script('load', body(2));
        want('SCRIPT LOAD', $sha, sha1(body(2)));
        for ($i = 0; $i < 20; $i++) {
            want('EVALSHA', $c->evalSha($sha, [key_of('s', $i), 'w'], 1), 'w php 2');
        }
        want('SCRIPT EXISTS', $c->script('exists', $sha, str_repeat('0', 40)), [1, 0]);
    },
    'pubsub' => fn () => hears('subscribe', 'unsubscribe', 'phpchannel', 'phpchannel'),
    'pattern' => fn () => hears('psubscribe', 'punsubscribe', 'phpnews.*', 'phpnews.art'),
    'blocking' => function () {
        $pusher = later(fn () => open()->rPush('phpb', 'late'));
        want('BLPOP', open()->blPop(['phpb'], BLOCK_AT_ALL), ['phpb', 'late']);
        pcntl_waitpid($pusher, $status);
    },
    'timeout' => fn () => want('BLPOP of nothing', open()->blPop(['phpb:never'], BLOCK_FOR), []),
    'scan' => function () use (&$c) {
        $p = $c->multi(Redis::PIPELINE);
        for ($i = 0; $i < SCANNED; $i++) {
            $p->set(key_of('scan', $i), '1');
        }
        $p->exec();
        $seen = [];
        $cursor = null;
        while (($keys = $c->scan($cursor, 'phpscan:*', 100)) !== false) {
            array_push($seen, ...$keys);
        }
        want('keys seen', count($seen), SCANNED);
        want('different keys', count(array_unique($seen)), SCANNED);
    },
    'big' => function () use (&$c) {
        $v = '';
        for ($i = 0; $i < (8 << 20) / 16; $i++) {
            $v .= sprintf("%015d\n", $i);
        }
        $c->set('phpbig', $v);
        want('the value is unchanged', $c->get('phpbig') === $v, true);
    },
    'shapes' => function () use (&$c) {
        $c->hSet('phph', 'f', 'v');
        $c->zAdd('phpz', 1.5, 'a', 2, 'b');
        want('HGETALL', $c->hGetAll('phph'), ['f' => 'v']);
        want('ZRANGE WITHSCORES', $c->zRange('phpz', 0, -1, true), ['a' => 1.5, 'b' => 2.0]);
    },
    'reconnect' => function () {
        $one = open();
        $id = $one->rawCommand('CLIENT', 'ID');
        want('CLIENT KILL', open()->rawCommand('CLIENT', 'KILL', 'ID', (string)$id), 1);
        for ($end = time() + PATIENCE; ; usleep(10000)) {
            try {
                want('PING', $one->ping(), true);
                break;
            } catch (RedisException $e) { // phpredis may report the loss before it connects again
                if (time() > $end) {
                    throw $e;
                }
            }
        }
        want('another connection', $one->rawCommand('CLIENT', 'ID') !== $id, true);
    },
];

$failed = false;
foreach ($steps as $step => $run) {
    try {
        $run();
        echo "ok $name $pool $step\n";
    } catch (Throwable $e) {
        $failed = true;
        echo "FAIL $name $pool $step: " . get_class($e) . ': ' . strtr($e->getMessage(), "\n", ' ') . "\n";
        if ($step === 'connect') {
            break;
        }
    }
}
exit($failed ? 1 : 0);
