# Writes reference.safetensors with the reference implementation: pip install safetensors==0.8.0 numpy; python reference.py
import numpy as np
from safetensors.numpy import save_file

tensors = {
    "0.weight": np.array([[0.5, -1.25, 3.0], [1e-40, -0.0, np.inf]], dtype=np.float32),
    "0.bias": np.array([1.0, -2.0], dtype=np.float32),
    "adam.v/0.weight": np.array([[1.0 / 3.0], [1e300]], dtype=np.float64),
    "labels": np.array([7, -9223372036854775808, 9223372036854775807], dtype=np.int64),
    "mask": np.array([0, 1, 255], dtype=np.uint8),
    "scalar": np.array(2.5, dtype=np.float64),
    "empty": np.zeros((0, 4), dtype=np.float32),
    "näme <&>": np.array([1.5], dtype=np.float32),
}
save_file(tensors, "reference.safetensors", metadata={"format": "pt <&> \"\n"})
