"""Kills a writer of an index with SIGKILL at random moments and checks after each kill that every acknowledged change is
there, and of those under way each as a whole or not at all.
What must be there is kept in FOLDER.json, so that a later run with another seed goes on with the same folder.
usage: crash.py CRASH_BENCHMARK FOLDER [--kills 500] [--seed 0] [--tasks 2]"""
import argparse, json, os, random, select, signal, struct, subprocess, sys, time

a = argparse.ArgumentParser()
a.add_argument("program"); a.add_argument("folder"); a.add_argument("--kills", type=int, default=500)
a.add_argument("--seed", type=int, default=0); a.add_argument("--tasks", type=int, default=2)
a.add_argument("--ids", type=int, default=60000)
a = a.parse_args()
rng = random.Random(a.seed)
own = a.ids // a.tasks
model, first = {}, 1
is_new = not os.path.exists(a.folder)
if not is_new:
    with open(a.folder + ".json") as file: saved = json.load(file)
    first, model = saved["first"], {int(i): change for i, change in saved["model"].items()}
acknowledged = found_in_flight = 0
began, kinds = time.time(), {}


def apply(model, change):
    number, task, what, start, count, step = change
    if what == "compact": return
    for place in {(start + i * step) % own for i in range(count)}:
        if what == "put": model[place * a.tasks + task] = number
        else: model.pop(place * a.tasks + task, None)


def ids_of(change):
    _, task, what, start, count, step = change
    return set() if what == "compact" else {((start + i * step) % own) * a.tasks + task for i in range(count)}


for kill in range(a.kills):
    writer = subprocess.Popen(
        [a.program, a.folder, "--seed", str(a.seed * 100003 + kill), "--first", str(first), "--tasks", str(a.tasks),
         "--ids", str(a.ids)], stdout=subprocess.PIPE)
    # The first one fills the index.
    end = time.time() + (12 if kill == 0 and is_new else rng.choice([0.05, 0.3, 1.0, 2.0]) * rng.random() + 0.02)
    output = b""
    while time.time() < end:
        if select.select([writer.stdout], [], [], max(0, end - time.time()))[0]:
            part = os.read(writer.stdout.fileno(), 1 << 16)
            if not part: break
            output += part
    if writer.poll() is not None: sys.exit(f"kill {kill}: the writer ended by itself ({writer.returncode})")
    os.kill(writer.pid, signal.SIGKILL)
    output += writer.stdout.read()
    writer.wait()
    open_changes = {}
    for line in output.decode().splitlines(keepends=True):
        words = line.split()
        if not line.endswith("\n"): break
        if words[0] == "begin":
            change = (int(words[2]), int(words[1]), words[3], *map(int, words[4:7]))
            open_changes[change[0]] = change
            first = max(first, change[0] + 1)
        else:
            change = open_changes.pop(int(words[1]))
            apply(model, change)
            acknowledged += 1
            kinds[change[2]] = kinds.get(change[2], 0) + 1
    dump = subprocess.run([a.program, a.folder, "--dump"], stdout=subprocess.PIPE)
    if dump.returncode: sys.exit(f"kill {kill}: the index can't be read")
    words = struct.unpack(f"<{len(dump.stdout) // 8}q", dump.stdout)
    found = dict(zip(words[::2], words[1::2]))
    # The tasks have ids of their own, so each change under way can be looked at alone.
    for change in open_changes.values():
        ids = ids_of(change)
        if change[2] == "put": there = [found.get(i) == change[0] for i in ids]
        else: there = [i not in found for i in ids if i in model]
        if there and all(there):
            apply(model, change)
            found_in_flight += 1
    if found != model:
        wrong = [i for i in set(found) | set(model) if found.get(i) != model.get(i)]
        sys.exit(f"kill {kill}: {len(wrong)} ids differ, as {[(i, found.get(i), model.get(i)) for i in wrong[:9]]}; "
                 f"under way {list(open_changes.values())}")
    if kill % 50 == 49:
        print(f"{kill + 1} kills, {acknowledged} changes acknowledged {kinds}, {found_in_flight} found that were under "
              f"way, {len(model)} vectors, {time.time() - began:.0f} s", flush=True)
with open(a.folder + ".json", "w") as file: json.dump({"first": first, "model": model}, file)
print("every acknowledged change was there after every kill")
