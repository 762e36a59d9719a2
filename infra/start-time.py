#!/usr/bin/env python3
"""Weighs Lambda functions, and times them from their start to their first question for an event, and to their first answer.
Run it by infra/size.

    infra/start-time.py NAME=BINARY NAME=BINARY… [--runs 20]

The first is what the others are compared with. Runs on loopback against an AWS of its own, for which the Python that runs this
must have tests/requirements.txt; infra/size sees to that. Runs of the binaries alternate, so that what disturbs one disturbs all.
"Computing" is the CPU that the process itself took until it was ready; the rest it was started, or waited for answers. How long
the emulated AWS takes for one is told too: it is a server in Python, and slower than what a Lambda would wait for in its region.
"""

import argparse
import io
import json
import os
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import typing
import urllib.request
import zipfile

# Binds a port of the kernel's choice on loopback, tells it, and ends with its standard input, so that it outlives nobody.
MINISTACK = """
import asyncio, os, socket, threading
threading.Thread(target=lambda: (os.read(0, 1), os._exit(0)), daemon=True).start()
listener = socket.create_server(("127.0.0.1", 0))
os.environ["GATEWAY_PORT"] = str(listener.getsockname()[1])
os.environ["MINISTACK_HOST"] = "127.0.0.1"
print(os.environ["GATEWAY_PORT"], flush=True)
os.dup2(2, 1)
from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack.app import app
config = Config()
config.bind = [f"fd://{listener.fileno()}"]
config.loglevel = "ERROR"
asyncio.run(serve(app, config))
"""

REGION = "us-east-1"
START_S_MAX = 20


def event():
    """The first event: a request that needs neither a token nor the table."""
    http = {"method": "GET", "path": "/healthz", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "infra/size"}
    context = {
        "http": http,
        "accountId": "000000000000",
        "apiId": "measured",
        "domainName": "measured.lambda-url.us-east-1.on.aws",
        "domainPrefix": "measured",
        "requestId": "first",
        "routeKey": "$default",
        "stage": "$default",
        "time": "01/Jan/2025:00:00:00 +0000",
        "timeEpoch": 1735689600000,
    }
    request = {"version": "2.0", "routeKey": "$default", "rawPath": "/healthz", "rawQueryString": "", "isBase64Encoded": False}
    body = json.dumps(request | {"headers": {"host": context["domainName"]}, "requestContext": context}).encode()
    heads = [
        "HTTP/1.1 200 OK",
        "Content-Type: application/json",
        "Lambda-Runtime-Aws-Request-Id: first",
        "Lambda-Runtime-Deadline-Ms: 4102444800000",
        "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:000000000000:function:measured",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*heads, "", ""]).encode() + body


EVENT = event()


def start_ministack(folder):
    environment = {"PATH": os.environ["PATH"], "TMPDIR": folder, "LOG_LEVEL": "ERROR"}
    with open(os.path.join(folder, "log"), "wb") as log:
        pipe = subprocess.PIPE
        aws = subprocess.Popen([sys.executable, "-c", MINISTACK], env=environment, cwd=folder, stdin=pipe, stdout=pipe, stderr=log)
    port = aws.stdout.readline().decode().strip()
    if not port:
        sys.exit(f"ministack did not start: {open(os.path.join(folder, 'log')).read()}")
    return aws, f"http://127.0.0.1:{port}"


def ask(endpoint, service, target, body):
    scope = f"Credential=test/20250101/{REGION}/{service}/aws4_request"
    headers = {"Authorization": f"AWS4-HMAC-SHA256 {scope}", "X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.0"}
    urllib.request.urlopen(urllib.request.Request(endpoint, json.dumps(body).encode(), headers), timeout=30).read()


def furnish(endpoint):
    """What every function finds when it starts."""
    keys = [("pk", "HASH"), ("sk", "RANGE")]
    ask(endpoint, "dynamodb", "DynamoDB_20120810.CreateTable", {
        "TableName": "fluxgate",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name, _ in keys],
        "KeySchema": [{"AttributeName": name, "KeyType": kind} for name, kind in keys],
    })
    for name in ("capability", "provider-key", "webhook-secret"):
        secret = {"Name": f"fluxgate/{name}", "SecretString": "0" * 48, "ClientRequestToken": f"{name:0<32}"}
        ask(endpoint, "secretsmanager", "secretsmanager.CreateSecret", secret)


def environment(endpoint, runtime_api):
    queues = {
        f"FLUXGATE_{lane}_{what}_URL": f"{endpoint}/000000000000/{lane.lower()}"
        for lane in ("WATCH", "ARCHIVE", "NOTIFY")
        for what in ("QUEUE", "DEAD_LETTER")
    }
    return queues | {
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "AWS_LAMBDA_FUNCTION_NAME": "measured",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_ENDPOINT_URL": endpoint,
        "FLUXGATE_TABLE": "fluxgate",
        "FLUXGATE_KEYS_TABLE": "fluxgate-keys",
        "FLUXGATE_LOG": "error",
        "FLUXGATE_CAPABILITY_SECRET": "fluxgate/capability",
        "FLUXGATE_PROVIDER_KEY_SECRET": "fluxgate/upstream-key",
        "FLUXGATE_WEBHOOK_SECRET": "fluxgate/webhook-secret",
        # Refuses at once: the provider's answer is not what is measured.
        "FLUXGATE_PROVIDER_URL": "http://127.0.0.1:9",
    }


class Start(typing.NamedTuple):
    """Milliseconds from the process's start."""

    ready: float
    answered: float
    # Of the time until it was ready.
    computing: float


def receive(connection, upto):
    """What comes on a connection, up to these bytes."""
    request = b""
    while upto not in request:
        piece = connection.recv(4096)
        if not piece:
            raise ConnectionError("the function hung up")
        request += piece
    return request


def started(name, binary, api, variables):
    """Starts a function, gives it one event, and ends it."""
    begun = time.perf_counter()
    function = subprocess.Popen([binary], env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        asking, _ = api.accept()
        with asking:
            asking.settimeout(START_S_MAX)
            request = receive(asking, b"\r\n\r\n")
            ready = time.perf_counter()
            computing = time.clock_gettime((~function.pid << 3) | 2)  # clock_getcpuclockid(3)
            if not request.startswith(b"GET /2018-06-01/runtime/invocation/next "):
                sys.exit(f"{name} asked for something else first: {request[:80]!r}")
            asking.sendall(EVENT)
            answered = until_answered(asking, api)
    except (TimeoutError, ConnectionError) as error:
        function.kill()
        said = function.stderr.read().decode().strip()
        sys.exit(f"{name} did not ask for an event and answer it within {START_S_MAX} s ({error}): {said}")
    finally:
        function.kill()
        function.wait()
    return Start((ready - begun) * 1000, (answered - begun) * 1000, computing * 1000)


def until_answered(asking, api):
    """When the answer had come: on the connection that asked, or on another."""
    readable, _, _ = select.select([asking, api], [], [], START_S_MAX)
    answering = api.accept()[0] if api in readable else asking
    with answering:
        answering.settimeout(START_S_MAX)
        request = receive(answering, b"\r\n")
        ended = time.perf_counter()
    if not request.startswith(b"POST /2018-06-01/runtime/invocation/first/response "):
        raise ConnectionError(f"it answered {request[:80]!r}")
    return ended


def aws_answers_ms(endpoint):
    """How long the emulated AWS takes to answer what a function asks at its start, one after the other on a connection each."""
    key = {"pk": {"S": "FLUXGATE"}, "sk": {"S": "SCHEMA"}}
    took = []
    for _ in range(30):
        begun = time.perf_counter()
        ask(endpoint, "dynamodb", "DynamoDB_20120810.GetItem", {"TableName": "fluxgate", "Key": key})
        took.append((time.perf_counter() - begun) * 1000)
    return took


class Figures(typing.NamedTuple):
    raw_mb: float
    zipped_mb: float
    ratio: float


def sizes_mb(binary):
    """As the binary is, and as Lambda is given it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.write(binary, "bootstrap")
    return os.path.getsize(binary) / 1e6, len(packed.getvalue()) / 1e6


def judge(figures, goals):
    for what, value, goal in [
        ("MB raw", figures.raw_mb, goals.raw_max_mb),
        ("MB zipped", figures.zipped_mb, goals.zipped_max_mb),
        ("times bare", figures.ratio, goals.ratio_max),
    ]:
        print(f"    goal: at most {goal:g} {what:12}{'met' if value <= goal else 'missed'}")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("binaries", nargs="+", metavar="NAME=BINARY")
    options.add_argument("--runs", type=int, default=20)
    options.add_argument("--raw-max-mb", type=float, default=8)
    options.add_argument("--zipped-max-mb", type=float, default=4)
    options.add_argument("--ratio-max", type=float, default=2)
    options = options.parse_args()
    binaries = dict(pair.split("=", 1) for pair in options.binaries)
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as api:
        api.settimeout(START_S_MAX)
        aws, endpoint = start_ministack(folder)
        try:
            furnish(endpoint)
            variables = environment(endpoint, f"127.0.0.1:{api.getsockname()[1]}")
            starts = {name: [] for name in binaries}
            # The first run of each fills the page cache, and is not counted.
            for run in range(options.runs + 1):
                for name, binary in binaries.items():
                    start = started(name, binary, api, variables)
                    starts[name] += [start] if run else []
            answers = aws_answers_ms(endpoint)
        finally:
            aws.stdin.close()
            aws.wait()
    report(starts, binaries, options)
    print(f"one answer of the emulated AWS, asked from Python: {statistics.median(answers):.1f} ms, at least {min(answers):.1f}")


def medians(starts):
    return Start(*map(statistics.median, zip(*starts)))


def report(starts, binaries, options):
    bare = medians(next(iter(starts.values())))
    timing = f"{'ready after ms':>16}{'least':>8}{'most':>8}{'ratio':>8}{'computing':>11}{'waiting':>9}{'answered':>10}"
    print(f"{'':12}{'raw MB':>9}{'zipped MB':>11}{timing}")
    for name, took in starts.items():
        median = medians(took)
        waiting = statistics.median(start.ready - start.computing for start in took)
        ready = [start.ready for start in took]
        figures = Figures(*sizes_mb(binaries[name]), median.ready / bare.ready)
        sizes = f"{figures.raw_mb:>9.1f}{figures.zipped_mb:>11.1f}"
        timing = f"{median.ready:>16.1f}{min(ready):>8.1f}{max(ready):>8.1f}{figures.ratio:>8.1f}"
        print(f"{name:12}{sizes}{timing}{median.computing:>11.1f}{waiting:>9.1f}{median.answered:>10.1f}")
        if name != next(iter(starts)):
            judge(figures, options)


if __name__ == "__main__":
    main()
