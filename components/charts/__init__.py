"""One module a check: draws its findings. `draw(opened, findings)`, nothing else public."""
