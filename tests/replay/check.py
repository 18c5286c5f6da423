#!/usr/bin/python3
"""Records a program, destroys what it read, replays it elsewhere, and compares.

usage: check.py BUILD guest NAME TAGS LIMIT
       check.py BUILD program NAME
       check.py BUILD kill program|recorder

Recording is proved in a hostile setting: the inputs and the working directory are gone, the
replay runs in another folder with another environment, and every page is compared (--verify).
CKPT_REPLAYS says how often each trace is replayed (default: 2 for a guest, 100 for one that
races, 20 for a whole program), CKPT_KILLS how often something is killed (default 40).
"""
import os
import shutil
import subprocess
import sys
import tempfile
import time

DIVERGED, INEXACT = 3, 4
REPLAYS, PROGRAM_REPLAYS, MANY = (int(os.environ.get("CKPT_REPLAYS", default)) for default in (2, 20, 100))
RACES = {"racy_counter", "malloc_addresses", "std_workload"}
LIMIT_S = 120


def fail(message, *logs):
    print("FAILED:", message)
    for log in logs:
        print(log.decode("utf-8", "replace")[-3000:])
    sys.exit(1)


class Trial:
    """One recorded program in a folder of its own."""

    def __init__(self, build):
        self.build = build
        self.folder = tempfile.mkdtemp(prefix="ckpt-replay-")
        os.chmod(self.folder, 0o755)
        self.inputs = os.path.join(self.folder, "inputs")
        self.trace = os.path.join(self.folder, "trace")
        os.mkdir(self.inputs)
        self.environment = dict(os.environ, CKPT_TRACE_DIR=os.path.join(self.folder, "store"))

    def command(self, argv):
        return [os.path.join(self.build, "ckpt"), "record", "--verify", "-v", "-o", self.trace, "--", *argv]

    def record(self, argv, stdin=None):
        return subprocess.run(self.command(argv), cwd=self.inputs, env=self.environment, stdin=stdin or subprocess.DEVNULL,
                              capture_output=True, timeout=LIMIT_S)

    def destroy_inputs(self):
        shutil.rmtree(self.inputs, ignore_errors=True)

    def replay(self):
        bare = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "TZ": "Asia/Tokyo", "CKPT_LIB_DIR": os.path.join(self.build, "lib/ckpt")}
        return subprocess.run([os.path.join(self.build, "ckpt-replay"), "--verify", self.trace], cwd="/", env=bare,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_S)

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def only_ours(lines):
    return [line for line in lines.split(b"\n") if line]


def same_output(recorded, replayed, has_children):
    if not has_children:
        return recorded == replayed
    # Children run unrecorded: what they wrote is missing from the replay, nothing else is.
    left = iter(only_ours(recorded))
    return all(any(line == candidate for candidate in left) for line in only_ours(replayed))


def check_replays(trial, recorded, has_children, may_be_inexact, expects_hashes, replays):
    for number in range(replays):
        replayed = trial.replay()
        if replayed.returncode == INEXACT and may_be_inexact:
            print("replayed up to a place that cannot be found exactly yet")
            return
        if replayed.returncode != 0:
            fail(f"replay {number} exited with {replayed.returncode}", replayed.stderr, recorded.stderr)
        if not same_output(recorded.stdout, replayed.stdout, has_children):
            fail(f"replay {number} printed something else", recorded.stdout, b"--- replayed:", replayed.stdout)
        if expects_hashes and b"no page hashes" in replayed.stderr:
            fail("memory was not verified", replayed.stderr)


def check_guest(build, name, tags, limit):
    tags = set(tags.split(",")) - {"-"}
    crash = next((tag[6:] for tag in tags if tag.startswith("crash:")), None)
    status = next((int(tag[5:]) for tag in tags if tag.startswith("exit:")), 0)
    trial = Trial(build)
    try:
        recorded = trial.record([os.path.join(build, "guests", name)])
        import signal
        expected = 0 - getattr(signal, crash).value if crash else status
        last = (recorded.stdout.rstrip(b"\n").split(b"\n") or [b""])[-1]
        if recorded.returncode != expected or last != b"ok":
            fail(f"recording exited with {recorded.returncode}, {expected} expected, last line {last!r}", recorded.stdout, recorded.stderr)
        trial.destroy_inputs()
        if limit == "record":
            print("recorded only: see limits.list")
            return
        check_replays(trial, recorded, bool(tags & {"fork", "exec"}), limit == "inexact", "exec" not in tags,
                      MANY if name in RACES else REPLAYS)
    finally:
        trial.close()


# ---- Whole programs ------------------------------------------------------------------------
def make_text(path, mebibytes):
    import random
    generator = random.Random(7)
    words = ["".join(generator.choices("etaoinshr", k=generator.randint(2, 9))) for _ in range(3000)]
    with open(path, "w", encoding="ascii") as file:
        for _ in range(mebibytes):
            file.write(" ".join(generator.choices(words, k=180_000))[: 1 << 20].ljust(1 << 20))


SQL = """create table t(id integer primary key, k int, name text); create index i on t(k);
pragma journal_mode=wal; begin;
with recursive n(x) as (select 1 union all select x + 1 from n where x < 100000)
insert into t select x, abs(random() % 1000), hex(randomblob(8)) from n; commit;
select count(*), sum(a.k), max(b.name) from t a join t b on a.k = b.id; select random(), datetime('now'), count(*) from t group by k limit 5;
"""
PYTHON = """
import random, threading, time, os, sys
order = []
def work(n):
    for i in range(200):
        order.append(n)
        if random.random() < 0.1: time.sleep(0.0001)
threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
[t.start() for t in threads]; [t.join() for t in threads]
print(hash(tuple(order)), time.time(), random.random(), os.getpid(), {'a', 'b', 'c'}, id(order), os.urandom(4).hex())
"""
PERL = 'my %h = map { $_ => rand } "a".."z"; print join(",", %h), " ", time, " $$\\n"; open(F, "<", "/proc/self/stat"); print <F>;'


def prepare_text(trial):
    make_text(os.path.join(trial.inputs, "text"), 4)


def prepare_big_text(trial):
    make_text(os.path.join(trial.inputs, "text"), 64)


def prepare_tree(trial):
    shutil.copytree("/usr/include/linux", os.path.join(trial.inputs, "tree"))


def prepare_sql(trial):
    with open(os.path.join(trial.inputs, "sql"), "w", encoding="ascii") as file:
        file.write(SQL)


PROGRAMS = {
    "true": (None, ["true"]),
    "ls": (None, ["ls", "-lR", "/usr/lib"]),
    "grep": (prepare_tree, ["grep", "-rn", "struct", "tree"]),
    "tar": (prepare_tree, ["tar", "c", "tree"]),
    "sha256sum": (prepare_text, ["sha256sum", "text", "/usr/bin/bash"]),
    "sqlite3": (prepare_sql, ["sqlite3", "db", ".read sql"]),
    "python3": (None, ["/usr/bin/python3", "-c", PYTHON]),
    "perl": (None, ["/usr/bin/perl", "-e", PERL]),
    "xz": (prepare_text, ["xz", "-T2", "-0", "-c", "text"]),
    "pigz": (prepare_text, ["pigz", "-p2", "-c", "text"]),
    "pbzip2": (prepare_big_text, ["pbzip2", "-p2", "-c", "text"]),
    "threads": (None, ["{build}/guests/std_workload"]),
}


def check_calls(build):
    """Allocation and lock calls as events: in the same order with the same arguments, and to be asked for."""
    trial = Trial(build)
    try:
        argv = trial.command([os.path.join(build, "guests", "std_workload")])
        argv.insert(argv.index("--"), "--calls")
        recorded = subprocess.run(argv, cwd=trial.inputs, env=trial.environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_S)
        if recorded.returncode != 0:
            fail(f"recording exited with {recorded.returncode}", recorded.stderr)
        trial.destroy_inputs()
        check_replays(trial, recorded, False, False, True, REPLAYS)
        asked = subprocess.run([os.path.join(build, "ckpt-trace"), "query", "--csv", trial.trace,
                                "select name, count(*), count(distinct task) from calls group by name"], capture_output=True, timeout=LIMIT_S)
        rows = {line.split(",")[0]: [int(word) for word in line.split(",")[1:]] for line in asked.stdout.decode().split()[1:]}
        for name in ("malloc", "free", "pthread_mutex_lock"):
            if rows.get(name, [0, 0])[0] < 8 or rows[name][1] < 8:
                fail(f"too few calls of {name}: {rows}", asked.stderr)
    finally:
        trial.close()


def check_plain_program(build, name):
    prepare, argv = PROGRAMS[name]
    trial = Trial(build)
    try:
        if prepare:
            prepare(trial)
        recorded = trial.record([word.replace("{build}", build) for word in argv])
        if recorded.returncode != 0:
            fail(f"recording exited with {recorded.returncode}", recorded.stderr)
        trial.destroy_inputs()
        check_replays(trial, recorded, False, False, True, PROGRAM_REPLAYS)
    finally:
        trial.close()


def wait_for(path, process):
    for _ in range(600):
        if os.path.exists(path):
            return
        if process.poll() is not None:
            fail("the server ended early", process.stderr.read())
        time.sleep(0.1)
    fail("the server did not come up")


def check_server(build, argv, socket_path, load, stop, prepare):
    trial = Trial(build)
    try:
        words = [word.replace("{inputs}", trial.inputs) for word in argv]
        if prepare:
            prepare(trial)
        out, err = (open(os.path.join(trial.folder, name), "w+b") for name in ("out", "err"))
        server = subprocess.Popen(trial.command(words), cwd=trial.inputs, env=trial.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        wait_for(os.path.join(trial.inputs, socket_path), server)
        for command in (load, stop):
            done = subprocess.run([w.replace("{inputs}", trial.inputs) for w in command], capture_output=True, timeout=LIMIT_S)
            if done.returncode != 0:
                fail("the client failed", done.stderr)
        try:
            code = server.wait(timeout=60)
        except subprocess.TimeoutExpired:
            server.kill()
            fail("the server did not stop")
        out.seek(0), err.seek(0)
        recorded = subprocess.CompletedProcess(words, code, out.read(), err.read())
        if code != 0:
            fail(f"the server exited with {code}", recorded.stderr)
        trial.destroy_inputs()
        check_replays(trial, recorded, False, False, True, PROGRAM_REPLAYS)
    finally:
        trial.close()


def prepare_mariadb(trial):
    done = subprocess.run(["mysql_install_db", "--no-defaults", "--datadir=" + os.path.join(trial.inputs, "data"), "--user=root",
                           "--auth-root-authentication-method=normal"], capture_output=True, timeout=LIMIT_S)
    if done.returncode != 0:
        fail("mysql_install_db failed", done.stdout + done.stderr)


def check_program(build, name):
    if name == "calls":
        check_calls(build)
    elif name == "redis":
        check_server(build, ["redis-server", "--port", "0", "--unixsocket", "{inputs}/sock", "--save", "", "--daemonize", "no"], "sock",
                     ["redis-benchmark", "-s", "{inputs}/sock", "-n", "5000", "-c", "50", "-q", "-t", "set,get,lpush,sadd"],
                     ["redis-cli", "-s", "{inputs}/sock", "shutdown", "nosave"], None)
    elif name == "mariadb":
        check_server(build, ["mariadbd", "--no-defaults", "--user=root", "--datadir={inputs}/data", "--socket={inputs}/sock",
                             "--skip-networking", "--innodb-buffer-pool-size=64M", "--pid-file={inputs}/pid"], "sock",
                     ["mariadb-slap", "--no-defaults", "-S", "{inputs}/sock", "-uroot", "--concurrency=8", "--iterations=1",
                      "--auto-generate-sql", "--auto-generate-sql-load-type=mixed", "--number-of-queries=400"],
                     ["mariadb-admin", "--no-defaults", "-S", "{inputs}/sock", "-uroot", "shutdown"], prepare_mariadb)
    else:
        check_plain_program(build, name)


# ---- Sudden ends ----------------------------------------------------------------------------
BUSY = """
import threading, time
def busy():
    while True:
        open("/dev/null").close()
        time.time()
[threading.Thread(target=busy).start() for _ in range(3)]
"""


def child_of(pid):
    for _ in range(200):
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            children = file.read().split()
        if children:
            return int(children[0])
        time.sleep(0.01)
    return None


def check_kill(build, victim):
    import random
    seed = int(os.environ.get("CKPT_SEED", time.time_ns() % 1_000_000))
    print("seed", seed)
    generator = random.Random(seed)
    for number in range(int(os.environ.get("CKPT_KILLS", "40"))):
        trial = Trial(build)
        try:
            argv = trial.command(["/usr/bin/python3", "-c", BUSY])
            argv.remove("--verify")
            argv[argv.index("--"):argv.index("--")] = ["--on-recorder-death", "end"]
            recorder = subprocess.Popen(argv, cwd=trial.inputs, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(0.2 + generator.random() * 0.5)
            os.kill(child_of(recorder.pid) if victim == "program" else recorder.pid, 9)
            recorder.wait(timeout=30)
            verified = subprocess.run([os.path.join(build, "ckpt-trace"), "verify", trial.trace], capture_output=True, timeout=LIMIT_S)
            if verified.returncode != 0:
                fail(f"kill {number}: the trace does not verify", verified.stdout, verified.stderr)
            replayed = trial.replay()
            if replayed.returncode not in (0, INEXACT):
                fail(f"kill {number}: replay exited with {replayed.returncode}", replayed.stderr)
        finally:
            trial.close()


def main():
    build, kind, name = sys.argv[1:4]
    if kind == "guest":
        check_guest(build, name, sys.argv[4], sys.argv[5])
    elif kind == "kill":
        check_kill(build, name)
    else:
        check_program(build, name)
    print("ok")


main()
