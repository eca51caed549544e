"""Tensor blocks: encoders, heads, losses, momentum copies and queues, input scaling, devices."""
