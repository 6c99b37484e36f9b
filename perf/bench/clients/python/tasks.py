"""A worker of Celery and its 50 tasks: tasks.py python3-celery HOST PORT POOL

The worker is a process of its own, started and ended here, with default options. On the
sharded pool all of the broker's keys are kept together by a tag.
"""

import os
import signal
import subprocess
import sys
import tempfile

TASKS, PATIENCE = 50, 60

if __name__ == "__main__":  # the worker imports this file, and finds both in its environment
    _, name, host, port, pool = sys.argv
    os.environ.update(CELERY_AT="redis://%s:%s/0" % (host, port), CELERY_POOL=pool)

from celery import Celery, group  # noqa: E402 (after the environment that the worker inherits)

app = Celery("tasks", broker=os.environ["CELERY_AT"], backend=os.environ["CELERY_AT"])
if os.environ["CELERY_POOL"] == "sharded":
    together = {"global_keyprefix": "{celery}"}
    app.conf.broker_transport_options = together
    app.conf.result_backend_transport_options = together


@app.task(name="double")
def double(n):
    """What the worker does."""
    return 2 * n


def worker(log):
    """Starts the worker in its own process group, with its pool of processes."""
    command = [sys.executable, "-m", "celery", "-A", "tasks", "worker", "--concurrency", "2"]
    folder = os.path.dirname(os.path.abspath(__file__))
    state = {"PYTHONDONTWRITEBYTECODE": "1", "C_FORCE_ROOT": "1"}
    return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env={**os.environ, **state},
                            start_new_session=True)


def connect():
    """The broker's and the result backend's own connections."""
    with app.connection() as broker:
        broker.ensure_connection(max_retries=1, timeout=5)
    app.backend.client.ping()


def jobs():
    """Single tasks, and a group that is counted at the end."""
    pending = [double.delay(n) for n in range(TASKS // 2)]
    got = [p.get(timeout=PATIENCE) for p in pending]
    if got != [2 * n for n in range(TASKS // 2)]:
        raise AssertionError("single tasks: got %r" % got)
    got = group(double.s(n) for n in range(TASKS // 2)).apply_async().get(timeout=PATIENCE)
    if got != [2 * n for n in range(TASKS // 2)]:
        raise AssertionError("group: got %r" % got)


def control():
    """Remote control: a broadcast by publish, answers through a queue."""
    answers = app.control.ping(timeout=5)
    if len(answers) != 1:
        raise AssertionError("ping of workers: got %r; want one answer" % answers)


def tail(log):
    """The last lines of what the worker wrote."""
    log.seek(0)
    return " | ".join(line for line in log.read().splitlines()[-12:] if line.strip())


def main():
    """Runs the steps and prints a line for each. SIGTERM ends the worker as well."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    failed, log = False, tempfile.TemporaryFile("w+")
    running = None
    try:
        for step in (connect, jobs, control):
            try:
                if step is jobs:
                    running = worker(log)
                step()
                print("ok", name, pool, step.__name__, flush=True)
            except Exception as err:  # whatever it is, it is the step's result
                failed = True
                why = ("%s: %s; worker: %s" % (type(err).__name__, err, tail(log))).replace("\n", " | ")
                print("FAIL %s %s %s: %s" % (name, pool, step.__name__, why), flush=True)
                if step is connect:
                    break
    finally:
        if running:
            os.killpg(running.pid, signal.SIGTERM)
            try:
                running.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(running.pid, signal.SIGKILL)
                running.wait()
    sys.exit(failed)


if __name__ == "__main__":
    main()
