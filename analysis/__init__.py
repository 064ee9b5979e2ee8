"""Measure what the guide says about image training data. Pure Python: no Streamlit, no Plotly."""

__version__ = "0.1.0"
