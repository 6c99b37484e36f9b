# A Sidekiq process and its 50 jobs: ruby jobs.rb ruby-sidekiq HOST PORT POOL
#
# The process is started and ended here, with default options. On the sharded pool all of
# Sidekiq's keys are kept together by a namespace that is a tag.

require 'sidekiq'
require 'sidekiq/api'
require 'tempfile'

Redis.silence_deprecations = true # Sidekiq 6 uses sadd as it used to be
JOBS, PATIENCE = 50, 60
AT = "redis://#{ENV['JOBS_AT'] || "#{ARGV[1]}:#{ARGV[2]}"}"
TOGETHER = (ENV['JOBS_POOL'] || ARGV[3]) == 'sharded' ? { namespace: '{sidekiq}' } : {}

Sidekiq.configure_server { |config| config.redis = { url: AT, **TOGETHER } }
Sidekiq.configure_client { |config| config.redis = { url: AT, **TOGETHER } }

# What the process does: it counts, so that the end shows how often each job ran.
class Tick
  include Sidekiq::Worker

  def perform(number)
    Sidekiq.redis { |c| c.hincrby('done', number, 1) }
  end
end

return if Sidekiq.server? # this file is also what the Sidekiq process loads

NAME, _, _, POOL = ARGV

# Polls until the block says so.
def eventually(what)
  stop = Time.now + PATIENCE
  until yield
    raise "still not so after #{PATIENCE} s: #{what}" if Time.now > stop

    sleep 0.05
  end
end

# Starts the Sidekiq process.
def server(log)
  env = { 'JOBS_AT' => AT.delete_prefix('redis://'), 'JOBS_POOL' => POOL }
  spawn(env, 'sidekiq', '-r', File.expand_path(__FILE__), out: log, err: log)
end

STEPS = {
  connect: -> { raise 'no PONG' unless Sidekiq.redis(&:ping) == 'PONG' },
  jobs: lambda {
    (JOBS / 2).times { |n| Tick.perform_async(n) }
    Sidekiq::Client.push_bulk('class' => Tick, 'args' => (JOBS / 2...JOBS - 1).map { |n| [n] })
    Tick.perform_in(2, JOBS - 1) # through the sorted set of scheduled jobs
    eventually('every job done') { Sidekiq.redis { |c| c.hlen('done') } == JOBS }
    counts = Sidekiq.redis { |c| c.hgetall('done') }
    raise "some ran twice: #{counts}" unless counts.values.all?('1')
    raise 'jobs left in the queue' unless Sidekiq::Queue.new.size.zero?

    eventually('the process in the list') { Sidekiq::ProcessSet.new.size == 1 }
    eventually('the jobs in the statistics') { Sidekiq::Stats.new.processed == JOBS }
  }
}.freeze

failed = false
$stdout.sync = true
log = Tempfile.new('sidekiq')
running = nil
at_exit do # SIGTERM comes by here as well
  if running
    Process.kill('TERM', running)
    Process.wait(running)
  end
end
STEPS.each do |step, run|
  running = server(log) if step == :jobs
  run.call
  puts "ok #{NAME} #{POOL} #{step}"
rescue StandardError => e
  failed = true
  said = File.read(log.path).lines.last(8).join(' | ')
  puts "FAIL #{NAME} #{POOL} #{step}: #{e.class}: #{e.message}; process: #{said}".tr("\n", ' ')
  break if step == :connect
end
exit(failed ? 1 : 0)
