"""A bounded load on loopback: a few keep-alive clients, in processes of their own, for a fixed time."""

from __future__ import annotations

import http.client
import json
import multiprocessing
import threading
import time
from collections.abc import Callable
from typing import Any

Request = tuple[str, str, dict[str, str], Any]
"""Method, path, headers, body (JSON or None)."""
PROCESSES, THREADS = 2, 4
CLIENTS = PROCESSES * THREADS


def load(port: int, requests: Callable[[int], Callable[[], Request | None]], seconds: float) -> tuple[float, list[float]]:
    """Requests a second that were answered below 400, and their seconds each. Any other answer fails the run.

    `requests(client)` makes the function that gives that client's next request, None when it has no more.
    """
    context = multiprocessing.get_context("fork")
    queue: Any = context.Queue()
    children = [
        context.Process(target=_process, args=(queue, port, requests, range(n * THREADS, (n + 1) * THREADS), seconds))
        for n in range(PROCESSES)
    ]
    for child in children:
        child.start()
    results = [queue.get(timeout=seconds + 60) for _ in children]
    for child in children:
        child.join()
    failures = [failure for _, failed in results for failure in failed]
    assert not failures, failures[0]
    times = [value for done, _ in results for value in done]
    return len(times) / seconds, times


def _process(queue: Any, port: int, requests: Any, clients: range, seconds: float) -> None:
    times: list[float] = []
    failures: list[str] = []
    threads = [threading.Thread(target=_client, args=(port, requests(n), seconds, times, failures)) for n in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    queue.put((times, failures))


def _client(
    port: int, next_request: Callable[[], Request | None], seconds: float, times: list[float], failures: list[str]
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end and (request := next_request()) is not None:
        method, path, headers, body = request
        began = time.perf_counter()
        connection.request(
            method, path, None if body is None else json.dumps(body), {"Content-Type": "application/json", **headers}
        )
        answer = connection.getresponse()
        text = answer.read()
        times.append(time.perf_counter() - began)
        if answer.status >= 400:
            failures.append(f"{method} {path}: {answer.status} {text[:500].decode()}")
            return
    connection.close()
