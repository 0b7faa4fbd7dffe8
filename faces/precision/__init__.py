"""Models in bf16 and int8: quantization, and the check that decides whether they may be used."""
