"""Names of the files of an adapter, as PEFT writes them."""

CONFIG = "adapter_config.json"
TENSORS = "adapter_model.safetensors"
