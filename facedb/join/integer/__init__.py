"""Integer products: the engine int8, the kernels it can multiply with, and the prefix that saves it products."""
