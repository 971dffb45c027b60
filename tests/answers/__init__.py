"""Answers to the assignments: right ones in many styles, and wrong ones with the concepts that each must lose."""


def mutant(source, fragment, replacement):
    """Return the source with one fragment replaced; ValueError unless it is there exactly once."""
    if source.count(fragment) != 1:
        raise ValueError(f"{fragment!r} is {source.count(fragment)} times in the answer, not once")
    return source.replace(fragment, replacement)
