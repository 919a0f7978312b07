"""Texts that readers may see in other languages."""
