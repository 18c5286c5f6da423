"""The rows of the table: what is run, and the inputs it reads.

In argv a number is a count for --scale 1; {bin}, {input} and {folder} are the compiled workloads, the inputs, and
the working directory, which is a new one for each run. At scale 1 a row takes about a second on a small machine.
"""
import os
import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    name: str
    argv: list
    varies: bool = False  # what it prints differs from run to run; only a replay has to print the same
    load: list = None     # of a server: the client that is timed
    stop: list = None     # and what ends it


REDIS = ["redis-server", "--port", "0", "--unixsocket", "{folder}/socket", "--save", "", "--daemonize", "no"]
LOAD = ["redis-benchmark", "-s", "{folder}/socket", "-c", "50", "-q", "-t", "set,get,lpush,sadd", "-n", 40_000]
ROWS = [
    Row("compute", ["{bin}/compute", 35_000]),
    Row("syscalls", ["{bin}/syscalls", 700_000], varies=True),
    Row("malloc", ["{bin}/malloc", 10_000_000], varies=True),
    Row("mutex", ["{bin}/mutex", 4_000_000], varies=True),
    Row("pipeline", ["{bin}/pipeline", 300_000]),
    Row("pigz", ["pigz", "-p2", "-c", "{input}/text"]),
    Row("xz", ["xz", "-T2", "-0", "-c", "{input}/text"]),
    Row("sqlite", ["sqlite3", "db", ".read {input}/sql"]),
    Row("python", ["/usr/bin/python3", "{workloads}/script.py", "{input}/text", 150]),
    Row("redis", REDIS, varies=True, load=LOAD, stop=["redis-cli", "-s", "{folder}/socket", "shutdown", "nosave"]),
]


def make_text(path, bytes_wanted):
    generator = random.Random(11)
    words = ["".join(generator.choices("aeilnorstu", k=generator.randint(2, 10))) for _ in range(5000)]
    with open(path, "w", encoding="ascii") as file:
        while file.tell() < bytes_wanted:
            file.writelines(" ".join(generator.choices(words, k=12)) + "\n" for _ in range(1000))


def make_sql(path, count):
    generator = random.Random(12)
    with open(path, "w", encoding="ascii") as file:
        # No waiting for the disk: a neighbour's writes would be most of the time.
        file.write("pragma synchronous = off;\ncreate table t(id integer primary key, k int, name text);\n"
                   "create index by_k on t(k);\nbegin;\n")
        for n in range(count):
            file.write(f"insert into t values({n}, {generator.randrange(5000)}, '{generator.randbytes(12).hex()}');\n"
                       + ("commit;\nbegin;\n" if n % 100 == 99 else ""))
        file.write("commit;\nselect count(*), sum(k), max(name), sum(length(name)) from t;\n")


def make_inputs(folder, scale):
    make_text(os.path.join(folder, "text"), int(40 * scale * (1 << 20)))
    make_sql(os.path.join(folder, "sql"), int(150_000 * scale))
