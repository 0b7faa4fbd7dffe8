"""Enrolling a source on the machines of a Ray cluster: a driver hands out parts, workers read, embed and write them.

Ray is imported in one place (:mod:`indexer.cluster.ray_cluster`), and only when it is asked for.
"""
