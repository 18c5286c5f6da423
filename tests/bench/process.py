"""Runs one process: in a group of its own, with a limit, timed, its output kept.

Nothing is ended but that group: the machine may be running other things.
"""
import os
import select
import signal
import subprocess
import tempfile
import time

LIMIT_S = 300
POLL_S = 0.02


class Failed(Exception):
    """A run that did not do what it should; the message says what was seen."""


class Process:
    """One command and what it starts.

    with Process(argv, folder, environment) as process:
        process.end()
    print(process.seconds, process.printed)
    """

    def __init__(self, argv, folder, environment, cpus=None):
        self.name, self.peak_kib = " ".join(argv)[:120], 0
        self.out, self.errors = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        mine = os.sched_getaffinity(0)
        # What is started inherits our cpus; a helper such as taskset would be one exec more to time.
        os.sched_setaffinity(0, cpus or mine)
        try:
            self.began = time.monotonic()
            self.child = subprocess.Popen(argv, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=self.out,
                                          stderr=self.errors, start_new_session=True)
        finally:
            os.sched_setaffinity(0, mine)
        self.pidfd = os.pidfd_open(self.child.pid)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        os.close(self.pidfd)
        self.out.close(), self.errors.close()

    def kill(self):
        # While it is not waited for, its id cannot be another's. If it has ended, this ends what it left behind.
        if self.child.returncode is None:
            os.killpg(self.child.pid, signal.SIGKILL)
            self.child.wait()

    def ended(self, limit_s):
        # Popen.wait with a limit sleeps up to 50 ms between two looks; this does not.
        return bool(select.select([self.pidfd], [], [], limit_s)[0])

    def read_peak(self):
        with open(f"/proc/{self.child.pid}/status", encoding="ascii", errors="replace") as file:
            peaks = [int(line.split()[1]) for line in file if line.startswith("VmHWM:")]
        self.peak_kib = max([self.peak_kib, *peaks])  # a process that is ending has no memory any more

    def end(self, watch=False):
        """Waits for the end, which has to be a success. `watch`: reads the peak of its memory until then."""
        limit = self.began + LIMIT_S
        while not self.ended(POLL_S if watch else LIMIT_S) and time.monotonic() < limit:
            self.read_peak()
        self.seconds, late = time.monotonic() - self.began, not self.ended(0)
        self.kill()
        if late or self.child.returncode != 0:
            self.errors.seek(0)
            how = f"no end after {LIMIT_S} s" if late else f"ended with {self.child.returncode}"
            raise Failed(f"{self.name}: {how}: {self.errors.read()[-600:].decode('utf-8', 'replace').strip()}")
        self.out.seek(0)
        self.printed = self.out.read()
