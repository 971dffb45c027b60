"""Grade the assignments: answers run in a sandboxed worker process, and are judged here, by plain arrays only.

answers    what of a student's notebook is run: the asked functions and classes, and what they use
words      what is said to a student, in the language of his notebook
wire       values to bytes and back, between the two processes, without pickle
worker     the process that runs an answer; it sees nothing of this package but `wire`
sandbox    how that process is started, and behind which walls; `own_root.sh` and `landlock` are two of them
student    an answer as the checks see it
walls      which wall holds on this machine, found out by trying
checks     what is asked of an answer, by concept: one module for each assignment
lessons    what is told to a student who has lost a concept: an example, his mistake, where the book teaches it
judge      what the checks find in a notebook
repair     a notebook that nbgrader can grade, whatever has been done to its cells
collect    whose and what the files in a folder of submissions are
verdict    what is said of one file, as plain data; a command of its own, too
page       the feedback page that shows it, with `formulas`
work       what workers do: read, judge and show
engine     how many of them work side by side, on this machine or on others
record     what is written into a course, by one process
delivery   the zip of a whole class, as a folder
roster     whose a submission is: one person is one student in all assignments; `make roster`
tables     what a teacher reads afterwards, with `class_page`
exports    what Moodle and Canvas import; `make canvas`
marking    the marking scheme beside a written answer, in formgrader
dates      `make due`, `make extend`
check      `make check`: one file, and nothing is written
fresh      `make fresh-course`
grade      `make grade`: from a folder of submissions to grades.csv
release    `make assignments`: the students' notebooks
course     the course as nbgrader sees it
button     what formgrader's own button says
"""
