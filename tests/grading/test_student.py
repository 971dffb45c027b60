"""An answer in its worker: what passes the wall, what it may not do, and that nothing outlives it."""

import os
import re
import shlex
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from grading import sandbox, walls
from grading.student import Student, StudentError
from grading.wire import Tensor

CODE = """
import os
import numpy as np

def double(x): return 2 * x
def spoil(x): x[0] = 7.0; return x
def tensor_sum(t): return t.sum()
def pair(x): return x, None, 3, "text", True
def refuse(x): raise ValueError(f"not {x}")
def leave(): os._exit(0)
def quit(): raise SystemExit
def hang():
    while True:
        try:
            while True: pass
        except BaseException: pass
def an_object(): return object()
def wide(): return np.ones((10**6, 10**5))
def long_answer(): return np.zeros(2**25)
def forges():
    for pipe in range(3, 20):
        try:
            os.write(pipe, bytes([20, 0, 0, 0, 0, 0, 0, 0]) + b"[" * 20)
        except OSError:
            pass
    return 1
def noise():
    os.write(1, b"x" * 10_000_000)
    print("y" * 10_000_000)
    return 1
def exact(): return np.longdouble(1) + np.zeros(2, np.longdouble)
def sees(path): return os.path.exists(path)
def scratch():
    import tempfile
    with open(os.path.join(tempfile.gettempdir(), "mine"), "w") as file: return file.write("x")
def reads(path): return open(path).read()[:10]
def writes(path): open(path, "w").write("x")
def connects(port):
    import socket
    socket.create_connection(("127.0.0.1", port), 1)
def forks():
    count = 0
    try:
        while count < 1000:
            if os.fork() == 0:
                import time
                time.sleep(300)
            count += 1
    except OSError:
        return count
def detaches():
    for pipe in range(3, 20):
        try:
            os.set_inheritable(pipe, True)
        except OSError:
            pass
    if os.fork() == 0:
        try:
            os.setsid()
        except OSError:
            pass
        os.execvp("sleep", ["sleep", "300"])
    return 1
class Sub(np.ndarray):
    def __eq__(self, other): return True
def subclass(): return np.ones(2).view(Sub)
class Always:
    def __eq__(self, other): return True
    def __array__(self, *a, **k): raise TypeError("no")
def always(): return Always()

class Counter:
    def __init__(self, start): self.count = np.array([start])
    def __call__(self, x): self.count = self.count + x; return self.count
    def reset(self): self.count = np.zeros(1); return self
"""


HERE = walls.all_that_hold()


@pytest.fixture(scope="module")
def shared():
    with Student(CODE, walls.choose_any().name) as answer:
        yield answer


@pytest.fixture
def fresh():
    with Student(CODE, walls.choose_any().name) as answer:
        yield answer


@pytest.fixture(scope="module", params=HERE)
def behind(request):
    """Return an answer behind each of the walls that hold on this machine."""
    with Student(CODE, request.param) as answer:
        yield answer


def test_lines_of_ours_run_beside_the_answer_and_leave_nothing_there(shared):
    assert shared.run("two = double(np.ones(1))\nfloat(two[0]), [1, 'a']") == (2.0, (1, "a"))
    with pytest.raises(StudentError, match="NameError: name 'two' is not defined"):
        shared.run("two")
    counter = shared.make("Counter(2.0)")
    assert np.array_equal(counter(np.ones(1)), [3.0])


def test_an_error_has_the_line_of_the_answer_that_it_has_come_from():
    code = "def half(x):\n    y = x\n    return other(y) / 2\ndef other(y):\n    return y + None\n"
    with Student(code, "none") as student, pytest.raises(StudentError) as caught:
        student.call("half", np.ones(1))
    assert str(caught.value).endswith(", in your line: return y + None")
    assert "in your line" not in caught.value.message
    with Student("def half(x): raise NotImplementedError()", "none") as student, pytest.raises(StudentError) as caught:
        student.call("half", np.ones(1))
    assert str(caught.value) == "NotImplementedError"


def test_values_pass(shared):
    x = np.arange(3.0)
    assert np.array_equal(shared.call("double", x), 2 * x)
    assert np.array_equal(x, [0, 1, 2])
    got = shared.call("pair", x)
    assert np.array_equal(got[0], x)
    assert got[1:] == (None, 3, "text", True)
    assert shared.call("tensor_sum", Tensor(x)) == 3
    assert shared.call("exact").dtype == np.float64


def test_changes_of_an_argument_are_seen(shared):
    x = np.zeros(2)
    shared.call("spoil", x)
    assert np.array_equal(x, [7, 0])


def test_objects_stay_in_the_worker(shared):
    one, two = shared.new("Counter", 1.0), shared.new("Counter", 5.0)
    assert one(np.ones(1)) == 2
    assert one(np.ones(1)) == 3
    assert two.get("count") == 5
    assert one.do("reset") is None
    two.set("count", np.array([8.0]))
    assert (one.get("count"), two.get("count")) == (0, 8)


@pytest.mark.parametrize(
    ("name", "arguments", "type", "text"),
    [
        ("refuse", (3,), "ValueError", "not 3"),
        ("quit", (), "SystemExit", ""),
        ("missing", (), "NameError", "missing"),
        ("an_object", (), "NotAnArray", "object"),
        ("always", (), "TypeError", "no"),
        ("wide", (), "MemoryError", "745"),
        ("long_answer", (), "WireError", "268435456 bytes"),
    ],
)
def test_errors_are_reported(shared, name, arguments, type, text):
    with pytest.raises(StudentError) as error:
        shared.call(name, *arguments)
    assert error.value.type in type.split("|")
    assert text in str(error.value)


def test_subclasses_arrive_as_plain_arrays(shared):
    got = shared.call("subclass")
    assert type(got) is np.ndarray
    assert not (got == 3).any()


def test_prints_cost_nothing(shared):
    assert shared.call("noise") == 1


def test_the_dead_get_a_second_chance_and_the_hung_get_none(fresh):
    fresh.seconds = 0.5
    for name, type, chances in [("leave", "Died", 2), ("hang", "Timeout", 1), ("forges", "NotAnArray", 2)]:
        for _ in range(chances):
            with pytest.raises(StudentError) as error:
                fresh.call(name)
            assert error.value.type == type
        start = time.perf_counter()
        with pytest.raises(StudentError, match="not called again"):
            fresh.call(name)
        assert time.perf_counter() - start < 0.1
    assert fresh.call("double", 2.0) == 4


def test_a_function_that_calls_one_that_hangs_fails_at_once():
    code = "import time\ndef hang(): time.sleep(100)\ndef calls(): return hang()\ndef double(x): return 2 * x"
    with Student(code, walls.choose_any().name, 0.5) as student:
        with pytest.raises(StudentError, match="hang took more than 0.5 seconds"):
            student.call("hang")
        assert student.call("double", 2.0) == 4  # the worker is there again
        start = time.perf_counter()
        with pytest.raises(StudentError, match="TimeoutError: hang took more than 0.5 seconds"):
            student.call("calls")
        assert time.perf_counter() - start < 0.4


def test_what_is_imported_in_a_function_costs_no_time_of_its_call():
    with Student("def solves():\n    import torch\n    return torch.ones(1).numpy()", "none", 0.5) as student:
        assert student.call("solves") == 1


def test_a_tensor_costs_no_time_of_its_call():
    with Student(CODE, "none", 0.5) as student:
        assert student.call("tensor_sum", Tensor(np.ones(3))) == 3


def test_objects_of_a_dead_worker_say_so(fresh):
    counter = fresh.new("Counter", 1.0)
    with pytest.raises(StudentError, match="Died"):
        fresh.call("leave")
    assert fresh.call("double", 1.0) == 2
    with pytest.raises(StudentError, match="gone"):
        counter(np.ones(1))


def test_all_calls_together_have_a_limit(fresh):
    fresh.call("double", 1.0)
    fresh.left = 0.0
    with pytest.raises(StudentError, match="all calls together"):
        fresh.call("double", 1.0)


def test_a_constant_that_raises_costs_only_what_needs_it():
    code = "K = 1 / 0\nL = exit()\ndef f(): return K\ndef g(): return 2"
    with Student(code, walls.choose_any().name) as answer:
        assert answer.call("g") == 2
        with pytest.raises(StudentError, match="NameError"):
            answer.call("f")


@pytest.mark.parametrize("wall", HERE)
def test_data_may_be_loaded_as_if_by_processes_whatever_the_wall(wall):
    code = """
from torch.utils.data import DataLoader
def counts(n): return sum(len(x) for x in DataLoader(list(range(n)), 3, num_workers=2, prefetch_factor=4))
"""
    with Student(code, wall, 30.0) as answer:
        assert answer.call("counts", 7) == 7


def test_bnutils_would_be_the_answer_and_is_not_there(shared):
    with Student("from bnutils import batch_norm as f\ndef g(): import bnutils", walls.choose_any().name) as answer:
        with pytest.raises(StudentError, match="f could not be defined: bnutils is not there when you are graded"):
            answer.call("f")
        with pytest.raises(StudentError, match="bnutils"):
            answer.call("g")


@pytest.mark.parametrize("wall", HERE)
def test_no_process_and_no_folder_outlives_a_worker(wall):
    with Student(CODE, wall) as answer:
        assert answer.call("detaches") == 1
        folder, results = answer.folder, os.dup(answer.process.stdout.fileno())
        assert folder.exists()
    assert walls.is_closed(results)  # the other end was held by all that the answer had started
    assert not folder.exists()


def test_a_wall_holds_on_this_machine():
    assert HERE, walls.choose()


def test_the_course_is_out_of_reach(behind, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("x")
    source = sandbox.HERE.parent / "assignments/source/forward/forward.ipynb"
    for path in [secret, source, sandbox.HERE / "checks/forward.py", f"/proc/{os.getpid()}/environ"]:
        with pytest.raises(StudentError, match="FileNotFoundError|PermissionError"):
            behind.call("reads", str(path))
        assert behind.wall == "landlock" or behind.call("sees", str(path)) is False
    assert behind.call("sees", np.__file__) is True


def test_nothing_can_be_written_but_scratch(behind, tmp_path):
    assert behind.call("scratch") == 1
    (tmp_path / "ours").write_text("x")
    for path in [np.__file__, "/usr/mine", "/mine", tmp_path / "ours", tmp_path / "new"]:
        with pytest.raises(StudentError, match="OSError|PermissionError|FileNotFoundError"):
            behind.call("writes", str(path))


def test_there_is_no_network(behind):
    with socket.create_server(("127.0.0.1", 0)) as server:
        with pytest.raises(StudentError, match="OSError|ConnectionRefusedError|PermissionError"):
            behind.call("connects", server.getsockname()[1])


@pytest.mark.parametrize("wall", HERE)
def test_a_fork_bomb_stays_small(wall):
    ours = sandbox.count_ours(wall, sandbox.nobody())  # what of it ends meanwhile leaves its room to the bomb
    with Student(CODE, wall) as answer:
        assert answer.call("forks") < 100 + ours


def test_without_a_wall_it_is_said_that_nothing_is_kept_and_the_limits_still_hold():
    assert walls.describe(walls.choose("none")).startswith("WARNING: WALL=none")
    with Student(CODE, "none") as answer:
        assert answer.call("double", 1.0) == 2
        assert answer.call("reads", __file__) == '"""An answ'
        with pytest.raises(StudentError, match="MemoryError"):
            answer.call("wide")


def test_no_wall_that_fails_its_trial_is_taken():
    assert walls.try_wall("none").fault == "an answer could write a file of yours"


@pytest.mark.parametrize(
    ("name", "line", "fault"),
    [
        ("missing", "no-such-command", "there is no no-such-command here"),
        ("refuses", "sh -c 'echo not permitted >&2; exit 1' --", "not permitted"),
        ("spoils", "env OPENBLAS_NUM_THREADS=x PYTHONPATH={here}", "a right answer does not run"),
    ],
)
def test_a_wall_that_cannot_stand_is_passed_over_with_its_reason(monkeypatch, tmp_path, name, line, fault):
    (tmp_path / "torch.py").write_text("raise ImportError('here is no torch')")
    command = shlex.split(line.format(here=tmp_path))
    monkeypatch.setattr(walls, "WALLS", {name: lambda folder, user: (command, "/tmp"), "none": sandbox.none})
    monkeypatch.setattr(sandbox, "WALLS", walls.WALLS)
    walls.choose.cache_clear()
    try:
        with pytest.raises(walls.NoWall, match=rf"- {name}: {re.escape(fault)}[\s\S]*WALL=none"):
            walls.choose()
        assert walls.choose_any().name == "none"
    finally:
        walls.choose.cache_clear()


def test_a_wall_of_no_name_is_refused():
    with pytest.raises(ValueError, match=r"WALL must be one of \[.*'landlock'.*\], got 'fence'"):
        walls.choose("fence")


def test_a_limit_that_the_system_refuses_is_named_and_the_others_hold():
    code = """
import resource
real = resource.setrlimit
def refuse(limit, values):
    if limit == resource.RLIMIT_AS:
        raise ValueError("current limit exceeds maximum limit")
    real(limit, values)
resource.setrlimit = refuse
from grading.worker import confine
print(confine(64), resource.getrlimit(resource.RLIMIT_CPU)[0], resource.getrlimit(resource.RLIMIT_NPROC)[0])
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=sandbox.HERE.parent)
    assert run.stdout == "['RLIMIT_AS'] 120 64\n", run.stderr
    wall = walls.Wall("sandbox-exec", unlimited=("RLIMIT_AS",))
    assert walls.describe(wall).endswith("This system refuses some limits: RLIMIT_AS.")
