"""Float64 references of losses made of losses, in loops that share no code with the package."""

import math


def contrastive(labels, x, margin, candidate_labels=None, candidates=None, own=None):
    """Mean contrastive loss over the pairs of an anchor and what is not itself, Euclidean."""
    if candidates is None:
        candidate_labels, candidates, own = labels, x, range(len(labels))
    losses = []
    for i, label in enumerate(labels):
        for j, other in enumerate(candidate_labels):
            if own[i] == j:
                continue
            d = math.dist(x[i], candidates[j])
            losses.append(d**2 / 2 if label == other else max(0.0, margin - d) ** 2 / 2)
    return sum(losses) / len(losses) if losses else 0.0


def prefixes(x, dim, normalize):
    """The first coordinates of each item, over their norm if wanted."""
    shortened = []
    for item in x:
        item = [float(value) for value in item[:dim]]
        norm = math.hypot(*item) if normalize else 1.0
        shortened.append([value / (norm or 1.0) for value in item])
    return shortened


class Memory:
    """A queue, newest first, as a list of `(label, item)`."""

    def __init__(self, size, warm_up=0):
        self.size, self.warm_up = size, warm_up
        self.items, self.num_batches = [], 0

    def add(self, labels, x):
        """Takes a batch in, and says whether the memory is in use for it."""
        self.items = [*zip(labels, x, strict=True), *self.items][: self.size]
        self.num_batches += 1
        return len(self.items) == self.size and self.num_batches > self.warm_up

    def contrastive(self, labels, x, margin):
        """The contrastive loss of the next batch."""
        if not self.add(labels, x):
            return contrastive(labels, x, margin)
        of_items, items = zip(*self.items, strict=True)
        return contrastive(labels, x, margin, of_items, items, range(len(labels)))
