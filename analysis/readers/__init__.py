"""Readers turn files on disk into a `Listing`: which images there are, and what is known of them."""
