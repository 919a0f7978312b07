"""The Adapters tab: what each adapter is, and adding and removing them."""
