"""An adapter's files as data: everything is checked before a tensor is read.

The tensors decide, and the configuration explains. PEFT's own loading is not used: it runs the
regular expressions of a configuration without a limit. Tests compare the results with PEFT's.
"""
