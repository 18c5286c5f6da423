"""script.py TEXT ROUNDS: what scripts do: read, split, count, sort, write JSON and read it again."""
import collections
import json
import re
import sys

TEXT, ROUNDS = sys.argv[1], int(sys.argv[2])


def count(lines):
    words = collections.Counter(word for line in lines for word in line.split())
    pairs = collections.defaultdict(list)
    for word, number in words.items():
        pairs[word[:2]].append((number, word))
    return {start: sorted(found, reverse=True)[:5] for start, found in sorted(pairs.items())}


total = 0
for turn in range(ROUNDS):
    with open(TEXT, encoding="ascii") as file:
        lines = file.read(200_000).splitlines()
    best = json.loads(json.dumps(count(lines)))
    vowels = sum(len(re.findall("[aeiou]+", line)) for line in lines[::4])
    total = (total * 31 + vowels + sum(number for found in best.values() for number, _ in found) + turn) % (1 << 61)
print(total)
