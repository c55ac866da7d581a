import threading

import numpy as np
from threadpoolctl import threadpool_info

from keras_siamese.ops.threads import worker_threads


def test_products_take_one_thread_each_and_only_inside():
    np.ones((2, 2)) @ np.ones((2, 2))
    before = [info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"]
    main = threading.current_thread()
    with worker_threads() as pool:
        inside = {info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"}
        assert inside == {1}
        assert all(
            thread is not main
            for thread in pool.map(lambda _: threading.current_thread(), range(4))
        )
    after = [info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"]
    assert after == before
