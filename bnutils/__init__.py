"""The helpers of the book on Batch Normalization.

``functional`` and ``layers`` hold batch norm in NumPy, with the names and conventions of torch; ``data`` the images;
``training`` the network of the book and its loops; ``plotting`` the look of the figures.
"""
