"""Work in processes that may be killed: forked from one that has done the imports and little else.

That one must do nothing with Zarr or the network, so that it has no threads when it forks: a fork of a
process with threads may hang for ever.
"""

import json
import os
import subprocess
import sys


class Children:
    """Runs, one at a time, of a script that ends in ``forks.serve(work)``: its imports cost most."""

    def __init__(self, script):
        self._process = subprocess.Popen(
            [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self):
        self._process.stdout.readline()
        return self

    def __exit__(self, *error):
        self._process.communicate()

    def start(self, *job):
        """Process number of a new run."""
        self._process.stdin.write(f"{json.dumps(job)}\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def end(self):
        """How it ended: minus the signal's number, or its exit code."""
        return int(self._process.stdout.readline())

    def run(self, *job):
        """How a run ended that nobody disturbed."""
        self.start(*job)
        return self.end()


def serve(work):
    """Work of each job that is asked for, in a process of its own."""
    print("ready", flush=True)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                work(*json.loads(line))
                code = 0
            finally:
                os._exit(code)
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
