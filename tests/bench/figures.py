"""The figures that are no ratio: what a start costs, and single calls in a hot loop. Native and recorded alternate."""
from statistics import median

STARTS = 15
# The loops of workloads/calls.cc, which take their own time, and how long they are at scale 1.
CALLS = {"rdtsc": 3_000_000, "clock_gettime": 3_000_000, "getppid": 2_000_000}
FIGURES = {"start": "ms", **{name: "ns" for name in CALLS}}


def both(lab, argv, rounds, value):
    native, recorded = [], []
    for _ in range(rounds):
        native.append(value(lab.run(argv)))
        recorded.append(value(lab.run([lab.ckpt, "record", "--", *argv])))
    return {"native": median(native), "recorded": median(recorded)}


def start_ms(lab, rounds):
    """Starting and ending a program that does nothing."""
    lab.run([lab.ckpt, "record", "--", "true"])  # fills the store
    return both(lab, ["true"], max(STARTS, rounds), lambda process: process.seconds * 1000)


def figure(lab, name, rounds):
    if name == "start":
        return start_ms(lab, rounds)
    return both(lab, ["{bin}/calls", name, CALLS[name]], rounds, lambda process: float(process.printed))
