"""`streamlit run serve.py`: the app together with its own routes for thumbnails and plotly.js."""

from __future__ import annotations

import streamlit
from streamlit.runtime.pages_manager import PagesManager

from components import plotly_js
from components.thumbnails import SERVER

# A folder named pages/ makes Streamlit take the first session of a process for an app of the old kind, until
# `st.navigation` has run: a deep link then shows "Page not found" over the right page. Say so beforehand.
PagesManager.uses_pages_directory = False

app = streamlit.App("app.py", routes=[*SERVER.routes(), *plotly_js.routes()])
