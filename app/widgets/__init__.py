"""Parts that any tab uses: panels, figures, colours, words."""
