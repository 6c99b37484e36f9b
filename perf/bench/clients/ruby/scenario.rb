# The scenario for redis-rb: ruby scenario.rb ruby-redis HOST PORT POOL

require 'digest'
require 'redis'

PIPELINED, SCANNED, LATE_BY, BLOCK_FOR, BLOCK_AT_ALL, PATIENCE = 100, 1000, 1.2, 2, 10, 30
BIG = (0...(8 << 20) / 16).map { |i| format("%015d\n", i) }.join
NAME, HOST, PORT, POOL = ARGV

# Opens a connection with default options.
def open_one
  Redis.new(host: HOST, port: PORT.to_i)
end

# Compares, and says what differs.
def want(what, got, wanted)
  raise "#{what}: got #{got.inspect[0, 100]}; want #{wanted.inspect[0, 100]}" unless got == wanted
end

# The n-th of keys that spread over all groups.
def key(what, number)
  "rb#{what}:#{number}"
end

# A script of the client's own, so that no server can know it yet.
def body(number)
  "redis.call('SET', KEYS[1], ARGV[1]) return redis.call('GET', KEYS[1]) .. ' rb #{number}'"
end

# Runs the block in a thread of its own, a while from now.
def later
  Thread.new do
    sleep LATE_BY
    yield
  end
end

# Subscribes, publishes once that is confirmed, and unsubscribes when the message is there.
def hears(join, leave, to, channel)
  subscriber, other = open_one, open_one
  heard = left = nil
  subscriber.public_send("#{join}_with_timeout", PATIENCE, to) do |on|
    on.public_send(join) { want('PUBLISH', other.publish(channel, 'hello'), 1) }
    on.public_send(join == :subscribe ? :message : :pmessage) do |*words|
      heard = words
      subscriber.public_send(leave, to)
    end
    on.public_send(leave) { |_, count| left = count }
  end
  want('message', heard, join == :subscribe ? [channel, 'hello'] : [to, channel, 'hello'])
  want('subscriptions left', left, 0)
  want('PUBLISH to nobody', other.publish(channel, 'anyone?'), 0)
  want('PING after it', subscriber.ping, 'PONG')
end

@c = nil
STEPS = {
  connect: -> { (@c = open_one)._client.connect },
  ping: -> { want('PING', @c.ping, 'PONG') },
  pipeline: lambda {
    replies = @c.pipelined do |p|
      (PIPELINED / 2).times { |i| p.set(key('p', i), i); p.get(key('p', i)) }
    end
    want('replies', replies, (0...PIPELINED / 2).flat_map { |i| ['OK', i.to_s] })
  },
  transaction: lambda {
    want('EXEC', @c.multi { |m| m.set('{rbt}:n', 41); m.incr('{rbt}:n') }, ['OK', 42])
  },
  watch: lambda {
    got = @c.watch('{rbw}:k') do
      open_one.set('{rbw}:k', 'other')
      @c.multi { |m| m.set('{rbw}:k', 'mine') }
    end
    want('EXEC after a conflict', got, nil)
  },
  script: lambda {
    begin
      @c.evalsha(Digest::SHA1.hexdigest(body(1)), [key('s', 0)], ['v'])
      raise 'EVALSHA of an unknown script succeeded; want NOSCRIPT'
    rescue Redis::CommandError => e
      want('EVALSHA of an unknown script', e.message[0, 8], 'NOSCRIPT')
    end
    want('EVAL', @c.eval(body(1), [key('s', 0)], ['v']), 'v rb 1')
    sha = @c.script(:load, body(2))
    20.times { |i| want('EVALSHA', @c.evalsha(sha, [key('s', i)], ['w']), 'w rb 2') }
    want('SCRIPT EXISTS', @c.script(:exists, [sha, '0' * 40]), [true, false])
  },
  pubsub: -> { hears(:subscribe, :unsubscribe, 'rbchannel', 'rbchannel') },
  pattern: -> { hears(:psubscribe, :punsubscribe, 'rbnews.*', 'rbnews.art') },
  blocking: lambda {
    pusher = later { open_one.rpush('rbb', 'late') }
    want('BLPOP', @c.blpop('rbb', timeout: BLOCK_AT_ALL), %w[rbb late])
    pusher.join
  },
  timeout: -> { want('BLPOP of nothing', @c.blpop('rbb:never', timeout: BLOCK_FOR), nil) },
  scan: lambda {
    @c.pipelined { |p| SCANNED.times { |i| p.set(key('scan', i), 1) } }
    seen = @c.scan_each(match: 'rbscan:*', count: 100).to_a
    want('keys seen', seen.sort, (0...SCANNED).map { |i| key('scan', i) }.sort)
  },
  big: lambda {
    @c.set('rbbig', BIG)
    want('the value is unchanged', @c.get('rbbig') == BIG, true)
  },
  shapes: lambda {
    @c.hset('rbh', 'f', 'v')
    @c.zadd('rbz', [[1.5, 'a'], [2, 'b']])
    want('HGETALL', @c.hgetall('rbh'), { 'f' => 'v' })
    want('ZRANGE WITHSCORES', @c.zrange('rbz', 0, -1, withscores: true), [['a', 1.5], ['b', 2.0]])
  },
  reconnect: lambda {
    one = open_one
    ident = one.call(%w[CLIENT ID])
    want('CLIENT KILL', open_one.call(['CLIENT', 'KILL', 'ID', ident.to_s]), 1)
    stop = Time.now + PATIENCE
    begin
      want('PING', one.ping, 'PONG')
    rescue Redis::BaseConnectionError # the loss may be reported once
      raise if Time.now > stop

      sleep 0.01
      retry
    end
    want('another connection', one.call(%w[CLIENT ID]) != ident, true)
  }
}.freeze

failed = false
$stdout.sync = true
STEPS.each do |step, run|
  run.call
  puts "ok #{NAME} #{POOL} #{step}"
rescue StandardError => e
  failed = true
  puts "FAIL #{NAME} #{POOL} #{step}: #{e.class}: #{e.message.tr("\n", ' ')}"
  break if step == :connect
end
exit(failed ? 1 : 0)
