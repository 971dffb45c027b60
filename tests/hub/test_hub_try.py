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
FILES = {"ada": "forward.ipynb", "ben": "my forward v2.ipynb", "cleo": "forward.ipynb"}
LOST = {"ada": [], "ben": ["the variance is divided by N - 1"], "cleo": []}
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
        self.memory, self.steps = memory, []
        for folder in ["/etc", "/home", "/opt", "/usr/local", "/var", str(ENVIRONMENT)]:
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
            "GIT_CONFIG_COUNT": "2",  # the address of the course is this working tree
            "GIT_CONFIG_KEY_0": f"url.{self.memory}/book.insteadOf",
            "GIT_CONFIG_VALUE_0": "https://github.com/batchnorm-book/batchnorm-book",
            "GIT_CONFIG_KEY_1": "safe.directory",
            "GIT_CONFIG_VALUE_1": "*",
        }
        start = time.monotonic()
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
    course = Path(f"/home/{INSTRUCTOR}/course")
    (course / ".venv").symlink_to(ENVIRONMENT)  # what takes minutes is here already
    (ENVIRONMENT / "ready").touch()
    for block in others:
        assert hub.type(INSTRUCTOR, block).returncode == 0
    hub.course, hub.address = course / "assignments", start(memory)
    return hub


def install(memory):
    """Install JupyterHub and its proxy."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--requirement", HERE / "requirements.txt"]
    subprocess.run(pip, check=True)
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
        subprocess.Popen(command, cwd=memory, stdin=subprocess.DEVNULL, env=os.environ | path(), stdout=log, stderr=log)
    wait_for(f"{address}/hub/login")
    return address


def log_in(browser, hub, user):
    """Open JupyterLab as a user; return the tab."""
    tab = browser.new_context().new_page()
    tab.set_default_timeout(180_000)
    tab.goto(f"{hub.address}/hub/login?next=/hub/user/{user}/lab")
    tab.fill("input[name=username]", user)
    tab.fill("input[name=password]", PASSWORD)
    tab.click("input[type=submit]")
    tab.wait_for_selector(".lm-MenuBar-itemLabel:text('Nbgrader')")
    return tab


def choose(tab, entry):
    """Choose an entry of the menu Nbgrader."""
    tab.click(".lm-MenuBar-itemLabel:text('Nbgrader')")
    tab.click(f".lm-Menu-itemLabel:text-is('{entry}')")


def solve(hub, user, file):
    """Let a student answer the assignment, in a file of this name."""
    solved = hub.memory / "samples" / ("ben/forward (1).ipynb" if user == "ben" else "ada/forward.ipynb")
    text = solved.read_text().replace(r"1. 0.30", f"I am {user}. 1. 0.30").replace("So that", f"I am {user}. So that")
    (hub.memory / "answer.ipynb").write_text(text)
    done = hub.type(user, f"cd ~/forward; rm *.ipynb; cat {hub.memory}/answer.ipynb > '{file}'")
    assert done.returncode == 0, done.stdout


def work_in_a_terminal(hub, user):
    """Fetch, validate and submit by the page's commands, and submit once more when it is solved."""
    hub.follow(user, "The students work")
    solve(hub, user, FILES[user])
    submit = next(line for line in PAGE["The students work"][0].splitlines() if "submit" in line)
    time.sleep(1)  # submissions are told apart by the second
    assert hub.type(user, f"cd\n{submit}").returncode == 0


def work_in_the_browser(hub, browser):
    """Do as ada the same by the buttons of JupyterLab."""
    tab = log_in(browser, hub, "ada")
    choose(tab, "Assignment List")
    tab.click("#released_assignments_list button:text('Fetch')")
    row = tab.locator("#fetched_assignments_list .list_item", has_text="forward").first
    row.locator("button:text('Submit')").click()
    tab.wait_for_selector("#submitted_assignments_list >> text=forward")
    solve(hub, "ada", FILES["ada"])
    tab.locator("#fetched_assignments_list a", has_text="forward").first.click()
    tab.click("#fetched_assignments_list button:text('Validate')")
    tab.wait_for_selector("text=Success! Your notebook passes all the tests.", timeout=120_000)
    tab.click("button:text('OK')")
    row.locator("button:text('Submit')").click()
    time.sleep(2)
    return tab


def test_try(hub, browser):
    import traceback
    write_samples(hub.memory / "samples")
    names = globals() | {"hub": hub, "browser": browser}
    step = Path("/tmp/step.py")
    while True:
        if step.exists():
            text = step.read_text()
            step.unlink()
            try:
                exec(text, names)
            except BaseException:
                traceback.print_exc()
            print("STEP DONE", flush=True)
        time.sleep(0.3)
