#!/usr/bin/python3
"""Gives the commands what they cannot use, and proves that they behave: one line on stderr that names
the object, the fact and the next step, the exit code of the manual page, and nothing lost.

usage: bad_input.py BUILD CASE     BUILD: a folder with ckpt, or with bin/ckpt (built or installed)
       bad_input.py --list

CKPT_SEED repeats a case that chooses at random. 77 means that this machine does not allow the
case; a line says why.
"""
import contextlib
import ctypes
import ctypes.util
import functools
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

USAGE, DIVERGED, INEXACT, FAILED, NOT_EXECUTABLE, NOT_FOUND, SKIPPED = 2, 3, 4, 125, 126, 127, 77
LIMIT_S = 20
NOBODY = 65534
PYTHON = "/usr/bin/python3"
CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def fail(message, *logs):
    print("FAILED:", message)
    for log in logs:
        print(log.decode("utf-8", "replace")[-3000:])
    sys.exit(1)


def skip(reason):
    print("skipped:", reason)
    sys.exit(SKIPPED)


# ---- Running commands ------------------------------------------------------------------------
class Ran:
    """What a command answered. A signal is a negative status."""

    def __init__(self, argv, status, out, err):
        self.argv, self.status, self.out, self.err = argv, status, out, err

    def require(self, condition, message):
        if not condition:
            fail(f"{' '.join(self.argv)}: {message} (status {self.status})", b"stdout: " + self.out, b"stderr: " + self.err)

    # Every line is a message of ours; at least one unless told otherwise.
    def talks(self, lines=None):
        said = self.err.decode("utf-8", "replace").splitlines()
        self.require(all(line.startswith("ckpt: ") for line in said), "a line on stderr is no message")
        self.require(lines is None or len(said) == lines, f"{lines} lines on stderr expected")

    def refuses(self, status, *words, out=b"", next_step=True):
        """One line with all the words (A|B: either), and what to do about it."""
        self.require(self.status == status, f"status {status} expected")
        self.talks(lines=1)
        for word in words:
            self.require(re.search(word, self.err.decode("utf-8", "replace")), f"{word!r} is not said")
        self.require(not next_step or b"; " in self.err, "no next step is said")
        self.require(out is None or self.out == out, "another stdout expected")


def children_of(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def run(argv, cwd=None, environment=None, limit_s=LIMIT_S):
    # Files, not pipes: what a recorder leaves behind when it is killed would hold a pipe open.
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = subprocess.Popen(argv, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        try:
            status = child.wait(timeout=limit_s)
        except subprocess.TimeoutExpired:
            for pid in [*children_of(child.pid), child.pid]:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            child.wait()
            err.seek(0)
            fail(f"{' '.join(argv)}: still running after {limit_s} s", err.read())
        out.seek(0), err.seek(0)
        return Ran(argv, status, out.read(), err.read())


# Threads and a few chunks: chunks are written every 100 ms.
SMALL = """
import os, threading, time
def work(n):
    for i in range(8):
        os.urandom(400 + n); time.sleep(0.01)
threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
[thread.start() for thread in threads]
for i in range(12):
    print("line", i, os.urandom(8).hex(), time.time(), flush=True); time.sleep(0.02)
[thread.join() for thread in threads]
"""


class Box:
    """A folder of its own, with a store in it, and the commands."""

    def __init__(self, build):
        beside = [folder for folder in (build, os.path.join(build, "bin")) if os.path.exists(os.path.join(folder, "ckpt-record"))]
        if not beside:
            fail(f"{build}: neither ckpt-record nor bin/ckpt-record in it")
        self.commands = os.path.abspath(beside[0])
        self.folder = tempfile.mkdtemp(prefix="ckpt-bad-")
        os.chmod(self.folder, 0o755)
        self.store = self.path("store")
        self.environment = dict(os.environ, CKPT_TRACE_DIR=self.store)
        self.prefix = []
        seed = int(os.environ.get("CKPT_SEED", time.time_ns() % 1_000_000))
        self.random, self.seed = random.Random(seed), seed

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def ckpt(self, *words, command="ckpt", **environment):
        argv = [*self.prefix, os.path.join(self.commands, command), *words]
        return run(argv, cwd=self.folder, environment=dict(self.environment, **environment))

    def record(self, *words):
        ran = self.ckpt("record", *words)
        ran.require(ran.status == 0, "recording is expected to work")
        return ran

    # A whole trace `name` of SMALL, with an index; gives what the program wrote.
    def record_small(self, name):
        out = self.record("--verify", "-o", self.path(name), "--", PYTHON, "-c", SMALL).out
        asked = self.ckpt("trace", "query", name, "--files")
        asked.require(asked.status == 0 and os.path.exists(self.path(name, "index.sqlite")), "no index was made")
        return out

    def write(self, name, content, mode=0o644):
        with open(self.path(name), "wb") as file:
            file.write(content)
        os.chmod(self.path(name), mode)
        return self.path(name)

    # The traces in the store, and where `latest` leads.
    def traces(self):
        if not os.path.isdir(self.store):
            return [], None
        latest = os.path.join(self.store, "latest")
        names = sorted(name for name in os.listdir(self.store) if name not in ("latest", "files", "files.cache"))
        return names, os.readlink(latest) if os.path.islink(latest) else None

    def print_seed(self):
        print("seed", self.seed)

    def close(self):
        for folder in (self.path("mount"), self.path("read-only")):
            if os.path.ismount(folder):
                subprocess.run(["umount", folder], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


def refuses_to_record(box, program, status, *words, next_step=True):
    """Into a new folder, into an empty one of the user's, and into the store: nothing is left, nothing is lost."""
    if not os.path.isdir(box.store):
        box.record("--", "/bin/true")
    before = box.traces()
    new, mine = box.path("new"), box.path("mine")
    if not os.path.isdir(mine):
        os.mkdir(mine)
        os.chmod(mine, 0o777)
    for place in (["-o", new], ["-o", mine], []):
        ran = box.ckpt("record", *place, "--", program)
        ran.refuses(status, *words, next_step=next_step)
        ran.require(not os.path.exists(new), "a trace folder is left")
        ran.require(os.path.isdir(mine) and not os.listdir(mine), "the user's own empty folder is not left as it was")
        ran.require(box.traces() == before, f"the store had {before} and has {box.traces()}")


# ---- Programs that cannot be recorded --------------------------------------------------------
@case
def missing_program(box):
    refuses_to_record(box, "/nonexistent/program", NOT_FOUND, "/nonexistent/program", "no such")
    refuses_to_record(box, "ckpt-no-such-program", NOT_FOUND, "ckpt-no-such-program", "no such")
    refuses_to_record(box, "two\nlines", NOT_FOUND, "two.lines", "no such")
    refuses_to_record(box, "", NOT_FOUND, "no such")


@case
def not_executable(box):
    box.write("plain", b"#!/bin/sh\n")
    refuses_to_record(box, "./plain", NOT_EXECUTABLE, "plain", "not executable")


@case
def folder_as_program(box):
    refuses_to_record(box, box.folder, NOT_EXECUTABLE, re.escape(box.folder), "folder|directory")


@case
def not_an_elf_file(box):
    box.write("text", b"hello\n", 0o755)
    refuses_to_record(box, "./text", NOT_EXECUTABLE, "text", "Exec format error|no program", next_step=False)
    box.write("empty", b"", 0o755)
    refuses_to_record(box, "./empty", NOT_EXECUTABLE, "empty", next_step=False)
    box.write("script", b"#!/nonexistent/interpreter\n", 0o755)
    refuses_to_record(box, "./script", NOT_EXECUTABLE, "/nonexistent/interpreter", "[Nn]o such file", next_step=False)


@case
def elf_of_another_kind(box):
    with open("/bin/true", "rb") as file:
        elf = bytearray(file.read())
    elf[4] = 1  # ELFCLASS32
    box.write("elf32", elf, 0o755)
    refuses_to_record(box, "./elf32", FAILED, "elf32", "x86-64")
    elf[4], elf[18:20] = 2, struct.pack("<H", 183)  # EM_AARCH64
    box.write("arm", elf, 0o755)
    refuses_to_record(box, "./arm", FAILED, "arm", "x86-64")
    box.write("stub", elf[:5], 0o755)
    refuses_to_record(box, "./stub", FAILED, "stub")


@case
def static_program(box):
    box.write("static.c", b"int main(void) { return 0; }\n")
    built = run(["gcc", "-static", "-o", box.path("static"), box.path("static.c")]) if shutil.which("gcc") else None
    if not built or built.status != 0:
        skip("gcc -static does not work here")
    refuses_to_record(box, "./static", FAILED, "static", "statically linked", "dynamically")


# Commands run as nobody if we are root; `box` is nobody's then.
def become_plain_user(box):
    if os.geteuid() != 0:
        return
    box.prefix = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--"]
    os.chown(box.folder, NOBODY, NOBODY)
    if not shutil.which("setpriv") or box.ckpt("--version").status != 0:
        skip("as nobody the commands cannot be run: a folder on the way is closed to others")


@case
def set_user_id_program(box):
    become_plain_user(box)
    shutil.copy("/bin/true", box.path("tool"))
    os.chmod(box.path("tool"), 0o4755)
    refuses_to_record(box, "./tool", FAILED, "tool", "set-user-id")


@case
def set_user_id_program_as_root(box):
    if os.geteuid() != 0:
        skip("not root: nobody else's program can be made set-user-id")
    shutil.copy("/usr/bin/id", box.path("tool"))
    os.chown(box.path("tool"), NOBODY, NOBODY)
    os.chmod(box.path("tool"), 0o4755)
    # Not run at all: what runs without the agent is done, and not recorded.
    refuses_to_record(box, "./tool", FAILED, "tool", "set-user-id")


# ---- Where the trace shall go ----------------------------------------------------------------
def into_namespace():
    """Goes on in mounts of our own, as root of them."""
    if os.environ.get("CKPT_BAD_INPUT_INSIDE"):
        return
    unshare = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-Urm"]
    if not shutil.which("unshare") or run([*unshare, "true"]).status != 0:
        skip("mounts of our own are not allowed here (unshare -m)")
    os.environ["CKPT_BAD_INPUT_INSIDE"] = "1"
    os.execvp("unshare", [*unshare, PYTHON, *sys.argv])


def mount(folder, options):
    os.makedirs(folder, exist_ok=True)
    done = run(["mount", "-t", "tmpfs", "-o", options, "none", folder])
    if done.status != 0:
        skip("tmpfs cannot be mounted here: " + done.err.decode("utf-8", "replace").strip())


@case
def folder_not_writable(box):
    become_plain_user(box)
    closed = box.path("closed")
    os.mkdir(closed)
    os.chmod(closed, 0o555)
    box.ckpt("record", "-o", "closed/trace", "--", "/bin/true").refuses(FAILED, "closed/trace", "Permission denied", next_step=False)
    if os.geteuid() == 0:  # else it is our own, and opened
        ran = box.ckpt("record", "-o", "closed", "--", "/bin/true")
        ran.refuses(FAILED, "closed", "denied|not permitted", next_step=False)
        ran.require(os.path.isdir(closed), "the user's folder is gone")
    for store in (closed, closed + "/store"):
        box.ckpt("record", "--", "/bin/true", CKPT_TRACE_DIR=store).refuses(FAILED, "closed", "Permission denied", next_step=False)
    box.ckpt("record", "-o", "trace", "--", "/bin/true", CKPT_TRACE_DIR=closed).refuses(FAILED, "closed", "Permission denied", next_step=False)
    if os.path.exists(box.path("trace")):
        fail("a trace folder is left")


@case
def read_only_file_system(box):
    mount(box.path("read-only"), "size=32m")
    out = box.record_small("good")
    shutil.copytree(box.path("good"), box.path("read-only", "good"), ignore=shutil.ignore_patterns("index.sqlite"))
    os.mkdir(box.path("read-only", "mine"))
    # MS_REMOUNT | MS_RDONLY; mount(8) adds options that a user's own namespace refuses.
    if ctypes.CDLL(None).mount(b"none", box.path("read-only").encode(), b"tmpfs", 33, None) != 0:
        skip("tmpfs cannot be made read-only here")
    box.ckpt("record", "-o", "read-only/trace", "--", "/bin/true").refuses(FAILED, "read-only/trace", "Read-only", next_step=False)
    box.ckpt("record", "-o", "read-only/mine", "--", "/bin/true").refuses(FAILED, "read-only/mine", "Read-only", next_step=False)
    box.ckpt("record", "--", "/bin/true", CKPT_TRACE_DIR=box.path("read-only")).refuses(FAILED, "read-only", "Read-only", next_step=False)
    # Traces that lie there can be read: the index is made in memory.
    for words in (["trace", "info"], ["trace", "verify"], ["trace", "query", "--files"], ["trace", "dump"]):
        ran = box.ckpt(*words, "read-only/good")
        ran.require(ran.status == 0 and not ran.err, "it can be read")
    ran = box.ckpt("replay", "read-only/good")
    ran.require(ran.status == 0 and ran.out == out, "it can be replayed")


@case
def folder_not_empty(box):
    os.mkdir(box.path("mine"))
    box.write("mine/diary", b"dear diary")
    ran = box.ckpt("record", "-o", "mine", "--", "/bin/true")
    ran.refuses(FAILED, "mine", "not empty")
    ran.require(os.listdir(box.path("mine")) == ["diary"], "the folder is not as it was")
    ran = box.ckpt("record", "-o", "mine/diary", "--", "/bin/true")
    ran.refuses(FAILED, "mine/diary", "Not a directory|not a folder", next_step=False)
    ran.require(os.path.getsize(box.path("mine/diary")) == 10, "the file is not as it was")
    box.ckpt("record", "-o", "nowhere/at/all", "--", "/bin/true").refuses(FAILED, "nowhere/at/all", "No such file", next_step=False)
    box.record("-o", "trace", "--", "/bin/true")
    before = sorted(os.listdir(box.path("trace")))
    ran = box.ckpt("record", "-o", "trace", "--", "/bin/true")
    ran.refuses(FAILED, "trace", "not empty")
    ran.require(sorted(os.listdir(box.path("trace"))) == before, "the older trace is not as it was")
    ran = box.ckpt("trace", "verify", "trace")
    ran.require(ran.status == 0, "the older trace is whole")


# 50 MiB that do not compress, in some hundred events, and an exit code of its own.
GREEDY = """
import os, sys
for i in range(800): os.read(file := os.open("/dev/urandom", os.O_RDONLY), 65536); os.close(file)
print("done"); sys.exit(7)
"""


def mount_full(folder):
    mount(folder, "size=1m")
    with contextlib.suppress(OSError), open(os.path.join(folder, "filler"), "wb", buffering=0) as file:
        while file.write(bytes(4096)) == 4096:
            pass


@case
def full_at_start(box):
    box.record("--", "/bin/true")
    mount_full(box.path("mount"))
    ran = box.ckpt("record", "-o", "mount/trace", "--", "/bin/true")
    ran.refuses(FAILED, "mount/trace", "No space left", next_step=False)
    ran.require(os.listdir(box.path("mount")) == ["filler"], "a trace folder is left")
    ran = box.ckpt("record", "--", "/bin/true", CKPT_TRACE_DIR=box.path("mount"))
    ran.refuses(FAILED, "mount", "No space left", next_step=False)
    left = set(os.listdir(box.path("mount"))) - {"filler", "files", "files.cache"}
    ran.require(not left, f"{left} is left")


# Room for all of a program's trace but its events.
def mount_with_room_for(box, program, more):
    box.ckpt("record", "-o", "sample", "--verify", "--", *program)
    sizes = [os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(box.path("sample")) for name in names if name != "events"]
    mount(box.path("mount"), f"size={sum((size + 8191) // 4096 * 4096 for size in sizes) + more}")


def check_filled(box, ran, mode, status, out, replays=True):
    if mode == "continue":
        ran.refuses(status, "mount/trace", "No space left", "stops", "goes on", out=out)
    else:
        ran.refuses(-signal.SIGKILL, "mount/trace", "No space left", "stops", "ended")
    events = valid_prefix(box, "mount/trace", "stopped early")
    ran.require(f"up to event {events};".encode() in ran.err, f"it has {events} events")
    info = box.ckpt("trace", "info", "mount/trace")
    info.require(info.status == 0 and b"stopped" in info.out and b"No space left" in info.out, "stopped by a full disk")
    if replays:
        replays_to_its_last_event(box, "mount/trace", events, out)
        ran = box.ckpt("replay", "--verify", "mount/trace")
        ran.require(ran.status == 0, "no hashes of memory at another moment")
    else:
        box.ckpt("replay", "mount/trace").refuses(FAILED, "mount/trace", "image-0", next_step=False)


@case
def full_while_recording(box):
    program = [PYTHON, "-c", GREEDY]
    mount_with_room_for(box, program, 10 << 20)
    for mode in ("continue", "end"):
        ran = box.ckpt("record", "--verify", "--on-full", mode, "-o", "mount/trace", "--", *program)
        check_filled(box, ran, mode, 7, b"done\n")
        shutil.rmtree(box.path("mount/trace"))


@case
def full_while_taking_the_image(box):
    mount(box.path("mount"), "size=64k")
    for mode in ("continue", "end"):
        ran = box.ckpt("record", "--on-full", mode, "-o", "mount/trace", "--", PYTHON, "-c", GREEDY)
        check_filled(box, ran, mode, 7, b"done\n", replays=False)
        shutil.rmtree(box.path("mount/trace"))


@case
def full_at_the_last_write(box):
    """A program that is over before anything was written has an exit code all the same."""
    program = ["dd", "if=/dev/urandom", "of=/dev/null", "bs=64k", "count=14", "status=none"]
    mount_with_room_for(box, program, 600 << 10)
    ran = box.ckpt("record", "--verify", "-o", "mount/trace", "--", *program)
    check_filled(box, ran, "continue", 0, b"")


@case
def full_store(box):
    """A file that the program maps later cannot be copied: that is a full disk too."""
    mount_full(box.path("mount"))
    ran = box.ckpt("record", "-o", "trace", "--", PYTHON, "-c", SMALL, CKPT_TRACE_DIR=box.path("mount"))
    out = ran.out
    ran.refuses(0, "No space left", "stops", "goes on", out=None)
    replays_to_its_last_event(box, "trace", valid_prefix(box, "trace", "stopped early"), out)


# ---- Traces that are only the beginning ------------------------------------------------------
def valid_prefix(box, trace, why):
    """verify calls the trace whole as far as it goes; gives its number of events."""
    ran = box.ckpt("trace", "verify", "--json", trace)
    ran.require(ran.status == 0 and b'"problems":0' in ran.out, "a valid prefix")
    ran.talks(lines=1)
    ran.require(why.encode() in ran.err, f"{why!r} is not said")
    events = int(re.search(rb'"events":(\d+)', ran.out).group(1))
    counted = box.ckpt("trace", "query", "--csv", trace, "select count(*), max(event) from events")
    counted.require(counted.status == 0 and (not events or f"\n{events},{events}\n".encode() in counted.out), f"{events} events")
    counted.talks(lines=1)
    return events


def replays_to_its_last_event(box, trace, events, out):
    ran = box.ckpt("replay", "-v", trace)
    ran.require(ran.status == 0 and f" {events} events replayed".encode() in ran.err, f"{events} events replayed")
    ran.require(out.startswith(ran.out), "the replay writes what the program wrote")
    ran.talks(lines=1)


# Writes a line now and then, and 20 MiB of events: more than the ring holds without a recorder.
TALKATIVE = """
import os, sys
for i in range(320):
    os.read(file := os.open("/dev/urandom", os.O_RDONLY), 65536); os.close(file)
    print(i, flush=True)
    if i < 60: __import__("time").sleep(0.01)
print("done"); sys.exit(7)
"""


def wait_for_end(pid, limit_s):
    """The wait status of a descendant that is ours since its parent died; None if it goes on."""
    for _ in range(int(limit_s / 0.01)):
        got, status = os.waitpid(pid, os.WNOHANG)
        if got:
            return status
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


def kill_recorder(box, mode, reaped=True):
    box.print_seed()
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: the program is ours when the recorder is gone
    argv = [os.path.join(box.commands, "ckpt-record"), "--on-recorder-death", mode, "-o", box.path("trace"), "--", PYTHON, "-c", TALKATIVE]
    with open(box.path("out"), "w+b") as out, open(box.path("err"), "w+b") as err:
        recorder = subprocess.Popen(argv, env=box.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        until = time.monotonic() + LIMIT_S
        while not (os.path.exists(box.path("trace/events")) and os.path.getsize(box.path("trace/events"))) and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(box.random.random() * 0.3)
        program = (children_of(recorder.pid) or [None])[0]
        if not program:
            fail("nothing is recorded", read_file(box.path("err")))
        os.kill(recorder.pid, signal.SIGKILL)
        os.waitid(os.P_PID, recorder.pid, os.WEXITED | os.WNOWAIT)  # dead; a zombie until somebody waits for it
        if reaped:
            recorder.wait()
        status = wait_for_end(program, 10)
        recorder.wait()
        out.seek(0), err.seek(0)
        wrote, said = out.read(), err.read()
    if status is None:
        fail(f"10 s after the recorder was killed the program is still there, after {wrote.split()[-1:]}")
    if mode == "continue" and not (os.waitstatus_to_exitcode(status) == 7 and wrote.endswith(b"done\n")):
        fail(f"the program ended with {os.waitstatus_to_exitcode(status)} after {wrote.split()[-1:]}", said)
    if mode == "end" and (os.waitstatus_to_exitcode(status) not in (-signal.SIGKILL, FAILED) or b"done" in wrote):
        fail(f"the program ended with {os.waitstatus_to_exitcode(status)}", said)
    replays_to_its_last_event(box, "trace", valid_prefix(box, "trace", "its recorder was killed"), wrote)


@case
def recorder_killed_continue(box):
    kill_recorder(box, "continue")


@case
def recorder_killed_end(box):
    kill_recorder(box, "end")


@case
def recorder_killed_but_not_reaped(box):
    kill_recorder(box, "continue", reaped=False)


# ---- Damaged traces --------------------------------------------------------------------------
PLACES = {"header": "header", "events": "events", "end": "end", "image": "image-0", "pages": "image-0.pages", "hashes": "hashes-1",
          "index": "index.sqlite"}
QUERIES = ("select count(*), max(args) from events", "select sum(bytes), max(data) from memory")


def place_in(box, trace, kind):
    """The file of that kind; of copies a random one."""
    if kind != "copy":
        return box.path(trace, PLACES[kind])
    return box.path(trace, "files", box.random.choice(sorted(os.listdir(box.path(trace, "files")))))


def spoiled_copy(box, number):
    """A copy of the trace `good`, hard links and all else left alone."""
    name = f"spoiled-{number}"
    shutil.copytree(box.path("good"), box.path(name))
    return name


def look_at(box, trace, what):
    """Asks everything about a damaged trace; each must end by itself, with an exit code of its manual page."""
    def ask(codes, *words):
        ran = box.ckpt(*words)
        ran.require(ran.status in codes, f"{what}: one of {codes} expected")
        ran.require(ran.status == 0 or ran.err, f"{what}: no word")
        if ran.status != DIVERGED:
            ran.talks()
        return ran
    ask((0, FAILED), "trace", "info", trace)
    ask((0, FAILED), "trace", "ls")
    for query in QUERIES:
        ask((0, FAILED), "trace", "query", trace, query)
    ask((0, FAILED), "trace", "query", trace, "--files")
    ask((0, FAILED), "trace", "dump", trace)
    verified = ask((0, 1, FAILED), "trace", "verify", trace)
    codes = (0, DIVERGED, INEXACT, FAILED)
    return verified, ask(codes, "replay", trace), ask(codes, "replay", "--verify", trace)


def check_damage(kind, verified, plain, thorough, out, what):
    """Damage is noticed by verify always, by replay if it reads there; never is something else shown as the program's."""
    if kind != "index":  # which can be made from the rest
        verified.require(verified.status in (1, FAILED), f"{what}: verify must find it")
    for replayed in (plain, thorough):
        if replayed.status != DIVERGED:
            replayed.require(out.startswith(replayed.out), f"{what}: the replay writes something else")
        if kind in ("header", "events", "end", "image", "pages") or kind == "hashes" and replayed is thorough:
            replayed.require(replayed.status in (INEXACT, FAILED), f"{what}: replay reads this file, so it cannot be content, nor blame the program")
            replayed.talks(lines=1)
        elif replayed.status == 0:
            replayed.require(replayed.out == out, f"{what}: the replay writes less")


def flip_bits(box, kind):
    box.print_seed()
    out = box.record_small("good")
    for number in range(6):
        trace = spoiled_copy(box, number)
        place = place_in(box, trace, kind)
        os.chmod(place, 0o600)
        with open(place, "r+b") as file:
            offset, bit = box.random.randrange(os.path.getsize(place)), box.random.randrange(8)
            file.seek(offset)
            byte = file.read(1)[0]
            file.seek(offset)
            file.write(bytes([byte ^ 1 << bit]))
        what = f"bit {bit} of byte {offset} of {os.path.relpath(place, box.folder)}"
        check_damage(kind, *look_at(box, trace, what), out, what)
        shutil.rmtree(box.path(trace))


def cut_file(box, kind):
    box.print_seed()
    out = box.record_small("good")
    for number in range(4):
        trace = spoiled_copy(box, number)
        place = place_in(box, trace, kind)
        size = box.random.randrange(os.path.getsize(place)) if number else 0
        os.chmod(place, 0o600)
        os.truncate(place, size)
        what = f"{os.path.relpath(place, box.folder)} cut to {size} bytes"
        check_damage(kind, *look_at(box, trace, what), out, what)
        shutil.rmtree(box.path(trace))


for kind_name in [*PLACES, "copy"]:
    CASES["flipped_" + kind_name] = functools.partial(flip_bits, kind=kind_name)
    CASES["cut_" + kind_name] = functools.partial(cut_file, kind=kind_name)


@case
def cut_while_recording(box):
    """Without `end` a cut log is what a killed recorder leaves: its whole chunks are a valid trace."""
    box.print_seed()
    out = box.record_small("good")
    for number in range(8):
        trace = spoiled_copy(box, number)
        os.unlink(box.path(trace, "end"))
        whole = os.path.getsize(box.path(trace, "events"))
        first = struct.unpack_from("<Q", read_file(box.path(trace, "events")), 16)[0] + 104
        size = box.random.randrange(first + 8, whole)
        os.truncate(box.path(trace, "events"), size)
        print("cut to", size)
        events = valid_prefix(box, trace, "its recorder was killed")
        replays_to_its_last_event(box, trace, events, out)


@case
def store_copy_cut(box):
    """A copy in the store that lost its end is not linked into the next trace."""
    box.record("-o", "first", "--", "/bin/true")
    for name in os.listdir(os.path.join(box.store, "files")):
        os.chmod(os.path.join(box.store, "files", name), 0o600)
        os.truncate(os.path.join(box.store, "files", name), 1000)
    box.record("-o", "second", "--", "/bin/true")
    ran = box.ckpt("trace", "verify", "second")
    ran.require(ran.status == 0, "the new trace is whole")
    ran = box.ckpt("replay", "second")
    ran.require(ran.status == 0, "the new trace replays")


# ---- Traces of another version or machine ----------------------------------------------------
def read_file(path):
    with open(path, "rb") as file:
        return file.read()


class Message:
    """A file of one message frame, taken apart as FORMAT.md says and put together with right checksums."""

    MAGIC, FIXED = b"CKPM", 56

    def __init__(self, path):
        try:
            self.zstd, self.xxhash = ctypes.CDLL("libzstd.so.1"), ctypes.CDLL("libxxhash.so.0")
        except OSError as error:
            skip(f"no library to seal a trace with: {error}")
        self.path = path
        data = read_file(path)
        if data[:4] != self.MAGIC:
            fail(f"{path}: not a message")
        self.version, self.flags = struct.unpack_from("<HH", data, 4)
        stored = struct.unpack_from("<Q", data, 16)[0]
        self.kind, _, self.needs, size = struct.unpack_from("<HHIQ", data, 40)
        self.message = ctypes.create_string_buffer(size)
        payload = data[self.FIXED:self.FIXED + stored]
        self.call(self.zstd.ZSTD_decompress, self.message, ctypes.c_size_t(size), payload, ctypes.c_size_t(stored))
        # The root's data: behind the segment table and a struct pointer, which says how far.
        root = (4 + 4 * (struct.unpack_from("<I", self.message)[0] + 1) + 7) // 8 * 8
        self.data = root + 8 + (struct.unpack_from("<I", self.message, root)[0] >> 2) * 8

    @staticmethod
    def call(function, *words):
        function.restype = ctypes.c_size_t
        return function(*words)

    def set(self, offset, kind, value):
        struct.pack_into("<" + kind, self.message, self.data + offset, value)

    # The (leaf, subleaf) row of a header's cpuid list; leaf 13 follows leaf 7 on every CPU with AVX.
    def find_cpuid(self, leaf, next_leaf):
        for at in range(0, len(self.message) - 48, 8):
            if struct.unpack_from("<II", self.message, at) == (leaf, 0) and struct.unpack_from("<II", self.message, at + 24) == (next_leaf, 0):
                return at
        return fail(f"{self.path}: no row for cpuid leaf {leaf}")

    def hash(self, data):
        self.xxhash.XXH3_64bits.restype = ctypes.c_uint64
        return self.xxhash.XXH3_64bits(data, ctypes.c_size_t(len(data)))

    def save(self):
        room = len(self.message) + 4096
        payload = ctypes.create_string_buffer(room)
        stored = self.call(self.zstd.ZSTD_compress, payload, ctypes.c_size_t(room), self.message, ctypes.c_size_t(len(self.message)), 3)
        payload = payload.raw[:stored]
        head = self.MAGIC + struct.pack("<HHIIQQQ", self.version, self.flags, self.FIXED, 0, stored, self.hash(payload), 0)
        head += struct.pack("<HHIQ", self.kind, 0, self.needs, len(self.message))
        head = head[:32] + struct.pack("<Q", self.hash(head)) + head[40:]
        with open(self.path, "wb") as file:
            file.write(head + payload + bytes(-stored % 8))


# Where the fields of a header's message are.
FORMAT_VERSION, NEEDS_READER_VERSION, ABI_VERSION, XSAVE_BYTES, ZONE_BASE, XCR0 = 0, 4, 8, 12, 16, 40
READERS = (["trace", "info"], ["trace", "verify"], ["trace", "query", "--files"], ["trace", "query", "--tables"], ["trace", "dump"], ["replay"])


def with_message(box, name, change):
    """A copy of `good` with its message file `name` changed and sealed again."""
    shutil.rmtree(box.path("other"), ignore_errors=True)
    shutil.copytree(box.path("good"), box.path("other"))
    message = Message(box.path("other", name))
    change(message)
    message.save()


@case
def newer_format(box):
    box.record_small("good")

    def by_header(message):
        message.set(FORMAT_VERSION, "I", 99)
        message.set(NEEDS_READER_VERSION, "I", 98)

    def by_frame(message):
        message.version, message.needs = 99, 98

    for change in (by_header, by_frame):
        with_message(box, "header", change)
        for words in READERS:
            box.ckpt(*words, "other").refuses(FAILED, "98", "up to format 1")
    with_message(box, "image-0", by_frame)
    box.ckpt("replay", "other").refuses(FAILED, "image-0", "98", "up to format 1")
    ran = box.ckpt("trace", "verify", "other")
    ran.refuses(1, "image-0", "98", out=None)

    def flags(message):
        message.flags = 0x8000
    with_message(box, "header", flags)
    for words in READERS:
        box.ckpt(*words, "other").refuses(FAILED, "header", "flags")


@case
def newer_writer_that_older_readers_understand(box):
    out = box.record_small("good")

    def change(message):
        message.version = 99
        message.set(FORMAT_VERSION, "I", 99)
    with_message(box, "header", change)
    for words in READERS:
        ran = box.ckpt(*words, "other")
        ran.require(ran.status == 0 and not ran.err, "it can be read")
        ran.require(words != ["replay"] or ran.out == out, "another output")


@case
def other_agent(box):
    box.record_small("good")
    with_message(box, "header", lambda message: message.set(ABI_VERSION, "I", 77))
    box.ckpt("replay", "other").refuses(FAILED, "other", "version 77", "use the ckpt that recorded it")


@case
def other_cpu(box):
    box.record_small("good")

    def vectors(message):
        message.set(XCR0, "Q", struct.unpack_from("<Q", message.message, message.data + XCR0)[0] | 1 << 61)

    def state(message):
        message.set(XSAVE_BYTES, "I", 1 << 20)

    def leaf_7_ebx(message):
        struct.pack_into("<I", message.message, message.find_cpuid(7, 13) + 12, 0xffffffff)

    for change in (vectors, state, leaf_7_ebx):
        with_message(box, "header", change)
        box.ckpt("replay", "other").refuses(FAILED, "CPU", "machine like the recording one")
        ran = box.ckpt("trace", "verify", "other")
        ran.require(ran.status == 0, "it can be read here")


@case
def other_cpu_by_later_features(box):
    """Leaf 7 ecx and edx: GFNI, VAES, WAITPKG, AMX and their like."""
    box.record_small("good")
    for register, offset in (("ecx", 16), ("edx", 20)):
        with_message(box, "header", lambda message: struct.pack_into("<I", message.message, message.find_cpuid(7, 13) + offset, 0xffffffff))
        ran = box.ckpt("replay", "other")
        ran.require(ran.status == FAILED, f"cpuid leaf 7 {register}")
        ran.refuses(FAILED, "CPU", "machine like the recording one")


def flip_sealed_bits(box, name):
    """Right checksums around any bits: no command may believe them."""
    box.print_seed()
    box.record_small("good")
    for _ in range(8):
        place = []

        def change(message):
            place.extend((box.random.randrange(len(message.message)), box.random.randrange(8)))
            message.message[place[0]] = message.message.raw[place[0]] ^ 1 << place[1]
        with_message(box, name, change)
        look_at(box, "other", f"bit {place[1]} of byte {place[0]} of the message in {name}")


for kind_name in ("header", "end", "image"):
    CASES["sealed_" + kind_name] = functools.partial(flip_sealed_bits, name=PLACES[kind_name])


@case
def zone_in_the_kernel(box):
    box.record_small("good")
    with_message(box, "header", lambda message: message.set(ZONE_BASE, "Q", 0xffff800000000000))
    look_at(box, "other", "a zone in the kernel")


# ---- Questions and options -------------------------------------------------------------------
@case
def bad_sql(box):
    box.record("-o", "good", "--", "/bin/true")
    for sql, *words in (["select * from nowhere", "no such table", "nowhere"], ["select missing from events", "no such column", "missing"],
                        ["select missing from tasks", "no such column", "missing"], ["selec 1", "syntax error"], ["select", "incomplete|syntax"],
                        ["select (", "incomplete|syntax"], ["select 'x", "unrecognized|syntax"], ["select\n\n'\n", "unrecognized"],
                        ["delete from tasks", "refused"], ["pragma journal_mode=wal", "refused"], ["attach 'x' as y", "refused"],
                        ["insert into meta values(1,2)", "refused"], ["select load_extension('x')", "refused|authorized"],
                        ["select 1; select 2", "one statement"]):
        box.ckpt("trace", "query", "good", sql).refuses(USAGE, "sql", *words, next_step="refused" not in words[0] and "one" not in words[0])
    box.ckpt("trace", "query", "good", "").refuses(USAGE)
    box.ckpt("trace", "query", "good").refuses(USAGE, "neither SQL nor a question")
    box.ckpt("trace", "query", "good", "--files", "--slow").refuses(USAGE, "one at a time")
    box.ckpt("trace", "query", "good", "--files", "select 1").refuses(USAGE, "--files")
    for range_words in ("9..2", "many", "1..x", "-1", ".."):
        ran = box.ckpt("trace", "dump", "good", "--events=" + range_words)
        if range_words != "..":
            ran.refuses(USAGE, "--events", "range")


@case
def unknown_option(box):
    for command, status in (("record", FAILED), ("replay", FAILED), ("doctor", USAGE), ("trace", USAGE)):
        for words in (["--frobnicate"], ["-Z"], ["--frob\nnicate"]):
            box.ckpt(command, *words).refuses(status, re.escape(words[0].split("\n")[0]), "--help")
            box.ckpt(*words, command=f"ckpt-{command}").refuses(status, "--help")
    for command in (["info"], ["query"], ["dump"], ["verify"], ["ls"], ["rm", "good"]):
        box.ckpt("trace", *command, "--frobnicate").refuses(USAGE, "--frobnicate", "--help")
    box.ckpt("--frobnicate").refuses(USAGE, "--frobnicate", "--help")
    for words in (["--slice-us"], ["--slice-us", "soon", "true"], ["--slice-us", "0", "true"], ["--on-full", "perhaps", "true"],
                  ["--on-recorder-death", "perhaps", "true"], ["-o"], [], ["--"]):
        box.ckpt("record", *words).refuses(FAILED, "--help")
    box.ckpt("trace", "dump", "--task", "some").refuses(USAGE, "--task", "--help")
    box.ckpt("replay", "one", "two").refuses(FAILED, "two", "--help")
    if os.path.exists(box.store):
        fail("bad usage made a store")


@case
def unknown_command(box):
    for words in (["frobnicate"], ["../ckpt-trace"], [""], ["help", "frobnicate"], ["Record"]):
        box.ckpt(*words).refuses(USAGE, re.escape(words[-1]), "ckpt --help")
    box.ckpt().refuses(USAGE, "ckpt --help")
    box.ckpt("trace").refuses(USAGE, "ckpt-trace --help")
    box.ckpt("trace", "frobnicate").refuses(USAGE, "frobnicate", "ckpt-trace --help")


def asks_about(trace):
    yield from ([*words, *trace] for words in READERS)
    yield ["trace", "query", *trace, "select 1 from events"]


@case
def no_such_trace(box):
    for trace in ("nothing-1", "/nowhere/at/all", "./nothing", "two\nlines"):
        for words in asks_about([trace]):
            box.ckpt(*words).refuses(FAILED, re.escape(trace.split("\n")[0]), "no such folder|neither a folder", "ckpt-trace ls")
        box.ckpt("trace", "rm", trace).refuses(FAILED, "ckpt-trace ls")


@case
def no_latest(box):
    def all_refuse():
        for words in asks_about([]):
            box.ckpt(*words).refuses(FAILED, "latest", re.escape(box.store), "ckpt record")
    all_refuse()  # no store
    os.mkdir(box.store)
    all_refuse()
    os.symlink("gone-1", os.path.join(box.store, "latest"))
    all_refuse()
    box.record("--", "/bin/true")
    ran = box.ckpt("replay")
    ran.require(ran.status == 0, "the next trace is the latest again")


@case
def empty_folder_as_trace(box):
    os.mkdir(box.path("empty"))
    box.write("file", b"hello")
    for place in ("empty", "file", "/"):
        for words in asks_about([place]):
            box.ckpt(*words).refuses(FAILED, place, "is not a trace", "ckpt-trace ls")
        box.ckpt("trace", "rm", place).refuses(FAILED, place, "is not a trace")
        box.ckpt("trace", "rm", "--force", place).refuses(FAILED, place, "is not a trace")
    if os.listdir(box.path("empty")) or not os.path.exists(box.path("file")):
        fail("something is lost")


@case
def broken_installation(box):
    box.record("-o", "good", "--", "/bin/true")
    ran = box.ckpt("record", "-o", "new", "--", "/bin/true", CKPT_LIB_DIR="/nonexistent")
    ran.refuses(FAILED, "libckpt-shim.so", "/nonexistent", "install ckpt again")
    ran.require(not os.path.exists(box.path("new")), "a trace folder is left")
    box.ckpt("replay", "good", CKPT_LIB_DIR="/nonexistent").refuses(FAILED, "ckpt-agent-replay.bin", "/nonexistent", "install ckpt again")
    os.mkdir(box.path("lib"))
    box.write("lib/ckpt-agent-replay.bin", bytes(8192))
    box.ckpt("replay", "good", CKPT_LIB_DIR=box.path("lib")).refuses(FAILED, "ckpt-agent-replay.bin", "install ckpt again")
    os.mkdir(box.path("bin"))
    shutil.copy(os.path.join(box.commands, "ckpt"), box.path("bin"))
    lonely = run([box.path("bin", "ckpt"), "replay"], environment=dict(box.environment, PATH="/nonexistent"))
    lonely.refuses(FAILED, "ckpt-replay", "install ckpt again")


@case
def answer_cannot_be_written(box):
    box.record_small("good")
    for words in asks_about(["good"]):
        if words[0] == "replay":
            continue
        argv = [os.path.join(box.commands, "ckpt"), *words]
        with open("/dev/full", "wb") as full:
            done = subprocess.run(argv, cwd=box.folder, env=box.environment, stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE,
                                  timeout=LIMIT_S, check=False)
        Ran(argv, done.returncode, b"", done.stderr).refuses(FAILED, "No space left", next_step=False)


NEED_MOUNTS = (read_only_file_system, full_at_start, full_while_recording, full_while_taking_the_image, full_at_the_last_write, full_store)


def main():
    if sys.argv[1:] == ["--list"]:
        print("\n".join(sorted(CASES)))
        return
    if len(sys.argv) != 3 or sys.argv[2] not in CASES:
        sys.exit(__doc__)
    if CASES[sys.argv[2]] in NEED_MOUNTS:
        into_namespace()
    box = Box(sys.argv[1])
    try:
        CASES[sys.argv[2]](box)
    finally:
        box.close()
    print("ok")


main()
