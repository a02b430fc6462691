"""How the documentation is built: `make docs`, every warning an error."""

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

from bedside import __version__

project = "Bedside"
release = __version__
version = __version__
author = "The Bedside project"
language = "en"

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3
nitpicky = True
# A section may be there before its pages.
suppress_warnings = ["toc.empty_glob"]

html_theme = "furo"
html_title = f"Bedside {__version__}"
html_static_path = ["_static"]
html_copy_source = False


def setup(app: Sphinx) -> None:
    """Show diagrams as their text here; forges that know mermaid draw them."""
    app.add_lexer("mermaid", TextLexer)
