#!/usr/bin/env python3
"""Latency and throughput of the service under load, beside the same search in Python (peer.py), in turns.

usage: load.py CORPUS.jsonl QUERIES.jsonl --model FOLDER [options]      Python 3 alone

  --python PYTHON   of an environment with fastapi, uvicorn, sentence-transformers and faiss-cpu; without it, ours alone
  --clients 1,8,32  how many ask at the same time, each its next query as soon as it has the answer
  --seconds 5  --rounds 3  --count 10
Needs `swift build -c release` in the folder above. Prints the medians over the rounds.
"""
import argparse, json, os, socket, statistics, subprocess, sys, tempfile, threading, time, urllib.parse, urllib.request

parser = argparse.ArgumentParser(usage=__doc__)
parser.add_argument("corpus")
parser.add_argument("queries")
parser.add_argument("--model", required=True)
parser.add_argument("--python")
parser.add_argument("--clients", default="1,8,32")
parser.add_argument("--seconds", type=float, default=5)
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--count", type=int, default=10)
options = parser.parse_args()
here = os.path.dirname(os.path.abspath(__file__))
port = 18080


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def path(query):
    return "/search?" + urllib.parse.urlencode({"query": query, "count": options.count, "mode": "dense"})


def request(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, method=method)) as answer:
        return json.load(answer)


class Connection:
    """One kept-alive connection; little more than a socket, so that the client takes little of the machine."""

    def __init__(self):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def get(self, request):
        self.socket.sendall(request)
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self.receive()
        head = received[:end].lower()
        if not head.startswith(b"http/1.1 200"):
            raise SystemExit(f"the service answered {received!r}")
        missing = int(head.split(b"content-length:")[1].split(b"\r\n")[0]) - (len(received) - end - 4)
        while missing > 0:
            missing -= len(self.receive())

    def receive(self):
        if part := self.socket.recv(1 << 18):
            return part
        raise SystemExit("the service closed the connection")


def load(requests, clients, seconds):
    """Latencies in seconds, and answers per second."""
    latencies, until = [], time.perf_counter() + seconds

    def client(number):
        connection, place, mine = Connection(), number * 7919, []
        while (started := time.perf_counter()) < until:
            connection.get(requests[place % len(requests)])
            mine.append(time.perf_counter() - started)
            place += 1
        latencies.extend(mine)

    started = time.perf_counter()
    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(latencies), len(latencies) / (time.perf_counter() - started)


def serve(command, environment):
    process = subprocess.Popen(command, env=os.environ | environment, cwd=here, stdout=subprocess.DEVNULL)
    for _ in range(3000):
        try:
            request("GET", "/health")
            return process
        except OSError:
            if process.poll() is not None:
                raise SystemExit(f"{command[0]} ended with {process.returncode}")
            time.sleep(0.1)
    raise SystemExit(f"{command[0]} doesn't answer")


def stop(process):
    process.terminate()
    process.wait(30)


documents, queries = lines(options.corpus), [query["text"] for query in lines(options.queries)]
requests = [f"GET {path(query)} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() for query in queries]
with tempfile.TemporaryDirectory() as folder:
    service = os.path.join(here, "../.build/release/SearchService")
    index = [service, f"{folder}/index", "--port", str(port)]
    systems = {"Semblance": (index, {})}
    if options.python:
        for processes, threads in ((1, 2), (2, 1)):
            command = [options.python, "-m", "uvicorn", "peer:app", "--port", str(port), "--workers", str(processes)]
            systems[f"Python, {processes} × {threads} threads"] = (
                command + ["--log-level", "warning", "--no-access-log"],
                {
                    "PEER_CORPUS": os.path.abspath(options.corpus),
                    "PEER_MODEL": os.path.abspath(options.model),
                    "PEER_VECTORS": f"{folder}/vectors.npy",
                    "PEER_THREADS": str(threads),
                    "HF_HUB_OFFLINE": "1",
                },
            )
    # Once before: the documents are put in, and the first answers compared.
    found = {}
    for name, (command, environment) in systems.items():
        process = serve(command + (["--model", options.model] if name == "Semblance" else []), environment)
        if name == "Semblance":
            started = time.perf_counter()
            for first in range(0, len(documents), 500):
                request("PUT", "/documents", documents[first : first + 500])
            print(f"{len(documents)} documents put in {time.perf_counter() - started:.1f} s", flush=True)
        found[name] = [[hit["document"]["_id"] for hit in request("GET", path(q))["hits"]] for q in queries[:200]]
        stop(process)
    for name in systems:
        same = statistics.mean(len(set(a) & set(b)) / len(a) for a, b in zip(found["Semblance"], found[name]))
        print(f"{name}: {same:.4f} of the hits are those of Semblance", flush=True)

    measured = {}
    for _ in range(options.rounds):
        for name, (command, environment) in systems.items():
            process = serve(command, environment)
            load(requests, 2, 1)
            for clients in map(int, options.clients.split(",")):
                latencies, rate = load(requests, clients, options.seconds)
                row = [latencies[int(share * (len(latencies) - 1))] * 1000 for share in (0.5, 0.99)] + [rate]
                measured.setdefault((clients, name), []).append(row)
            stop(process)
    print(f"{'clients':>7}  {'system':28}{'p50 ms':>9}{'p99 ms':>9}{'answers/s':>11}")
    for (clients, name), rows in sorted(measured.items()):
        p50, p99, rate = (statistics.median(column) for column in zip(*rows))
        print(f"{clients:7}  {name:28}{p50:9.2f}{p99:9.2f}{rate:11.0f}")
