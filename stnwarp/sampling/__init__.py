"""Grid generator and sampler on arrays: separate, fused, in three dimensions, and the gradients of all of them."""
