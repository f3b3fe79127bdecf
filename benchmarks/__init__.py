"""Side by side with peers, in one run; `make bench-NAME` prints ratios and writes the figures."""
