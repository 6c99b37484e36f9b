// The scenario for ioredis 5 and 6: node ioredis.mjs ioredis6 HOST PORT POOL

import { strict as assert } from 'node:assert'
import { createHash } from 'node:crypto'
import * as s from './scenario.mjs'

const [name, host, port, pool] = process.argv.slice(2)
const { default: Redis } = await import(name)
const protocol = name === 'ioredis6' ? 3 : 2

/** Opens a connection with default options and waits until its ready check has passed. */
async function open () {
  const client = new Redis(Number(port), host)
  await new Promise((resolve, reject) => {
    client.once('ready', resolve)
    client.once('error', reject)
  })
  client.on('error', () => {}) // errors of a lost connection are the steps' business
  return client
}

let c
const sha = text => createHash('sha1').update(text).digest('hex')
const k = (what, i) => `${name}${what}:${i}`
const tagged = what => `{${name}${what}}:k`

/** Subscribes, publishes and unsubscribes with the given methods. */
async function hears (join, leave, event, to, channel) {
  const subscriber = await open()
  const heard = new s.Mailbox()
  subscriber.on(event, (...words) => heard.put(words.join(' ')))
  assert.equal(await subscriber[join](to), 1)
  assert.equal(await c.publish(channel, 'hello'), 1)
  assert.equal(await heard.next(), event === 'message' ? `${channel} hello` : `${to} ${channel} hello`)
  assert.equal(await subscriber[leave](to), 0)
  assert.equal(await c.publish(channel, 'anyone?'), 0)
  assert.equal(await subscriber.ping(), 'PONG')
  await subscriber.quit()
}

await s.perform(name, pool, {
  async connect () { c = await open() },

  async ping () { assert.equal(await c.ping(), 'PONG') },

  async pipeline () {
    const p = c.pipeline()
    for (let i = 0; i < s.pipelined / 2; i++) p.set(k('p', i), i).get(k('p', i))
    const replies = await p.exec()
    assert.equal(replies.length, s.pipelined)
    replies.forEach(([err, reply], i) => {
      assert.equal(err, null)
      assert.equal(reply, i % 2 ? String((i - 1) / 2) : 'OK')
    })
  },

  async transaction () {
    const replies = await c.multi().set(tagged('t'), 41).incr(tagged('t')).exec()
    assert.deepEqual(replies, [[null, 'OK'], [null, 42]])
  },

  async watch () {
    const mine = await open()
    await mine.watch(tagged('w'))
    await c.set(tagged('w'), 'other')
    assert.equal(await mine.multi().set(tagged('w'), 'mine').exec(), null)
    await mine.quit()
  },

  async script () {
    const [first, second] = [s.body(name, 1), s.body(name, 2)]
    await s.refused(() => c.evalsha(sha(first), 1, k('s', 0), 'v'), 'NOSCRIPT')
    c.defineCommand('remembered', { numberOfKeys: 1, lua: first }) // EVALSHA, on NOSCRIPT EVAL
    assert.equal(await c.script('LOAD', second), sha(second))
    for (let i = 0; i < 20; i++) {
      assert.equal(await c.remembered(k('s', i), 'v'), `v ${name} 1`)
      assert.equal(await c.evalsha(sha(second), 1, k('s', i), 'w'), `w ${name} 2`)
    }
    assert.deepEqual(await c.script('EXISTS', sha(second), '0'.repeat(40)), [1, 0])
  },

  pubsub: () => hears('subscribe', 'unsubscribe', 'message', `${name}channel`, `${name}channel`),

  pattern: () => hears('psubscribe', 'punsubscribe', 'pmessage', `${name}news.*`, `${name}news.art`),

  async blocking () {
    const blocked = await open()
    const pushed = s.later(() => c.rpush(k('b', 0), 'late'))
    assert.deepEqual(await blocked.blpop(k('b', 0), s.blockAtAll), [k('b', 0), 'late'])
    await pushed
    await blocked.quit()
  },

  async timeout () {
    const blocked = await open()
    assert.equal(await blocked.blpop(k('b', 'never'), s.blockFor), null)
    await blocked.quit()
  },

  async scan () {
    const p = c.pipeline()
    for (let i = 0; i < s.scanned; i++) p.set(k('scan', i), 1)
    await p.exec()
    const seen = []
    for await (const keys of c.scanStream({ match: `${name}scan:*`, count: 100 })) seen.push(...keys)
    s.once(seen, `${name}scan`)
  },

  async big () {
    await c.set(k('big', 0), s.bigValue)
    assert.ok(await c.get(k('big', 0)) === s.bigValue, 'the value came back changed')
  },

  async shapes () {
    await c.hset(k('h', 0), { f: 'v' })
    await c.zadd(k('z', 0), 1.5, 'a', 2, 'b')
    assert.deepEqual({ ...await c.hgetall(k('h', 0)) }, { f: 'v' })
    assert.deepEqual((await c.zrange(k('z', 0), 0, -1, 'WITHSCORES')).flat().map(String), ['a', '1.5', 'b', '2'])
    const hello = await c.call('HELLO')
    const proto = hello.proto ?? hello.get?.('proto') ?? hello[hello.indexOf('proto') + 1]
    assert.equal(proto, protocol, 'protocol of the connection')
  },

  async reconnect () {
    const killer = await open()
    const id = await c.client('ID')
    assert.equal(await killer.client('KILL', 'ID', id), 1)
    await s.recovers(async () => assert.equal(await c.ping(), 'PONG'))
    await s.recovers(async () => assert.notEqual(await c.client('ID'), id))
    await killer.quit()
  }
})
