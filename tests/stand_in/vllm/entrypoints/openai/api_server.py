"""A server with vLLM's command line and answers, but without a model: for tests of what happens around engines, not in them.

Put before the real package by PYTHONPATH. Environment: STAND_IN_LOG names a file that gets a line of JSON for each start and each call;
STAND_IN_POISON is a token id that kills the server; STAND_IN_HANG makes it never answer; STAND_IN_STALL is a file that the first call
makes, which then never ends; STAND_IN_HOLD is a file: as long as it is there, no call ends; STAND_IN_BROKEN names a file for the first
executor whose server starts: none of its servers then do; STAND_IN_ENTITIES is how many entities there are in answers that must be
JSON; STAND_IN_SLOTS how many calls it works on at a time.
"""

import argparse
import contextlib
import json
import os
import signal
import socketserver
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler

VERSION = "0.0.stand-in"
ANSWER = "Question: What is the sum of {0}?\nAnswer: The sum is {0}, and nobody knows another."
counts = {"vllm:generation_tokens_total": 0, "vllm:prompt_tokens_total": 0, "vllm:num_requests_waiting": 0}
slots = threading.Semaphore(int(os.environ.get("STAND_IN_SLOTS", "1000")))


def note(**fields: object) -> None:
    if path := os.environ.get("STAND_IN_LOG"):
        with open(path, "a") as file:
            file.write(json.dumps({"pid": os.getpid(), "at": time.time(), **fields}) + "\n")


def first(path: str) -> bool:
    try:
        open(path, "x").close()
    except FileExistsError:
        return False
    return True


def text_of(body: dict, prompt: list) -> str:
    if "response_format" in body and "STAND_IN_ENTITIES" in os.environ:
        return json.dumps({"summary": "A summary.", "entities": [f"Entity {n}" for n in range(int(os.environ["STAND_IN_ENTITIES"]))]})
    return ANSWER.format(sum(prompt))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, body: object, kind: str = "application/json") -> None:
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        if self.path == "/v1/models":
            self.answer({"data": [{"id": "model", "max_model_len": options.max_model_len}]})
        elif self.path == "/version":
            self.answer({"version": VERSION})
        elif self.path == "/metrics":
            self.answer("".join(f'{name}{{engine="0"}} {value}\n' for name, value in counts.items()), "text/plain")
        else:
            self.answer({})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompts, tokens = body["prompt"], body["max_tokens"]
        note(prompts=len(prompts), seed=body.get("seed"))
        if any(int(os.environ.get("STAND_IN_POISON", "-1")) in prompt for prompt in prompts):
            os.kill(os.getpid(), signal.SIGKILL)
        if "STAND_IN_STALL" in os.environ and first(os.environ["STAND_IN_STALL"]):
            time.sleep(600)
        counts["vllm:num_requests_waiting"] += 1
        with slots:
            counts["vllm:num_requests_waiting"] -= 1
            time.sleep(options.stand_in_seconds)
            while os.path.exists(os.environ.get("STAND_IN_HOLD", "")):
                time.sleep(0.02)
        choices = [
            {"index": index, "text": text_of(body, prompt), "token_ids": [1] * tokens, "finish_reason": "stop"}
            for index, prompt in enumerate(prompts)
        ]
        counts["vllm:generation_tokens_total"] += tokens * len(prompts)
        self.answer({"choices": choices, "usage": {"prompt_tokens": 1, "completion_tokens": tokens}})


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 128


parser = argparse.ArgumentParser()
parser.add_argument("--uds")
parser.add_argument("--max-model-len", type=int, default=4096)
parser.add_argument("--stand-in-seconds", type=float, default=float(os.environ.get("STAND_IN_SECONDS", "0.01")))
options, _ = parser.parse_known_args(["4096" if word == "auto" else word for word in sys.argv[1:]])
note(start=True, devices=os.environ.get("CUDA_VISIBLE_DEVICES"), arguments=_)
if path := os.environ.get("STAND_IN_BROKEN"):
    executor = os.path.basename(os.path.dirname(options.uds)).rpartition("-")[0]
    with contextlib.suppress(FileExistsError), open(path, "x") as file:
        file.write(executor)
    with open(path) as file:
        if file.read() == executor:
            sys.exit("RuntimeError: no memory is left")
while "STAND_IN_HANG" in os.environ:
    time.sleep(1)
Server(options.uds, Handler).serve_forever()
