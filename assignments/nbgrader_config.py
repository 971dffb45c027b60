"""How nbgrader runs this course: read by `make assignments`, `make grade` and, in this folder, formgrader."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
c = get_config()  # noqa: F821

c.CourseDirectory.course_id = "batch-normalization"
c.CourseDirectory.root = str(Path(__file__).resolve().parent)

# No code of a student runs in nbgrader: `make grade` judges and writes the points, and this button does nothing.
c.Autograde.sanitize_preprocessors = ["grading.button.RefuseToGrade"]
c.Autograde.autograde_preprocessors = []

c.ExportPlugin.to = "nbgrader.csv"  # grades.csv is ours
