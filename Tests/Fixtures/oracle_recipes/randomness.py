"""One random stream per label, so that adding a fixture never changes another one."""
import hashlib

import numpy as np

from .settings import FIRST_TEXT_ID


class Randomness:
    def __init__(self, seed):
        self.seed = seed

    def stream(self, *label):
        text = "|".join(map(str, label)).encode()
        words = np.frombuffer(hashlib.sha256(text).digest(), dtype="<u4").tolist()
        return np.random.default_rng(np.random.SeedSequence([self.seed, *words]))

    def normal(self, shape, *label):
        return self.stream("normal", *label).standard_normal(shape)

    def tokens(self, count, vocabulary, *label):
        return self.stream("tokens", *label).integers(FIRST_TEXT_ID, vocabulary, count).tolist()
