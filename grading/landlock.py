"""Run a command that can read the PATHs, write below SCRATCH, and do nothing else here; nothing has to be installed.

python landlock.py SCRATCH PATH... -- COMMAND...

Landlock keeps what is read and written, seccomp what is asked of the kernel beside that: sockets, signals, owners and
modes of files, new sessions and namespaces. What an answer can still see is whether a file exists, and how large it is.

Sources: https://docs.kernel.org/userspace-api/landlock.html, the manual pages seccomp_rule_add(3) and prctl(2).
"""

import ctypes
import errno
import os
import struct
import sys

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same numbers on every processor
EXECUTE, WRITE, READ, READ_FOLDER, TRUNCATE = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 14
OF_FILES = {1: 2**13 - 1, 2: 2**14 - 1, 3: 2**15 - 1, 5: 2**16 - 1}  # rights that a version of Landlock knows
DEVICES = ["/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"]
NO_NEW_PRIVILEGES = 38
ALLOW, REFUSE = 0x7FFF0000, 0x00050000  # seccomp's; REFUSE with the number of an error
REFUSED = """
    socket connect bind setsid setpgid kill tkill tgkill rt_sigqueueinfo rt_tgsigqueueinfo pidfd_open pidfd_send_signal
    pidfd_getfd ptrace process_vm_readv process_vm_writev process_madvise kcmp setpriority ioprio_set sched_setscheduler
    sched_setattr sched_setparam sched_setaffinity chmod fchmod fchmodat chown fchown lchown fchownat setxattr lsetxattr
    fsetxattr removexattr lremovexattr fremovexattr utime utimes utimensat futimesat truncate truncate64
    name_to_handle_at open_by_handle_at mount umount2 pivot_root chroot unshare setns move_mount fsopen open_tree
    mount_setattr swapon swapoff quotactl acct keyctl add_key request_key bpf perf_event_open userfaultfd io_uring_setup
    init_module finit_module kexec_load shmget shmat shmctl msgget msgsnd msgrcv msgctl semget semop semctl semtimedop
    mq_open mq_unlink fanotify_init inotify_init inotify_init1
""".split()
NEWER = range(451, 600)  # calls that came after this list

libc = ctypes.CDLL(None, use_errno=True)


def call(number, *arguments):
    """Call the kernel; return its answer, or raise the OSError that it gives."""
    result = libc.syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def keep_files(scratch, readable):
    """Forbid to read but these paths, to write but below ``scratch``, TCP and signals where Landlock knows them."""
    version = call(CREATE_RULESET, None, 0, 1)
    every = OF_FILES[max(known for known in OF_FILES if known <= version)]
    rules = struct.pack("QQQ", every, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    rules = rules[: 8 if version < 4 else 16 if version < 6 else 24]
    ruleset = call(CREATE_RULESET, rules, len(rules), 0)

    def allow(path, rights):
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        rights &= every if os.path.isdir(path) else every & (EXECUTE | WRITE | READ | TRUNCATE)
        call(ADD_RULE, ruleset, 1, struct.pack("=Qi", rights, place), 0)
        os.close(place)

    for path in readable:
        allow(path, READ | EXECUTE | READ_FOLDER)
    for path in DEVICES:
        allow(path, READ | WRITE | TRUNCATE)
    allow(scratch, every)
    call(RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def keep_calls():
    """Forbid calls of the kernel that files are not; raise OSError where there is no libseccomp."""
    lib = ctypes.CDLL("libseccomp.so.2")
    lib.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(lib.seccomp_init(ctypes.c_uint32(ALLOW)))
    numbers = [lib.seccomp_syscall_resolve_name(name.encode()) for name in REFUSED]
    refused = [(REFUSE | errno.EPERM, number) for number in numbers if number >= 0]  # others are no calls here
    refused += [(REFUSE | errno.ENOSYS, number) for number in NEWER if number not in numbers]
    for action, number in refused:
        if lib.seccomp_rule_add(context, ctypes.c_uint32(action), number, 0):
            raise OSError(f"seccomp takes no rule for call {number}")
    limits = lib.seccomp_syscall_resolve_name(b"prlimit64")  # of other processes, which are named by a number
    other = (Comparison * 1)(Comparison(0, NOT_EQUAL, 0, 0))
    if lib.seccomp_rule_add_array(context, ctypes.c_uint32(REFUSE | errno.EPERM), limits, 1, other):
        raise OSError("seccomp takes no rule for prlimit64")
    if lib.seccomp_load(context):
        raise OSError("seccomp is not to be had")


NOT_EQUAL = 1  # of libseccomp's comparisons


class Comparison(ctypes.Structure):
    """What libseccomp compares: the number of an argument, how, with what."""

    _fields_ = [
        ("argument", ctypes.c_uint),
        ("how", ctypes.c_int),
        ("a", ctypes.c_uint64),
        ("b", ctypes.c_uint64),
    ]


if __name__ == "__main__":
    end = sys.argv.index("--")
    scratch, *readable = sys.argv[1:end]
    libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    keep_files(scratch, readable)
    keep_calls()
    os.chdir(scratch)
    os.execv(sys.argv[end + 1], sys.argv[end + 1 :])
