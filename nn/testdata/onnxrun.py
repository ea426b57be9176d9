# Checks a network that WriteONNX wrote: python onnxrun.py MODEL.onnx VALUES.safetensors
# VALUES holds input and output; the largest difference of the output by onnxruntime is printed.
import sys
import numpy as np
import onnx
import onnxruntime
from safetensors.numpy import load_file

onnx.checker.check_model(onnx.load(sys.argv[1]), full_check=True)
values = load_file(sys.argv[2])
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
(y,) = session.run(None, {"input": values["input"]})
assert y.shape == values["output"].shape, (y.shape, values["output"].shape)
print(float(np.abs(y - values["output"]).max()))
