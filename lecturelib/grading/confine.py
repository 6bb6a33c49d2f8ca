"""Shut the calling process in: name spaces of its own, no capability, few system calls, limits.

Linux only. The process stands already in bubblewrap's sandbox, which has no network, no files but the system's,
and no privilege; what is done here keeps submissions of one sandbox apart from each other. The numbers are those of
Linux's headers.
"""

import ctypes
import errno
import os
import platform
import resource
import struct
from collections.abc import Iterable

NEW_USER, NEW_PID, NEW_MOUNTS = 0x10000000, 0x20000000, 0x00020000
NEW_IPC, NEW_UTS, NEW_NET = 0x08000000, 0x04000000, 0x40000000
READ_ONLY, NO_SUID, NO_DEV, NO_EXEC, BIND, RECURSIVE, PRIVATE = 1, 2, 4, 8, 0x1000, 0x4000, 0x40000
DROP_FROM_BOUND, NO_NEW_PRIVILEGES, SET_SECCOMP, FILTER = 24, 38, 22, 2

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def enter_namespaces() -> None:
    """New user, process, IPC, host-name and network name spaces; the next child is number 1 in its own world."""
    uid, gid = os.getuid(), os.getgid()
    _checked(_libc.unshare(NEW_USER | NEW_PID | NEW_IPC | NEW_UTS | NEW_NET), "unshare")
    for name, line in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(line)


def private_files(size_mb: int, keep: Iterable[str] = ()) -> None:
    """Empty folders of this process's own at /tmp and /dev/shm, `size_mb` each, and nothing at /proc.

    keep: folders below /tmp that stay to be seen there, as where the course itself lies in it.
    """
    _checked(_libc.unshare(NEW_MOUNTS), "unshare")
    _mount(None, "/", None, RECURSIVE | PRIVATE)
    kept = {path: os.open(path, os.O_PATH) for path in keep if path.startswith("/tmp/") and os.path.isdir(path)}
    for folder in ("/tmp", "/dev/shm"):
        _mount("tmpfs", folder, "tmpfs", NO_SUID | NO_DEV, f"size={size_mb}m,nr_inodes=4096,mode=0700")
    for path, handle in kept.items():
        os.makedirs(path, exist_ok=True)
        _mount(f"/proc/self/fd/{handle}", path, None, BIND | RECURSIVE)
        os.close(handle)
    try:  # no user name spaces below this one; where it cannot be written, the filter of system calls forbids them
        with open("/proc/sys/user/max_user_namespaces", "w") as file:
            file.write("0")
    except OSError:
        pass
    _mount("tmpfs", "/proc", "tmpfs", READ_ONLY | NO_SUID | NO_DEV | NO_EXEC, "size=0k,nr_inodes=2")


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    words = [None if word is None else word.encode() for word in (source, target, kind, options)]
    _checked(_libc.mount(words[0], words[1], words[2], ctypes.c_ulong(flags), words[3]), f"mount {target}")


def give_up_privileges() -> None:
    """No capability now or after any exec."""
    for capability in range(64):
        if _libc.prctl(DROP_FROM_BOUND, capability, 0, 0, 0) != 0:
            break  # past the last one that this kernel knows
    header, nothing = struct.pack("Ii", 0x20080522, 0), bytes(24)  # version 3 of the structure, this process
    _checked(_libc.capset(header, nothing), "capset")
    _checked(_libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0), "no_new_privs")


def limit(*, cpu_seconds: float, data_mb: float, processes: int, files: int, file_mb: int) -> None:
    """What each process may use."""
    for what, most in (
        (resource.RLIMIT_CPU, int(cpu_seconds) + 1),
        (resource.RLIMIT_DATA, int(data_mb * 1e6)),
        (resource.RLIMIT_NPROC, processes),
        (resource.RLIMIT_NOFILE, files),
        (resource.RLIMIT_FSIZE, int(file_mb * 1e6)),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
    ):
        hard = resource.getrlimit(what)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))


def data_mb() -> float:
    """What RLIMIT_DATA counts of this process now."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024e-6 for line in file if line.startswith("VmData"))


# System calls by their number on (x86_64, aarch64): ways to other name spaces, other processes' memory, the kernel's
# insides, and memory that no limit counts.
_FORBIDDEN = {
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
    "chroot": (161, 51), "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "bpf": (321, 280), "perf_event_open": (298, 241), "keyctl": (250, 219), "add_key": (248, 217),
    "request_key": (249, 218), "io_uring_setup": (425, 425), "userfaultfd": (323, 282), "memfd_create": (319, 279),
    "memfd_secret": (447, 447), "shmget": (29, 194), "msgget": (68, 186), "semget": (64, 190), "kexec_load": (246, 104),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106), "swapon": (167, 224),
    "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264), "fanotify_init": (300, 262),
    "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431),
    "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442), "pidfd_getfd": (438, 438),
    "kcmp": (312, 272), "personality": (135, 92),
}  # fmt: skip
_MACHINES = {"x86_64": (0, 0xC000003E, 56), "aarch64": (1, 0xC00000B7, 220)}  # column, architecture, clone
_CLONE3 = 435
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000


def filter_system_calls() -> bool:
    """Refuse what no lab needs; False on a machine whose numbers are not known here."""
    if platform.machine() not in _MACHINES:
        return False
    column, architecture, clone = _MACHINES[platform.machine()]
    numbers = [pair[column] for pair in _FORBIDDEN.values()]
    spaces = NEW_USER | NEW_PID | NEW_MOUNTS | NEW_IPC | NEW_UTS | NEW_NET | 0x02000000
    tail = [
        (_EQUAL, 0, 1, _CLONE3),
        (_RETURN, 0, 0, _REFUSE | errno.ENOSYS),  # libraries then use clone, whose flags can be read
        (_EQUAL, 0, 3, clone),
        (_LOAD, 0, 0, 16),
        (_ANY_BIT, 0, 1, spaces),
        (_RETURN, 0, 0, _REFUSE | errno.EPERM),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE | errno.EPERM),  # where the forbidden ones arrive
    ]
    program = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, architecture), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, 0)]
    program.append((_AT_LEAST, len(numbers) + len(tail) - 1, 0, 0x40000000))  # x32's numbers
    for i, number in enumerate(numbers):
        program.append((_EQUAL, len(numbers) - i - 1 + len(tail) - 1, 0, number))
    code = b"".join(struct.pack("HBBI", *line) for line in program + tail)
    buffer = ctypes.create_string_buffer(code)
    structure = struct.pack("HxxxxxxP", len(program + tail), ctypes.addressof(buffer))
    _checked(_libc.prctl(SET_SECCOMP, FILTER, structure, 0, 0), "seccomp")
    return True
