"""Model providers behind `ports.Models`: what the operator configured, over HTTP or on the spot.

A provider speaks one protocol. Which provider serves a model of a workflow, what it costs and how
many calls it takes at a time is decided in `configured.py`, the same for all of them.
"""
