"""The Profile tab: which adapter leads in which layers, over many queries."""
