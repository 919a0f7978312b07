"""The services behind the tabs: questions, answers, changes of view settings, checks."""
