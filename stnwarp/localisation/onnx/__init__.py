"""Models in onnxruntime: those that come with the package in this process, all others in a process of their own."""
