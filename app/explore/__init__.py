"""The Explore tab: layout, events, and the services behind them."""
