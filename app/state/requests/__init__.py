"""The requests of a visitor: which of them goes on, and which a link asks for."""
