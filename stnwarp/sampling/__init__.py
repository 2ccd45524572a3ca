"""Grid generator and sampler on arrays: apart, fused, in three dimensions, and the gradients of all of them."""
