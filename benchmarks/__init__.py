"""Comparisons with peers and with the floor, each measured in one run on one machine."""
