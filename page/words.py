"""The words that page/ adds to what the authors write, in one place for those who translate them.

Those of the scripts stand in page/static/words.js.
"""

from language import later

WORDS = {
    "checked": later("Checked when the book is built"),
    "imports": later("What this page imports"),
    "version": later("Version {0}"),
    "cite": later("How to cite"),
    "picture": {  # of a chapter: what is seen
        "01_why": later("A signal enters a row of eight layers, and a question mark stands where it comes out."),
        "02_formula": later("Four dots on a number line lead to four question marks on a second line."),
        "03_running_statistics": later(
            "Eight photos of clothes in one frame, and beside it one photo with a question mark."
        ),
        "04_identity": later("A wide bell curve becomes a narrow one, and a dashed arrow back bears a question mark."),
        "05_backward": later("A gradient arrives at one of four outputs, and question marks stand at the four inputs."),
        "06_pytorch": later("Five tiles with the names of the numbers in a layer, and a question mark at each."),
        "07_linear": later("A cloud of points with a square, and arrows to two layers with question marks."),
        "08_hypotheses": later("Sketches of drift, roughness, gradients and steps, each with a question mark below."),
        "09_overfitting": later(
            "Ten photos of clothes, three of which bear a red cross, since their labels are wrong."
        ),
        "10_practice": later("Four batches of dots, each smaller than the one before, down to a single one."),
        "clinic": later("A curve that rises during training and drops at a dashed line, where a question mark stands."),
        "museum": later("Fifteen frames on a wall with bell curves, each of which looks slightly different."),
    },
}
