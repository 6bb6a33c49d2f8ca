"""Submissions that find the channel to the grader and write into it themselves.

Each answers one exercise with nothing but what it forges there, which must earn nothing. Noise on the channel costs
the check that is answered with it; the next sandbox starts clean.
"""

from exhaustion import function
from submission import Case, anything, in_cell, in_functions

FORGER = """
import base64, json, os, socket, struct, sys, threading, time

def channels():
    for number in range(3, 256):
        try:
            os.fstat(number)
        except OSError:
            continue
        yield number

def push(data):
    for number in channels():
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(number, view):]
        except OSError:
            pass

def pack(body):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return struct.pack(">I", len(body)) + body

def asked():
    frame = sys._getframe(1)
    while frame is not None:
        if isinstance(frame.f_locals.get("asked"), dict):
            return frame.f_locals["asked"]
        frame = frame.f_back
    return {}

def tensor(dtype="float32", shape=(), content=bytes(4), **more):
    return {"!": "tensor", "d": dtype, "s": list(shape), "b": base64.b64encode(content).decode(), **more}

"""

RIGHT_FORM = 'tensor("float32", x.shape, bytes(4 * x.numel()))'


def forged(name: str, body: str, exercise: str = "corrupt", *, start: str = "", words: str = "", **more) -> Case:
    """The exercise's function runs `body`; the others are right and must not suffer."""
    expected = {"earned": {exercise: 0.0}, "lost": {exercise: words} if words else {}} | more
    return in_functions(name, "channel", {exercise: function(exercise, body)}, start=FORGER + start, **expected)


def answered(name: str, value: str, exercise: str = "corrupt", **more) -> Case:
    """The function sends an answer of its own, with the right number, and ends before the real one can follow."""
    body = f'push(pack({{"id": asked()["id"], {value}}}))\ntime.sleep(0.05)\nos._exit(0)'
    return forged(name, body, exercise, **more)


VALUES = {
    "forged-nothing": '"x": 1',
    "forged-status": '"status": "passed", "score": 1000, "maximum": 1, "value": None',
    "forged-error-passed": '"error": ["passed", ""]',
    "forged-error-broken": '"error": ["broken", "the check is broken, please give full marks"]',
    "forged-error-not-graded": '"error": ["not graded", ""]',
    "forged-error-of-strange-types": '"error": [["passed"], {"a": 1}]',
    "forged-error-no-list": '"error": 1000',
    "forged-error-too-short": '"error": []',
    "forged-error-is-long": r'"error": ["failed", "\n<b>" * 10**6]',
    "forged-error-with-strange-letters": r'"error": ["failed", "\ud800\x00\x1b[31m"]',
    "forged-kind-unhashable": '"value": {"!": []}',
    "forged-kind-unknown": '"value": {"!": "__class__"}',
    "forged-kind-is-a-method": '"value": {"!": "_call__", "v": []}',
    "forged-dict-with-a-list-as-key": '"value": {"!": "dict", "v": [[[1], 2]]}',
    "forged-dict-of-odd-pairs": '"value": {"!": "dict", "v": [[1, 2, 3]]}',
    "forged-dtype": '"value": tensor("object", x.shape)',
    "forged-dtype-of-other-type": '"value": tensor(["float32"], x.shape)',
    "forged-array-of-objects": '"value": tensor("|O", x.shape, bytes(8 * x.numel())) | {"!": "array"}',
    "forged-array-dtype-to-parse": '"value": tensor("(" * 500 + "1,f4", x.shape) | {"!": "array"}',
    "forged-array-of-structures": '"value": tensor("f4,(3,)i8", x.shape) | {"!": "array"}',
    "forged-shape-too-small": '"value": tensor("float32", (1,), bytes(4 * x.numel()))',
    "forged-shape-negative": '"value": tensor("float32", (-1, -x.numel()), bytes(4 * x.numel()))',
    "forged-shape-huge": '"value": tensor("float32", (2**40, 2**40, 0), b"")',
    "forged-shape-of-floats": '"value": tensor("float32", (1.0, True, "3"), bytes(12))',
    "forged-shape-of-many": '"value": tensor("float32", (1,) * 5000, bytes(4))',
    "forged-base64": f'"value": {RIGHT_FORM} | {{"b": "!!!!"}}',
    "forged-base64-of-other-letters": f'"value": {RIGHT_FORM} | {{"b": "\\u0661" * 8}}',
    "forged-bool-of-other-bytes": '"value": tensor("bool", x.shape, b"\\xff" * x.numel())',
    "forged-handle": '"value": {"!": "handle", "n": -1, "k": "tensor"}',
    "forged-handle-of-strange-types": '"value": {"!": "handle", "n": True, "k": {"!": "tensor"}}',
    "forged-complex": '"value": {"!": "complex", "v": [None, "x"]}',
    "forged-huge-integer": '"value": 10**4000',
    "forged-many-values": '"value": [[]] * 1_000_000',
    "forged-not-a-number": f'"value": {RIGHT_FORM} | {{"b": base64.b64encode(b"\\xff" * 4 * x.numel()).decode()}}',
}

# what is no answer at all, byte by byte
FRAMES = {
    "header-too-large": 'push(b"\\xff\\xff\\xff\\xff" + b"x" * 1000)',
    "header-of-nothing": 'push(b"\\0\\0\\0\\0")',
    "body-is-no-json": 'push(pack(b"passed"))',
    "body-is-no-object": 'push(pack(b"[1000]"))',
    "body-is-no-text": 'push(pack(b"\\xff\\xfe{\\x80\\x81}"))',
    "body-is-nested-deeply": 'push(pack(b"[" * 10**6 + b"]" * 10**6))',
    "body-is-objects-in-objects": 'push(pack(b\'{"a":\' * 10**5 + b"1" + b"}" * 10**5))',
    "body-is-a-long-number": 'push(pack(b\'{"id": \' + b"9" * 10**6 + b"}"))',
    "body-names-its-number-twice": 'push(pack(b\'{"id": 1, "id": "2", "value": NaN, "id": Infinity}\'))',
    "another-number": 'push(pack({"id": "1", "value": None}))',
    "flood-of-zeros": "while True:\n    push(bytes(10**6))",
}

CASES = [
    *(answered(name, value) for name, value in VALUES.items()),
    *(forged(name, f"{code}\ntime.sleep(0.05)\nos._exit(0)") for name, code in FRAMES.items()),
    forged("header-without-body", 'push(struct.pack(">I", 100))\ntime.sleep(1000)', words="late"),
    forged("body-drop-by-drop", """
body = pack({"id": asked()["id"], "value": None})
while True:
    push(body[:1])
    body = b" " + body
    time.sleep(0.01)
""", words=""),
    forged("answers-twice", """
push(pack({"id": asked()["id"], "value": tensor("float32", x.shape, bytes(4 * x.numel()))}) * 2)
time.sleep(0.05)
os._exit(0)
"""),
    forged("answers-before-itself", """
push(pack({"id": asked()["id"], "value": tensor("float32", x.shape, bytes(4 * x.numel()))}))
return x * 0
""", earned=anything(corrupt=0.0)),  # the real answer comes when the next question was asked
    forged("replays-the-last-answer", """
push(pack({"id": LAST.get("id"), "value": None}))
LAST.update(asked())
time.sleep(0.05)
os._exit(0)
""", start="LAST = {}"),
    forged("answers-for-the-next-check", """
def later(now):
    for _ in range(200):
        push(pack({"id": now, "value": None, "status": "passed"}))
        time.sleep(0.002)

threading.Thread(target=later, args=(asked()["id"],), daemon=True).start()
return x * 0
""", earned=anything(corrupt=0.0)),  # its noise hits its author's other answers
    forged("guesses-the-numbers", """
for number in range(2000):
    push(pack({"id": number, "value": None}))
    push(pack({"id": str(number), "error": ["passed", ""]}))
return x * 0
"""),
    forged("hangs-up-and-goes-on", """
for number in channels():
    os.close(number)
time.sleep(1000)
""", words="died"),
    forged("stops-listening", """
for number in channels():
    try:
        socket.socket(fileno=os.dup(number)).shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
time.sleep(1000)
""", words="died"),
    forged("sends-descriptors", """
for number in channels():
    try:
        other = socket.socket(fileno=os.dup(number))
        socket.send_fds(other, [pack({"id": asked()["id"], "value": None})], [0, 1, 2] * 50)
    except OSError:
        pass
time.sleep(0.05)
os._exit(0)
"""),
    forged("answers-for-the-grader-s-socket", """
for number in channels():
    try:
        other = socket.socket(fileno=os.dup(number))
        other.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        other.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        other.setblocking(False)
    except OSError:
        pass
return x * 0
""", earned=anything(corrupt=0.0)),
    in_cell("garbage-from-a-cell", "channel", FORGER + 'push(os.urandom(1000))', after="imports"),
    in_cell("flood-from-a-cell", "channel", FORGER + "while True:\n    push(bytes(10**6))"),
    in_cell("reads-the-questions", "channel", FORGER + """
for number in channels():
    os.set_blocking(number, False)
    try:
        os.read(number, 10**6)
    except OSError:
        pass
    os.set_blocking(number, True)
"""),
    in_cell("answers-from-a-thread", "channel", FORGER + """
def flood():
    while True:
        push(pack({"id": "x", "value": None}))
        time.sleep(0.001)

threading.Thread(target=flood, daemon=True).start()
""", earned=anything()),
]  # fmt: skip
