"""What the pages share: theme, text, state, job runner, caching, thumbnails.

Streamlit and Plotly live here.
"""
