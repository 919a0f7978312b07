"""Fits what methods learn: reads the data, learns, and writes the fitted file."""
