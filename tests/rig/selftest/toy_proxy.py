"""A stand-in for the proxy, so that the rig can be tested before and without it.

It reads whole messages with the rig's strict reader and keeps no pool. TOY_FAULT makes it wrong in
one way each, so that the tests can see that the rig notices: blind (copies client bytes to the
origin), glue (glues the bytes of the next response to this one), leak (exits with 3), deaf (answers
nothing), early (answers 200 before asking the origin).
"""
import os
import re
import signal
import socket
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", ".."))
from rig import http1  # noqa: E402

FAULT = os.environ.get("TOY_FAULT", "")
HOP = (b"connection", b"keep-alive", b"proxy-connection", b"te", b"upgrade", b"transfer-encoding")


def reply(status, body=b""):
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


def canonical(message, start):
    fields = [(n, v) for n, v in message.fields if n.lower() not in HOP + (b"content-length",)]
    if message.body or message.get("content-length"):
        fields.append((b"Content-Length", b"%d" % len(message.body)))
    return start + b"\r\n" + b"".join(n + b": " + v + b"\r\n" for n, v in fields) + b"\r\n" + message.body


def ask_origin(port, request, method):
    with socket.create_connection(("127.0.0.1", port)) as origin:
        origin.sendall(request)
        data, ended = bytearray(), False
        while True:
            found = http1.read_response(data, method, ended)
            if found and found[0].status < 200:
                del data[:found[1]]
                continue
            if found:
                if len(data) > found[1] and FAULT != "glue":
                    raise http1.Malformed("surplus")
                return found[0], bytes(data[found[1]:])
            if ended:
                raise http1.Malformed("no response")
            more = origin.recv(65536)
            ended = not more
            data += more


def answer(message, port):
    if message.target.startswith("/pkrig-alive"):
        return reply(200, b"alive"), False
    if FAULT == "early":
        return reply(200, b"ok"), False
    try:
        found, surplus = ask_origin(port, canonical(message, message.start), message.method)
    except (OSError, http1.Malformed):
        return reply(502), False
    if not found.complete:
        return found.raw, True
    return canonical(found, found.start) + surplus, False


def serve(client, port):
    data = bytearray()
    with client:
        while True:
            try:
                found = http1.read_request(data)
            except http1.Malformed:
                client.sendall(reply(400))
                client.shutdown(socket.SHUT_WR)
                while client.recv(65536):
                    pass
                return
            if found:
                del data[:found[1]]
                if FAULT == "deaf" and found[0].target != "/pkrig-alive":
                    continue
                out, last = answer(found[0], port)
                client.sendall(out)
                if last:
                    return
                continue
            more = client.recv(65536)
            if not more:
                return
            if FAULT == "blind" and b"/pkrig-alive" not in more:
                with socket.create_connection(("127.0.0.1", port)) as origin:
                    origin.sendall(more)
                    client.sendall(origin.recv(65536))
                return
            data += more


def main():
    config = open(sys.argv[sys.argv.index("--config") + 1]).read()
    port = int(re.search(r"endpoints:.*?127\.0\.0\.1:(\d+)", config, re.S)[1])
    listener = socket.create_server(("127.0.0.1", 0))
    signal.signal(signal.SIGTERM, lambda *_: os._exit(3 if FAULT == "leak" else 0))
    print(f"listening on 127.0.0.1:{listener.getsockname()[1]} (listener 'web')", file=sys.stderr)
    print("ready", file=sys.stderr, flush=True)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client, port), daemon=True).start()


main()
