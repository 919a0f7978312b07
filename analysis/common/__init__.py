"""Parts for all rooms: errors, progress, limits, caches, background jobs."""
