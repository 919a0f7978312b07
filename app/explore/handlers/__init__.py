"""The listeners of the Explore tab: each calls one service and returns the page's changes."""
