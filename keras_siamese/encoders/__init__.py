"""Ready-made encoders, and the head that makes an encoder of any backbone."""

from keras_siamese.encoders.convnet import convnet as convnet
from keras_siamese.encoders.embedding_dim import embedding_dim_of as embedding_dim_of
from keras_siamese.encoders.head import embedding_head as embedding_head
from keras_siamese.encoders.mlp import mlp as mlp
from keras_siamese.encoders.normalization import L2Normalization as L2Normalization
from keras_siamese.encoders.text import text as text
from keras_siamese.encoders.unit_norm import has_unit_norm as has_unit_norm

__all__ = [
    "L2Normalization",
    "convnet",
    "embedding_dim_of",
    "embedding_head",
    "has_unit_norm",
    "mlp",
    "text",
]
