import keras

from keras_siamese.encoders import convnet, embedding_dim_of


def test_functional():
    assert embedding_dim_of(convnet((8, 8, 1), embedding_dim=5)) == 5


def test_subclassed():
    class Encoder(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(7)

        def call(self, x):
            return self.dense(x)

    encoder = Encoder()
    encoder(keras.ops.ones((2, 3)))
    assert embedding_dim_of(encoder) is None
