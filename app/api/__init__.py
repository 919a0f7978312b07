"""What programs may ask of a page, through Gradio's API and as tools of an MCP server."""
