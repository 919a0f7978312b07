"""The services behind the tab: questions, answers, changes of view settings, checks."""
