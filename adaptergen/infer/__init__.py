"""From a live HF model to a spec that is proven and says no more than it has to."""
