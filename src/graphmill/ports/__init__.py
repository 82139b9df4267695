"""The outside, as the layers above the pure ones see it. Concrete classes are chosen in `wiring`
only."""
