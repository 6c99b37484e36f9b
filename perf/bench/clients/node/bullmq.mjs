// A queue of BullMQ with 1000 jobs: node bullmq.mjs bullmq HOST PORT POOL

import { strict as assert } from 'node:assert'
import { Queue, QueueEvents, Worker } from 'bullmq'
import * as s from './scenario.mjs'

const [name, host, port, pool] = process.argv.slice(2)
const jobs = 1000
const lateEnough = 1500 // ms: the worker blocks for longer than a pool lets a reply take
const options = { connection: { host, port: Number(port) } }
if (pool === 'sharded') options.prefix = '{bull}' // all keys of the queue in one group

let queue, events

/** Turns the errors that the parts of BullMQ report into one failed promise. */
const broken = new s.Mailbox()
const watched = part => part.on('error', err => broken.put(err))

await s.perform(name, pool, {
  async connect () {
    queue = watched(new Queue('mail', options))
    events = watched(new QueueEvents('mail', options))
    const failed = broken.next().then(err => { throw err })
    await Promise.race([Promise.all([queue.waitUntilReady(), events.waitUntilReady()]), failed])
  },

  async jobs () {
    const done = new Map()
    const completed = new Set()
    events.on('completed', ({ jobId }) => completed.add(jobId))
    const worker = watched(new Worker('mail', async job => {
      done.set(job.data.n, (done.get(job.data.n) ?? 0) + 1)
      return job.data.n
    }, { ...options, concurrency: 10 }))
    await queue.addBulk(Array.from({ length: jobs - 1 }, (_, n) => ({ name: 'letter', data: { n } })))
    const last = await queue.add('letter', { n: jobs - 1 }, { delay: lateEnough })
    assert.equal(await last.waitUntilFinished(events, 25_000), jobs - 1)
    await s.recovers(async () => assert.equal(completed.size, jobs))
    assert.equal(done.size, jobs)
    assert.ok([...done.values()].every(times => times === 1), 'a job was done twice')
    const counts = await queue.getJobCounts('completed', 'failed', 'active', 'waiting', 'delayed')
    assert.deepEqual({ ...counts }, { completed: jobs, failed: 0, active: 0, waiting: 0, delayed: 0 })
    await worker.close()
    await events.close()
    await queue.close()
  }
})
