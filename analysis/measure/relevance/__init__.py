"""How much a query calls for each adapter: a signal, as it is or beside the adapter's usual one."""
