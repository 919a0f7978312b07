"""The weights that methods gave, and the divergences behind them, over the items of a task."""
