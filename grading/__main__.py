"""python -m grading: see `grade`."""

import sys

from grading.grade import main

if __name__ == "__main__":  # not when the processes that grade import it
    sys.exit(main())
