"""Grid generator, sampler, volumes and gradients: against other algorithms, torch and onnxruntime; properties."""
