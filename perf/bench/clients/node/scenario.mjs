// What the Node clients share: the order of the steps, the words they print, the checks.

import { strict as assert } from 'node:assert'

/** The figures of scenario_test.go. */
export const pipelined = 100
export const scanned = 1000
export const lateBy = 1200
export const blockFor = 2
export const blockAtAll = 10
export const bigValue = Array.from({ length: (8 << 20) / 16 }, (_, i) => String(i).padStart(15, '0') + '\n').join('')

const patience = 30_000

/** Prints one line for each step and ends the process; a failed connect ends it at once. */
export async function perform (client, pool, steps) {
  let failed = false
  for (const [name, run] of Object.entries(steps)) {
    try {
      await within(run())
      console.log(`ok ${client} ${pool} ${name}`)
    } catch (err) {
      failed = true
      console.log(`FAIL ${client} ${pool} ${name}: ${String(err.message ?? err).replaceAll('\n', ' | ').slice(0, 500)}`)
      if (name === 'connect') break
    }
  }
  process.exit(failed ? 1 : 0)
}

/** Bounds a wait. */
export function within (promise, limit = patience) {
  let timer
  const late = new Promise((resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing after ${limit} ms`)), limit)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

/** Runs f when a pool's time-out for ordinary commands is over. */
export const later = f => new Promise((resolve, reject) => setTimeout(() => f().then(resolve, reject), lateBy))

/** Calls f until it succeeds: a client may report a lost connection once or a few times. */
export async function recovers (f) {
  for (const end = Date.now() + patience; ;) {
    try {
      return await f()
    } catch (err) {
      if (Date.now() > end) throw err
      await new Promise(resolve => setTimeout(resolve, 10))
    }
  }
}

/** Checks that f fails with an error that begins so. */
export async function refused (f, prefix) {
  const err = await f().then(() => null, err => err)
  assert.ok(err?.message.startsWith(prefix), `got ${err?.message ?? 'success'}; want an error that begins with ${prefix}`)
}

/** Checks that every key was seen, and none twice. */
export function once (seen, name) {
  const counts = new Map()
  for (const key of seen) counts.set(key, (counts.get(key) ?? 0) + 1)
  for (let i = 0; i < scanned; i++) {
    const key = `${name}:${i}`
    assert.equal(counts.get(key) ?? 0, 1, `key ${key} was seen ${counts.get(key) ?? 0} times; want once`)
  }
  assert.equal(counts.size, scanned)
}

/** A script of the client's own, so that no server can know it yet. */
export const body = (client, n) =>
  `redis.call('SET', KEYS[1], ARGV[1]) return redis.call('GET', KEYS[1]) .. ' ${client} ${n}'`

/** Values of a queue, in order, for whoever waits for the next one. */
export class Mailbox {
  #kept = []
  #waiting = []

  put (value) {
    const waiter = this.#waiting.shift()
    if (waiter) waiter(value)
    else this.#kept.push(value)
  }

  next () {
    return within(this.#kept.length > 0
      ? Promise.resolve(this.#kept.shift())
      : new Promise(resolve => this.#waiting.push(resolve)))
  }
}
