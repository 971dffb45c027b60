"""A JupyterHub on this machine, with an instructor and three students: all that the page "On a JupyterHub" says.

`make test-hub` starts this as the first process of its own namespaces of mounts and processes. All folders that are
written to get a layer on top that lies in memory, so that users, packages and the exchange are gone with the last
process, and the machine is as it was.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest
from conftest import ROOT

from grading.samples import write_samples

HERE = Path(__file__).resolve().parent
ENVIRONMENT = Path(sys.prefix).resolve()
INSTRUCTOR, STUDENTS = "instructor", ["ada", "ben", "cleo"]
PASSWORD = "only on this machine"
NODE = (ROOT / "page/node_modules").resolve()
FILES = {"ada": "forward.ipynb", "ben": "my forward v2.ipynb", "cleo": "forward.ipynb"}
BLOCKS = re.findall(r"^## (.+?)$|^```bash\n(.*?)^```$", (ROOT / "hub.md").read_text(), re.S | re.M)


def commands():
    """Return for each heading of the page its blocks of commands."""
    found, heading = {}, None
    for title, block in BLOCKS:
        heading = title or heading
        if block:
            found.setdefault(heading, []).append(block)
    return found


PAGE = commands()


class Hub:
    """The machine, as each of its users sees it."""

    def __init__(self, memory):
        self.memory, self.typed = memory, []
        self.course = Path(f"/home/{INSTRUCTOR}/course/assignments")
        self.exchange = Path("/usr/local/share/nbgrader/exchange/batch-normalization")
        for folder in ["/etc", "/home", "/usr/local", str(ENVIRONMENT), str(NODE)]:
            self.cover(folder)

    def cover(self, folder):
        """Let all that is written below a folder go into memory."""
        above, work = (self.memory / f"{kind}{folder.replace('/', '-')}" for kind in ("above", "work"))
        above.mkdir()
        work.mkdir()
        options = f"lowerdir={folder},upperdir={above},workdir={work}"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, folder], check=True)

    def type(self, user, text):
        """Type commands as a user; return what they print."""
        environment = {
            "HOME": os.path.expanduser(f"~{user}"),
            "PATH": f"{ENVIRONMENT}/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "LANG": "C.UTF-8",
            "OMP_NUM_THREADS": "1",
            "BOOK": f"{self.memory}/book",
        }
        start = time.monotonic()
        self.typed.append(text)
        done = subprocess.run(
            ["runuser", "-u", user, "--", "bash", "-e", "-c", text],
            env=environment,
            cwd="/",
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=600,
        )
        print(f"--- {user}, {time.monotonic() - start:.1f} s\n{text}\n{done.stdout}")
        return done

    def follow(self, user, heading):
        """Type what the page says below a heading; return what it prints."""
        printed = ""
        for block in PAGE[heading]:
            done = self.type(user, block)
            assert done.returncode == 0, done.stdout
            printed += done.stdout
        return printed

    def handed_in(self, student):
        """Return the folders of a student's submissions in the exchange."""
        return list(self.exchange.glob(f"inbound/{student}+forward+*"))


def port():
    """Return a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def wait_for(address):
    """Wait until a server answers."""
    for _ in range(240):
        try:
            urlopen(address, timeout=1).close()
            return
        except OSError:
            time.sleep(0.5)
    raise TimeoutError(address)


@pytest.fixture(scope="module")
def hub():
    """Return a running JupyterHub with its users, on which the page's first two sections have been followed."""
    if os.getpid() != 1:
        pytest.fail("this needs namespaces of its own: type `make test-hub`", pytrace=False)
    memory = Path("/mnt")
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", memory], check=True)
    memory.chmod(0o755)
    hub = Hub(memory)
    install(memory)
    open_python(memory)
    for user in [INSTRUCTOR, *STUDENTS]:
        subprocess.run(["useradd", "--create-home", "--shell", "/bin/bash", user], check=True)
    copy_book(memory / "book")
    subprocess.run(["chown", "--recursive", INSTRUCTOR, memory / "book"], check=True)
    hub.follow("root", "The administrator, once")
    clone, *others = PAGE["The instructor, once"]
    assert hub.type(INSTRUCTOR, clone).returncode == 0
    for installed, name in [(ENVIRONMENT, ".venv"), (NODE, "page/node_modules")]:  # what takes minutes is here already
        (hub.course.parent / name).symlink_to(installed)
    for made in (ENVIRONMENT / "ready", NODE / ".package-lock.json"):
        made.touch()
    for block in others:
        assert hub.type(INSTRUCTOR, block).returncode == 0
    hub.address = start(memory)
    return hub


def install(memory):
    """Install JupyterHub and its proxy."""
    versions = ["--constraint", ROOT / "binder/constraints.txt", "--requirement", HERE / "requirements.txt"]
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *versions], check=True)
    for name in ["package.json", "package-lock.json", ".npmrc"]:
        shutil.copy(HERE / name, memory)
    subprocess.run([ENVIRONMENT / "bin/npm", "ci", "--silent", "--prefix", memory], check=True, env=os.environ | path())


def path():
    """Return the variable that finds the commands of this environment first."""
    return {"PATH": f"{ENVIRONMENT}/bin:{os.environ['PATH']}"}


def open_python(memory):
    """Let all users run our Python though it lies in root's home; of that home they see nothing else."""
    prefix = Path(sys.base_prefix)
    if not prefix.is_relative_to("/root"):
        return
    (memory / "python").mkdir()
    subprocess.run(["mount", "--bind", prefix, memory / "python"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/root"], check=True)
    prefix.mkdir(parents=True)
    subprocess.run(["mount", "--bind", memory / "python", prefix], check=True)


def copy_book(folder):
    """Make a repository of the files that git keeps here, as they are now."""
    git = ["git", "-c", "safe.directory=*", "-c", "user.name=test", "-c", "user.email=test@localhost"]
    listing = subprocess.run([*git, "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listing.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "now"]):
        subprocess.run([*git, *command], cwd=folder, check=True)


def start(memory):
    """Start the hub; return its address."""
    address, api, own = (f"http://127.0.0.1:{port()}" for _ in range(3))
    node, proxy = ENVIRONMENT / "bin/node", memory / "node_modules/configurable-http-proxy/bin/configurable-http-proxy"
    settings = {
        "JupyterHub.bind_url": address,
        "JupyterHub.hub_bind_url": own,
        "JupyterHub.authenticator_class": "dummy",
        "JupyterHub.db_url": "sqlite://",
        "JupyterHub.cookie_secret_file": f"{memory}/cookie_secret",
        "DummyAuthenticator.password": PASSWORD,
        "Authenticator.allow_all": True,
        "ConfigurableHTTPProxy.api_url": api,
        "ConfigurableHTTPProxy.command": [str(node), str(proxy)],
        "ConfigurableHTTPProxy.pid_file": f"{memory}/proxy.pid",
        "LocalProcessSpawner.cmd": [sys.executable, "-m", "jupyterhub.singleuser"],
        "LocalProcessSpawner.environment": path() | {"OMP_NUM_THREADS": "1"},
    }
    lines = [f"c.{name} = {value!r}\n" for name, value in settings.items()]
    (memory / "jupyterhub_config.py").write_text("".join(lines))
    command = [sys.executable, "-m", "jupyterhub", "--config", memory / "jupyterhub_config.py"]
    with (memory / "hub.log").open("w") as log:
        subprocess.Popen(command, cwd=memory, env=os.environ | path(), stdout=log, stderr=log)
    wait_for(f"{address}/hub/login")
    return address


def log_in(browser, hub, user):
    """Open JupyterLab as a user; return the tab."""
    tab = browser.new_context().new_page()
    tab.set_default_timeout(180_000)  # JupyterLab starts in ten, or on a busy machine in ninety
    tab.goto(f"{hub.address}/hub/login")
    tab.fill("input[name=username]", user)
    tab.fill("input[name=password]", PASSWORD)
    tab.click("input[type=submit]")
    tab.wait_for_selector(".lm-MenuBar-itemLabel:text('Nbgrader')")
    return tab


def choose(tab, entry):
    """Choose an entry of the menu Nbgrader."""
    tab.click(".lm-MenuBar-itemLabel:text('Nbgrader')")
    tab.click(f".lm-Menu-itemLabel:text-is('{entry}')")


def solve(hub, user):
    """Let a student answer the assignment, each in his own way, and perhaps under a name of his own."""
    solved = hub.memory / "samples" / ("ben/forward (1).ipynb" if user == "ben" else "ada/forward.ipynb")
    text = solved.read_text()
    for start in ("1. 0.30", "So that nobody"):  # of a written answer, which now tells the pages apart
        text = text.replace(start, f"I am {user}. {start}")
    answer = hub.memory / "answer.ipynb"
    answer.write_text(text)
    assert hub.type(user, f"cd ~/forward; rm *.ipynb; cat {answer} > '{FILES[user]}'").returncode == 0


def work_in_a_terminal(hub, user):
    """Fetch, validate and submit by the page's commands, and submit once more when it is solved."""
    assert "The following cell failed" in hub.follow(user, "The students work")
    solve(hub, user)
    submit = next(line for line in PAGE["The students work"][0].splitlines() if "submit" in line)
    assert hub.type(user, f"cd\n{submit}").returncode == 0


def work_in_the_browser(hub, browser, user):
    """Do the same by the buttons of JupyterLab; return the tab."""
    tab = log_in(browser, hub, user)
    choose(tab, "Assignment List")
    tab.click("#released_assignments_list button:text('Fetch')")
    submit = tab.locator("#fetched_assignments_list button:text('Submit')")
    submit.click()
    wait_until(lambda: len(hub.handed_in(user)) == 1)
    solve(hub, user)
    tab.click("#fetched_assignments_list a.assignment-notebooks-link")
    tab.click("#fetched_assignments_list button:text('Validate')")
    tab.wait_for_selector("text=Success! Your notebook passes all the tests.")
    tab.click(".jp-Dialog button:has-text('OK')")
    submit.click()
    wait_until(lambda: len(hub.handed_in(user)) == 2)
    return tab


def wait_until(true):
    """Wait until something is true."""
    for _ in range(240):
        if true():
            return
        time.sleep(0.5)
    raise TimeoutError


@pytest.fixture(scope="module")
def taught(hub, browser):
    """Go through all sections of the page; return the hub, with the students' pages and what the menus hold."""
    write_samples(hub.memory / "samples")
    hub.follow(INSTRUCTOR, "The instructor hands out an assignment")
    for user in STUDENTS[1:]:
        work_in_a_terminal(hub, user)
    ada = work_in_the_browser(hub, browser, "ada")
    before = {student: files_of(hub.course / "submitted" / student) for student in STUDENTS}
    assert before == dict.fromkeys(STUDENTS, {})
    hub.printed = hub.follow(INSTRUCTOR, "The instructor grades")
    for user in STUDENTS[1:]:
        hub.follow(user, "The students read their feedback")
    ada.click("#submitted_assignments_list button:text('Fetch Feedback')")
    ada.wait_for_selector("#submitted_assignments_list >> text=view feedback")
    hub.menu = {"ada": menu_of(ada)}
    teacher = log_in(browser, hub, INSTRUCTOR)
    hub.menu[INSTRUCTOR] = menu_of(teacher)
    teacher.click(".lm-Menu-itemLabel:text-is('Formgrader')")
    hub.formgrader = teacher.frame_locator("iframe[src*=formgrader]").locator("h1")
    return hub


def menu_of(tab):
    """Open the menu Nbgrader; return its entries."""
    tab.click(".lm-MenuBar-itemLabel:text('Nbgrader')")
    tab.wait_for_selector(".lm-Menu-itemLabel:text-is('Assignment List')")
    return set(tab.locator(".lm-Menu-itemLabel").all_inner_texts())


def files_of(folder):
    """Return the bytes of all files below a folder, by name."""
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_each_command_of_the_page_was_typed(taught):
    assert {block for blocks in PAGE.values() for block in blocks} <= set(taught.typed)


@pytest.mark.parametrize("student", STUDENTS)
def test_a_student_finds_the_own_page_and_nothing_else(taught, student):
    (page,) = Path(f"/home/{student}/forward/feedback").rglob("*.html")
    text = page.read_text()
    assert page.stem == Path(FILES[student]).stem
    assert {who for who in STUDENTS if f"I am {who}." in text} == {student}
    assert ("the variance is divided by N - 1" in text) == (student == "ben")


@pytest.mark.parametrize("student", STUDENTS)
def test_a_student_can_read_nothing_of_others(taught, student):
    others = [taught.course.parent, taught.exchange / "inbound", taught.exchange / "feedback"]
    others += [Path(f"/home/{user}") for user in [INSTRUCTOR, *STUDENTS] if user != student]
    for folder in others:
        assert taught.type(student, f"ls '{folder}'").returncode != 0, folder
    for path in [taught.course / "grades.csv", taught.course / "gradebook.db", *taught.course.rglob("*secret.txt")]:
        assert path.is_file()
        assert taught.type(student, f"cat '{path}'").returncode != 0, path


@pytest.mark.parametrize("student", STUDENTS)
def test_what_was_handed_in_last_is_graded_and_stays_as_it_was(taught, student):
    newest = files_of(sorted(taught.handed_in(student))[-1])
    assert len(taught.handed_in(student)) == 2
    assert files_of(taught.course / "submitted" / student) == newest
    assert FILES[student] in newest
    score = {"ben": "13 of 20"}.get(student, "17 of 20")
    assert re.search(rf"^{student} +forward +{score} +grade by hand$", taught.printed, re.M)


def test_formgrader_sits_in_a_tab_of_the_instructor_and_no_student_has_it(taught):
    taught.formgrader.filter(has_text="Manage Assignments").first.wait_for()
    assert "Formgrader" in taught.menu[INSTRUCTOR]
    assert not {"Formgrader", "Course List", "Create Assignment"} & set(taught.menu["ada"])
    assert "Assignment List" in taught.menu["ada"]
