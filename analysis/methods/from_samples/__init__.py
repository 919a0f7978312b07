"""Methods that compare the query with sample questions of each adapter's domain."""
