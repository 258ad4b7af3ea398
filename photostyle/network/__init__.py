"""Layers and networks: wavelet pooling, WCT2's encoder and decoder, the feature encoder, decoders, feed-forward nets.

Belongs here: a module of torch that turns tensors into tensors and knows nothing of styles, regions or files.
Imports `photostyle.errors` alone. Everything that runs a network imports it: `regions`, `transfer`, `methods`,
`weights`, `training`, `jobs`.
"""
