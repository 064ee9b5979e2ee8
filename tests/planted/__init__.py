"""Pictures with planted defects; see `defects.py`."""
