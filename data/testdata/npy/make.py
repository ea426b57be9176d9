# Makes the .npy and .npz files of this folder: python make.py (NumPy 2). Every array holds value(i, j) in row i and column j.
import numpy as np
from numpy.lib import format

def value(i, j):
    return 10 * i + j - 7

a = np.array([[value(i, j) for j in range(3)] for i in range(4)])
for kind in ["f2", "f4", "f8", "i1", "i2", "i4", "i8"]:
    for order, name in [("<", "le"), (">", "be")]:
        np.save(f"{kind}_{name}_c.npy", a.astype(order + kind))
np.save("f8_le_f.npy", np.asfortranarray(a.astype("<f8")))
np.save("i2_be_f.npy", np.asfortranarray(a.astype(">i2")))
for kind in ["u1", "u2", "u4", "u8"]:
    for order, name in [("<", "le"), (">", "be")]:
        np.save(f"{kind}_{name}_c.npy", (a + 7).astype(order + kind))
np.save("b1.npy", a > 0)
np.save("vector.npy", a[:, 0].astype("f8"))
np.save("scalar.npy", np.float64(3))
np.save("cube.npy", np.zeros((2, 2, 2)))
np.save("empty.npy", np.zeros((0, 3)))
np.save("complex.npy", a.astype("c16"))
np.save("string.npy", np.array(["a", "b"]))
np.save("object.npy", np.array([1, "a"], dtype=object), allow_pickle=True)
np.save("struct.npy", np.array([(1, 2.0)], dtype=[("x", "i4"), ("y", "f8")]))
for version in [(2, 0), (3, 0)]:
    with open(f"version{version[0]}.npy", "wb") as f:
        format.write_array(f, a.astype("f8"), version=version)
np.savez("plain.npz", f=a[:, 0].astype("f8"), g=a.astype("f4"))
np.savez_compressed("deflated.npz", f=a[:, 0].astype("f8"), g=a.astype("f4"))
