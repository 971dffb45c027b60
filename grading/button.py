"""What formgrader's button *Autograde* does here: it says what to type in its place."""

from nbgrader.preprocessors import NbGraderPreprocessor


class RefuseToGrade(NbGraderPreprocessor):
    """Stand where nbgrader would execute a notebook, and refuse."""

    def preprocess(self, nb, resources):
        """Raise RuntimeError, which formgrader shows."""
        raise RuntimeError("`make grade SUBMISSIONS=...` grades this course: it runs answers behind a wall")
