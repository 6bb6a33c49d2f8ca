"""What the sandbox is tried with before every grading: each attempt raises when a wall is missing."""

ATTEMPTS = (
    ("it shows files of this machine", """
import os
for path in SECRETS + ["/root/.ssh", "/home", "/etc/shadow", "/etc/passwd", "/var", "/mnt", "/srv", "/opt"]:
    assert not os.path.lexists(path) or not os.listdir(path), path
"""),
    ("it shows other processes", """
assert os.getpid() <= 10 and not os.listdir("/proc"), os.listdir("/proc")
"""),
    ("files of the system can be changed", """
import sys, torch, lecturelib
for folder in ("/", "/usr", "/etc", "/dev", sys.prefix, os.path.dirname(torch.__file__), lecturelib.__path__[0]):
    try:
        open(os.path.join(folder, "written"), "w")
    except OSError:
        continue
    raise AssertionError(folder)
"""),
    ("there is a network", """
import socket
for address in (("127.0.0.1", 9), ("192.0.2.1", 80)):
    with socket.socket() as s:
        s.settimeout(2)
        assert s.connect_ex(address) != 0, address
assert [name for _, name in socket.if_nameindex()] in ([], ["lo"])
"""),
    ("it runs as root or with capabilities", """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
assert os.getuid() != 0 and os.geteuid() != 0
held = ctypes.create_string_buffer(24)
assert libc.capget(__import__("struct").pack("Ii", 0x20080522, 0), held) == 0 and held.raw == bytes(24), held.raw
"""),
    ("it can make name spaces of its own", """
assert libc.unshare(0x10000000) != 0
"""),
    ("memory has no limit", """
try:
    kept = [bytearray(2**27) for _ in range(2**10)]
except MemoryError:
    kept = None
else:
    raise AssertionError("128 GB")
"""),
    ("processes have no limit", """
children = []
try:
    for _ in range(5000):
        child = os.fork()
        if child == 0:
            os._exit(0)
        children.append(child)
except OSError:
    pass
else:
    raise AssertionError("5000")
finally:
    for child in children:
        os.waitpid(child, 0)
"""),
)  # fmt: skip
