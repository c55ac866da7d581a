import numpy as np
import pytest
from reference import verification as reference

from keras_siamese.metrics.pair_rates import EqualErrorRate, FalseNonMatchRate, TrueAcceptRate

_PLACES, _LABELS = [[0.0], [1.0], [3.0], [5.0]], [0, 0, 1, 1]


def _value(metric, embeddings, labels):
    metric.update_state(labels, embeddings)
    return float(metric.result())


def test_by_hand():
    # Positives 1 and 2; negatives 2, 3, 4 and 5.
    assert _value(EqualErrorRate(), _PLACES, _LABELS) == pytest.approx(1 / 6)
    assert _value(TrueAcceptRate(0.25), _PLACES, _LABELS) == 1.0
    assert _value(FalseNonMatchRate(0.25), _PLACES, _LABELS) == 0.0


def test_against_loops(rng):
    embeddings, labels = rng.normal(size=(50, 4)).astype("float32"), rng.integers(0, 7, 50)
    embeddings[20:] += labels[20:, None]
    pairs = reference.all_pairs(embeddings, labels, reference.euclidean)
    found = _value(EqualErrorRate(), embeddings, labels)
    assert found == pytest.approx(reference.equal_error_rate(*pairs), abs=1e-6)
    for rate in (0.01, 0.1):
        expected, _ = reference.true_accept_rate(*pairs, rate)
        assert _value(TrueAcceptRate(rate), embeddings, labels) == pytest.approx(expected)
        assert _value(FalseNonMatchRate(rate), embeddings, labels) == pytest.approx(1 - expected)


def test_names_and_arguments():
    assert TrueAcceptRate().name == "true_accept_rate_at_far_0.001"
    assert FalseNonMatchRate(1e-4).name == "false_non_match_rate_at_fmr_0.0001"
    assert TrueAcceptRate.from_config(TrueAcceptRate(0.2).get_config()).far == 0.2
    assert FalseNonMatchRate.from_config(FalseNonMatchRate(0.2).get_config()).fmr == 0.2
    for rate in (0, 1, -1, np.nan, "0.1"):
        with pytest.raises(ValueError, match="`far` must be"):
            TrueAcceptRate(rate)
        with pytest.raises(ValueError, match="`fmr` must be"):
            FalseNonMatchRate(rate)


def test_too_few_pairs_say_how_many_it_takes():
    with pytest.raises(ValueError, match=r"from 4 pairs of two classes.* 1000 pairs at least"):
        _value(TrueAcceptRate(), _PLACES, _LABELS)
    with pytest.raises(ValueError, match="Expected 5 pairs at least, and 50 or more"):
        _value(FalseNonMatchRate(0.2), _PLACES, _LABELS)
