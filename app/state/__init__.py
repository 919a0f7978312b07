"""What a visitor's page holds, as values: settings, runs, snapshots, links, examples."""
