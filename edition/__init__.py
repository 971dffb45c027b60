"""The Chinese edition: the same notebooks, made from the English ones and the catalogs in ``locales/``.

blocks     finds the prose in a text, block by block, and puts other words in its place
sources    the files of the book that hold prose, and the same files with other words
catalogs   one .po file for each of them: what is translated, what is open
write      the Chinese book, as a folder of sources
faults     what is wrong with a translation: its shape, its terms, its punctuation

`python -m edition --help` says what a translator types.
"""
