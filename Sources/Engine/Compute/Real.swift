/// The number type of the engine: `Float`, or `Double` when the package is built with the trait
/// `DoublePrecision` (gradient checks by central differences).
#if DoublePrecision
    package typealias Real = Double
#else
    package typealias Real = Float
#endif
