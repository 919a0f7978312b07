"""What every room uses: errors, progress, limits, caches, background jobs."""
