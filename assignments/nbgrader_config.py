"""How nbgrader runs this course: read by `make assignments`, `make grade` and, in this folder, formgrader."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
c = get_config()  # noqa: F821

c.CourseDirectory.course_id = "batch-normalization"
c.CourseDirectory.root = str(Path(__file__).resolve().parent)

# No code of a student runs in nbgrader: workers have run it before, and what came out is written into the cells.
c.Autograde.sanitize_preprocessors = [
    "nbgrader.preprocessors.DeduplicateIds",
    "nbgrader.preprocessors.OverwriteKernelspec",
    "nbgrader.preprocessors.OverwriteCells",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.Autograde.autograde_preprocessors = [
    "grading.judge.Record",
    "nbgrader.preprocessors.LimitOutput",
    "nbgrader.preprocessors.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]

c.GenerateFeedback.exporter_class = "grading.feedback.FeedbackExporter"
