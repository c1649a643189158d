"""Image classifiers trained on what a run found clean: made, trained, kept, asked (DeFT phase 2)."""
