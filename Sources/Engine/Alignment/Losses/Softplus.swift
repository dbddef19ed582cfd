import Glibc

/// log(1 + eˣ) without overflow for large x or lost digits for very negative x; −log σ(u) is `softplus(-u)`.
package func softplus(_ x: Double) -> Double {
    max(x, 0) + log1p(exp(-abs(x)))
}

/// The logistic function σ(x), the derivative of softplus.
package func logistic(_ x: Double) -> Double {
    x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x))
}
