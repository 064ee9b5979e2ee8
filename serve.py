"""`streamlit run serve.py`: the app together with its own route for thumbnails."""

from __future__ import annotations

import streamlit

from components.thumbnails import SERVER

app = streamlit.App("app.py", routes=SERVER.routes())
