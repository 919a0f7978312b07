"""How large the adapters' changes of single modules are: `‖ΔW x‖`."""
