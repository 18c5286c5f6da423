"""Where the runs happen: one temporary folder with workloads, inputs, working directories and traces."""
import json
import os
import shutil
import socket
import subprocess
import tempfile

from process import LIMIT_S, POLL_S, Failed, Process
from rows import make_inputs

WORKLOADS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "workloads")
ONE_CPU = {min(os.sched_getaffinity(0))}


class Lab:
    def __init__(self, ckpt, scale):
        self.ckpt, self.scale, self.count = ckpt, scale, 0
        self.top = tempfile.mkdtemp(prefix="ckpt-bench-")
        self.places = {name: os.path.join(self.top, name) for name in ("bin", "input", "store")}
        self.places["workloads"] = WORKLOADS
        self.environment = dict(os.environ, CKPT_TRACE_DIR=self.places["store"])

    def prepare(self):
        os.mkdir(self.places["bin"]), os.mkdir(self.places["input"])
        for file in sorted(os.listdir(WORKLOADS)):
            name, kind = os.path.splitext(file)
            if kind == ".cc":
                subprocess.run(["g++", "-std=c++20", "-O2", "-pthread", "-o", os.path.join(self.places["bin"], name),
                                os.path.join(WORKLOADS, file)], check=True, timeout=LIMIT_S)
        make_inputs(self.places["input"], self.scale)

    def close(self):
        shutil.rmtree(self.top, ignore_errors=True)

    def start(self, argv, folder, cpus=None):
        counted = [str(max(1, int(word * self.scale))) if isinstance(word, int) else word for word in argv]
        words = [word.format(folder=folder, **self.places) for word in counted]
        return Process(words, folder, self.environment, cpus)

    def run(self, argv, row=None, cpus=None, watch=False):
        """Runs a command in a folder of its own. If it is the server of `row`, the seconds are its client's."""
        self.count += 1
        folder = os.path.join(self.top, f"run-{self.count}")
        os.mkdir(folder)
        try:
            with self.start(argv, folder, cpus) as process:
                client_s = self.drive(row, folder, process) if row and row.load else None
                process.end(watch)
                process.seconds = client_s or process.seconds
                return process
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def drive(self, row, folder, server):
        await_socket(os.path.join(folder, "socket"), server)
        with self.start(row.load, folder) as client:
            client.end()
        server.read_peak()
        with self.start(row.stop, folder) as stop:
            stop.end()
        return client.seconds


def await_socket(path, server):
    for _ in range(3000):
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(path) == 0:
                return
        if server.ended(POLL_S):
            server.end()
            break
    raise Failed(f"{server.name}: the server did not come up")


class Trial:
    """One row, run in four ways: native, one_cpu, record, replay. Each answers with seconds, or raises Failed."""

    def __init__(self, lab, row):
        self.lab, self.row, self.count = lab, row, 0
        self.trace = self.recorded = self.expected = None

    def live(self, argv, **options):
        process = self.lab.run(argv, self.row, **options)
        self.expected = self.expected or process.printed
        if process.printed != self.expected and not self.row.varies:
            raise Failed("printed something else: " + " ".join(map(str, argv)))
        return process

    def native(self):
        return self.live(self.row.argv).seconds

    def one_cpu(self):
        return self.live(self.row.argv, cpus=ONE_CPU).seconds

    def record(self, watch=False):
        self.remove()
        self.count += 1
        self.trace = os.path.join(self.lab.places["store"], f"{self.row.name}-{self.count}")
        process = self.live([self.lab.ckpt, "record", "-o", self.trace, "--", *self.row.argv], watch=watch)
        self.recorded = process.printed
        return process.peak_kib if watch else process.seconds

    def replay(self):
        process = self.lab.run([self.lab.ckpt, "replay", self.trace])
        if process.printed != self.recorded:
            raise Failed("the replay printed something else")
        return process.seconds

    def facts(self):
        told = subprocess.run([self.lab.ckpt, "trace", "info", "--json", self.trace], check=True, capture_output=True,
                              timeout=LIMIT_S)
        return json.loads(told.stdout)

    def remove(self):
        if self.trace:
            shutil.rmtree(self.trace, ignore_errors=True)
