"""Follows a conversation by /sockets/session and after_seq while the test pushes EVENTS events to
it, cuts connections and restarts servers. Every event must come once and in order. BASE_URL names a
proxy in front of the server, CONVERSATION the conversation, CUTS how often connections are cut."""

import asyncio
import json
import os
import sys

try:
    import websockets
except ImportError as error:
    print(f"python3 with the package websockets: {error}; run make tools")
    sys.exit(77)

BASE = os.environ["BASE_URL"].replace("http", "ws", 1)
CONVERSATION, WANTED, CUTS = os.environ["CONVERSATION"], int(os.environ["EVENTS"]), int(os.environ["CUTS"])


async def follow():
    last, connections, replayed = -1, 0, 0
    while last < WANTED - 1:
        try:
            async with websockets.connect(f"{BASE}/sockets/session/{CONVERSATION}?after_seq={last}", max_size=None) as socket:
                through = None
                async for text in socket:
                    frame = json.loads(text)
                    if frame["type"] == "sync":
                        assert frame["from_seq"] == last + 1, (frame, last)
                        connections, through = connections + 1, frame["through_seq"]
                        continue
                    assert frame["type"] == "durable", frame
                    assert frame["seq"] == last + 1, f"seq {frame['seq']} came after {last}"
                    assert frame["event"]["n"] == frame["seq"], frame
                    last = frame["seq"]
                    replayed += through is not None and last <= through
                    if last == WANTED - 1:
                        break
        except (OSError, EOFError, asyncio.TimeoutError, websockets.exceptions.WebSocketException):
            await asyncio.sleep(0.2)  # cut, or the server is away
    assert connections > CUTS, f"{connections} connections for {CUTS} cuts"
    print(f"session socket: {last + 1} events, {replayed} of them replayed, {connections} connections, websockets {websockets.__version__}")


asyncio.run(asyncio.wait_for(follow(), 280))
