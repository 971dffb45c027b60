"""Accidents while a class is graded: `make test-accidents`."""
