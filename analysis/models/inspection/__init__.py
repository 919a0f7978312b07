"""What an adapter is, before anybody trusts it: an inspection, and its report."""
