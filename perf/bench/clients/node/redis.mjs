// The scenario for node-redis 4, 5 and 6: node redis.mjs redis6 HOST PORT POOL

import { strict as assert } from 'node:assert'
import { createHash } from 'node:crypto'
import * as s from './scenario.mjs'

const [name, host, port, pool] = process.argv.slice(2)
const { createClient } = await import(name)
const protocol = name === 'redis6' ? 3 : 2

/** Opens a connection with default options; errors of a lost one are the steps' business. */
async function open () {
  const client = createClient({ url: `redis://${host}:${port}` })
  const lost = new Promise((resolve, reject) => client.once('error', reject))
  client.on('error', () => {})
  await Promise.race([client.connect(), lost]) // with its defaults it would try for ever
  return client
}

let c
const sha = text => createHash('sha1').update(text).digest('hex')
const k = (what, i) => `${name}${what}:${i}`
const tagged = what => `{${name}${what}}:k`

/** Subscribes, publishes and unsubscribes with the given methods. */
async function hears (join, leave, to, channel) {
  const subscriber = await open()
  const heard = new s.Mailbox()
  await subscriber[join](to, (message, from) => heard.put(`${from} ${message}`))
  assert.equal(await c.publish(channel, 'hello'), 1)
  assert.equal(await heard.next(), `${channel} hello`)
  await subscriber[leave](to)
  assert.equal(await c.publish(channel, 'anyone?'), 0)
  assert.equal(String(await subscriber.ping()), 'PONG') // redis@5 hands out a Buffer here
  await subscriber.quit()
}

await s.perform(name, pool, {
  async connect () { c = await open() },

  async ping () { assert.equal(await c.ping(), 'PONG') },

  async pipeline () {
    const replies = await Promise.all(Array.from({ length: s.pipelined / 2 }, (_, i) => [
      c.set(k('p', i), String(i)), c.get(k('p', i))]).flat())
    replies.forEach((reply, i) => assert.equal(reply, i % 2 ? String((i - 1) / 2) : 'OK'))
  },

  async transaction () {
    const replies = await c.multi().set(tagged('t'), '41').incr(tagged('t')).exec()
    assert.deepEqual(replies, ['OK', 42])
  },

  async watch () {
    const mine = await open()
    await mine.watch(tagged('w'))
    await c.set(tagged('w'), 'other')
    const err = await mine.multi().set(tagged('w'), 'mine').exec().then(() => null, err => err)
    assert.equal(err?.constructor.name, 'WatchError')
    await mine.quit()
  },

  async script () {
    const [first, second] = [s.body(name, 1), s.body(name, 2)]
    const args = (i, v) => ({ keys: [k('s', i)], arguments: [v] })
    await s.refused(() => c.evalSha(sha(first), args(0, 'v')), 'NOSCRIPT')
    assert.equal(await c.eval(first, args(0, 'v')), `v ${name} 1`)
    assert.equal(await c.scriptLoad(second), sha(second))
    for (let i = 0; i < 20; i++) {
      assert.equal(await c.evalSha(sha(second), args(i, 'w')), `w ${name} 2`)
    }
    assert.deepEqual((await c.scriptExists([sha(second), '0'.repeat(40)])).map(Number), [1, 0])
  },

  pubsub: () => hears('subscribe', 'unsubscribe', `${name}channel`, `${name}channel`),

  pattern: () => hears('pSubscribe', 'pUnsubscribe', `${name}news.*`, `${name}news.art`),

  async blocking () {
    const blocked = await open()
    const pushed = s.later(() => c.rPush(k('b', 0), 'late'))
    const got = await blocked.blPop(k('b', 0), s.blockAtAll)
    assert.deepEqual({ ...got }, { key: k('b', 0), element: 'late' })
    await pushed
    await blocked.quit()
  },

  async timeout () {
    const blocked = await open()
    assert.equal(await blocked.blPop(k('b', 'never'), s.blockFor), null)
    await blocked.quit()
  },

  async scan () {
    await Promise.all(Array.from({ length: s.scanned }, (_, i) => c.set(k('scan', i), '1')))
    const seen = []
    for await (const keys of c.scanIterator({ MATCH: `${name}scan:*`, COUNT: 100 })) seen.push(...[keys].flat())
    s.once(seen, `${name}scan`)
  },

  async big () {
    await c.set(k('big', 0), s.bigValue)
    assert.ok(await c.get(k('big', 0)) === s.bigValue, 'the value came back changed')
  },

  async shapes () {
    await c.hSet(k('h', 0), { f: 'v' })
    await c.zAdd(k('z', 0), [{ score: 1.5, value: 'a' }, { score: 2, value: 'b' }])
    assert.deepEqual({ ...await c.hGetAll(k('h', 0)) }, { f: 'v' })
    const pairs = await c.zRangeWithScores(k('z', 0), 0, -1)
    assert.deepEqual(pairs.map(p => ({ ...p })), [{ value: 'a', score: 1.5 }, { value: 'b', score: 2 }])
    const hello = await c.sendCommand(['HELLO'])
    assert.equal(hello.proto ?? hello[hello.indexOf('proto') + 1], protocol, 'protocol of the connection')
  },

  async reconnect () {
    const killer = await open()
    const id = await c.clientId()
    assert.equal(Number(await killer.sendCommand(['CLIENT', 'KILL', 'ID', String(id)])), 1)
    await s.recovers(async () => assert.equal(await c.ping(), 'PONG'))
    await s.recovers(async () => assert.notEqual(await c.clientId(), id))
    await killer.quit()
  }
})
