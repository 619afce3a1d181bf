"""How the manual is built: ``make docs``. Nothing is fetched while it is, and its pages load nothing from elsewhere."""

from __future__ import annotations

project = "churnml"
extensions = ["myst_parser"]
exclude_patterns = ["conf.py"]
myst_heading_anchors = 3
nitpicky = True
html_theme = "alabaster"
html_theme_options = {
    "description": "From raw histories to the list a retention team calls",
    "page_width": "1150px",
    "fixed_sidebar": True,
    "show_powered_by": False,
}
html_show_copyright = False
html_copy_source = False
