"""The page's own words in several languages."""
