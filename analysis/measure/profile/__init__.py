"""The profile of many queries: mean weights with their spread, layer by layer and in bands."""
