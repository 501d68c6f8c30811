"""What runs inside the namespaces of a lab: a server in each pod, and a client that dials."""

from __future__ import annotations

# Arguments: its address, then protocol:port of each socket. A request says how it is to be answered.
SERVER = """
import socket, struct, sys, threading, time

ip, six = sys.argv[1], ":" in sys.argv[1]
family = socket.AF_INET6 if six else socket.AF_INET

def answer(one):
    with one:
        while asked := one.recv(4096):
            words = asked.decode().split()
            if words[1] == "/reset":
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            if words[1].startswith("/wait"):
                time.sleep(float(words[1][5:]))
            if words[1] == "/silent":
                time.sleep(30)
            body = b"x" * 40
            one.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 40\\r\\n\\r\\n" + body)
            if words[1] == "/close":
                return

def tcp(port):
    server = socket.socket(family, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("::" if six else "", port))
    server.listen(500)
    while True:
        threading.Thread(target=answer, args=(server.accept()[0],), daemon=True).start()

def udp(port):
    server = socket.socket(family, socket.SOCK_DGRAM)
    server.bind(("::" if six else "", port))
    while True:
        asked, sender = server.recvfrom(4096)
        server.sendto(asked, sender)

threads = []
for word in sys.argv[2:]:
    protocol, port = word.split(":")
    threads.append(threading.Thread(target={"tcp": tcp, "udp": udp}[protocol], args=(int(port),), daemon=True))
    threads[-1].start()
for thread in threads:
    thread.join()
while not threads:
    time.sleep(60)
"""

# Input: a list of dials. Output: for each what came back, or the error.
CLIENT = """
import json, socket, struct, sys, threading, time

begin, results = time.monotonic(), {}

def dial(number, d):
    time.sleep(max(0, d["at"] - (time.monotonic() - begin)))
    family = socket.AF_INET6 if ":" in d["to"][0] else socket.AF_INET
    kind = socket.SOCK_DGRAM if d.get("protocol") == "udp" else socket.SOCK_STREAM
    one = socket.socket(family, kind)
    one.settimeout(d.get("patience", 2))
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if d.get("rude"):  # ends with a reset
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.bind(tuple(d["from"]))
        one.connect(tuple(d["to"]))
        for i in range(d.get("requests", 1)):
            time.sleep(d.get("pause", 0) if i else 0)
            one.sendall(f"GET {d.get('path', '/')} HTTP/1.1\\r\\nHost: lab\\r\\n\\r\\n".encode())
            results[number] = len(one.recv(4096))
        time.sleep(d.get("lasts", 0))
    except OSError as e:
        results[number] = str(e)
    finally:
        one.close()

dials = json.load(sys.stdin)
threads = [threading.Thread(target=dial, args=pair) for pair in enumerate(dials)]
for t in threads:
    t.start()
for t in threads:
    t.join()
json.dump([results.get(i) for i in range(len(dials))], sys.stdout)
"""
