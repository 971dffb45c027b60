"""The search leads to the section that a reader means, forgives a typo, and works in a folder."""

import json

import pytest
from playwright.sync_api import expect
from search import read_page

# What readers type, and where one of the first three places must lead.
WORDS = {
    # one typo, or British spelling
    "varience": "glossary.html#term-Biased-variance",  # codespell:ignore
    "vairance": "glossary.html#term-Biased-variance",  # codespell:ignore
    "gradiant": "chapters/05_backward.html",  # codespell:ignore
    "normalise": "chapters/01_why.html",
    "momentun": "#momentum",
    "overfiting": "chapters/09_overfitting.html",
    # names of code
    "eval": "chapters/03_running_statistics.html#why-does-eval-collapse",
    "model.eval()": "chapters/clinic.html#why-do-i-get-nan-but-only-in-eval",
    "track_running_stats": "chapters/clinic.html#does-track-running-stats-false-fix-it",
    "running_mean": "chapters/03_running_statistics.html",
    "running_var": "chapters/museum.html#a-variance-that-begins-at-zero",
    "num_batches_tracked": "chapters/clinic.html#what-happens-if-i-forget-train-after-validation",
    "eps": "chapters/02_formula.html",
    "SyncBatchNorm": "chapters/clinic.html#with-two-gpus-whose-statistics-are-used",
    "BatchNorm2d": "chapters/",
    "load_state_dict": "chapters/06_pytorch.html#saving-and-loading",
    "torch.no_grad": "summary.html#names-in-torch",
    "keepdims": "chapters/02_formula.html#which-axis",
    # questions of the clinic
    "NaN": "chapters/clinic.html#why-do-i-get-nan-but-only-in-eval",
    "unbiased": "chapters/clinic.html#does-batchnorm-use-the-biased-or-the-unbiased-variance",
    "batchnorm after relu": "chapters/clinic.html#does-batchnorm-go-before-or-after-relu",
    "gradient accumulation": "chapters/clinic.html#is-gradient-accumulation-the-same-as-a-large-batch",
    "dropout": "chapters/clinic.html#is-it-a-problem-if-dropout-comes-before-batchnorm",
    "freeze": "chapters/clinic.html#how-do-i-freeze-batchnorm-so-that-it-stays-frozen",
    "weight decay": "chapters/clinic.html#should-and-have-weight-decay",
    "inference": "chapters/clinic.html#are-the-running-statistics-updated-under-inference-mode",
    # words of the glossary
    "momentum": "glossary.html#term-Momentum",
    "biased variance": "glossary.html#term-Biased-variance",
    "batch statistics": "glossary.html#term-Batch-statistics",
    "internal covariate shift": "glossary.html#term-Internal-covariate-shift",
    "LayerNorm": "glossary.html#term-LayerNorm-GroupNorm",
    "learning rate": "chapters/01_why.html#how-large-may-the-learning-rate-be",
    "running mean": "chapters/03_running_statistics.html#a-running-average-of-batches",
    "gamma": "chapters/04_identity.html#going-deeper-in-larger-networks",
    # formulas, exercises, sources, pages
    "(2.1)": "chapters/02_formula.html#by-hand-with-four-numbers",
    "Exercise 2": "#exercise-2-",
    "Santurkar": "bibliography.html#",
    "overfitting": "chapters/09_overfitting.html",
    "museum": "chapters/museum.html",
    # what is not there
    "Bessel": None,
    "归一化": None,
}


@pytest.fixture(scope="module")
def search(browser, book):
    """Open the search page in a folder; return a function that types words, and tells the places and what is shown."""
    tab, errors = browser.new_page(), []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.goto(f"{book.as_uri()}/search.html")

    def type_words(words):
        tab.locator("main form.bd-search input").fill(words)
        links = "items => items.map((item) => [item.querySelector('a').getAttribute('href'), item.innerText])"
        assert errors == []
        return tab.eval_on_selector_all("#search-results li", links), tab.inner_text("#search-results [role=status]")

    yield type_words
    tab.close()


@pytest.mark.parametrize("words", WORDS)
def test_words_lead_to_the_section_that_is_meant(search, words):
    hits, told = search(words)
    if WORDS[words] is None:
        assert (hits, told) == ([], "Nothing in the book has these words.")
    else:
        assert any(WORDS[words] in address for address, _ in hits[:3]), hits[:3]
    for _, shown in hits:
        assert not [
            junk for junk in ["Contents", "Colab", "Repository", "Show the", "Link to", "\\"] if junk in shown
        ], shown


def test_every_place_that_can_be_found_is_there(book):
    text = (book / "_static/search-sections.js").read_text()
    sections = json.loads(text.removeprefix("const sections = ").removesuffix(";\n"))
    addresses = [section["id"] for section in sections]
    assert len(addresses) == len(set(addresses)) > 300
    for address in addresses:
        page, _, name = address.partition("#")
        assert name == "" or f'id="{name}"' in (book / page).read_text(), address


def test_words_typed_on_another_page_are_found_and_kept_in_the_address(browser, site):
    tab = browser.new_page()
    tab.goto(f"{site}glossary.html")
    tab.keyboard.press("Control+k")
    tab.keyboard.type("variance")
    tab.keyboard.press("Enter")
    link = tab.locator("#search-results li a").first
    expect(tab.locator("#search-results mark").first).to_have_text("variance")
    tab.locator("main form.bd-search input").fill("gradient")
    assert tab.url == f"{site}search.html?q=gradient"
    link.click()
    tab.go_back()
    expect(tab.locator("main form.bd-search input")).to_have_value("gradient")
    expect(link).to_be_visible()
    tab.close()


PAGE = """<html><body><article><section id="one"><h1>1. One<a class="headerlink" href="#one">#</a></h1><p>Text
<span class="katex"><span class="katex-mathml">m \\mu</span><span class="katex-html">m<span>μ</span></span></span>.</p>
<section id="two"><span id="also"></span><h2>Two</h2><div class="cell"><div class="cell_input"><pre>run(x_y)</pre></div>
<div class="cell_output"><pre>0.5</pre><div class="book-table"><table><tr><td>0.6</td></tr></table></div></div></div>
<p>So <code>eval()</code><button>Press</button> it is.</p></section>
</section><dl><dt id="term-x">X<a class="headerlink" href="#term-x">#</a></dt><dd>It means x.</dd></dl>
</article></body></html>"""


def test_sections_and_words_are_read_without_what_is_not_text():
    title = "1. One"
    assert read_page(PAGE, "a.html") == [
        {"id": "a.html", "title": title, "page": "", "names": "", "text": "Text mμ.", "code": ""},
        {
            "id": "a.html#two",
            "title": "Two",
            "page": title,
            "names": "eval()",
            "text": "So eval() it is.",
            "code": "run x_y",
        },
        {"id": "a.html#term-x", "title": "X", "page": title, "names": "", "text": "It means x.", "code": ""},
    ]
